#include "answer_book.hpp"

#include <algorithm>
#include <utility>

namespace whosent::pipeline {
namespace {

constexpr Seconds kHour = 3'600, kDay = kSecondsPerDay, kWeek = 7 * kSecondsPerDay;

Seconds lifetime(const dns::Answer& answer, AnswerBook::Freshness freshness) {
    using enum AnswerBook::Freshness;
    if (answer.status == dns::Status::failed) return freshness == strict || freshness == again ? 0 : kHour;
    if (freshness == strict) return answer.ttl;
    const bool host = answer.question.type == dns::Type::ptr || answer.question.type == dns::Type::a || answer.question.type == dns::Type::aaaa;
    return std::clamp<Seconds>(answer.ttl, host ? kDay : kHour, kWeek);
}

}  // namespace

const dns::Answer* AnswerBook::keep(dns::Question question, dns::Answer answer) {
    for (const std::string& text : answer.texts) bytes_ += text.size();
    return &answers_.insert_or_assign(std::move(question), std::move(answer)).first->second;
}

std::optional<dns::Answer> AnswerBook::earlier(const dns::Question& question) {
    auto kept = reader_.answers(question.name, question.type);
    if (!kept) {
        if (!failed_) failed_ = std::move(kept).error();
        return std::nullopt;
    }
    const auto good = std::ranges::find_if(*kept, [](const auto& past) { return past.answer.status != dns::Status::failed; });
    if (good == kept->end()) return std::nullopt;
    return std::move(good->answer);
}

const dns::Answer* AnswerBook::find(std::string_view name, dns::Type type) {
    if (const auto known = answers_.find(dns::QuestionView(name, type)); known != answers_.end()) return &known->second;
    dns::Question question{std::string(name), type};
    if (!dns::is_askable(name)) return keep(question, {.question = question, .status = dns::Status::no_name, .read = clock_.now()});
    auto kept = reader_.answer(name, type);
    if (!kept) {
        if (!failed_) failed_ = std::move(kept).error();
        return nullptr;
    }
    const bool offline = freshness_ == Freshness::offline;
    if (*kept) {
        const bool silent = (*kept)->status == dns::Status::failed;
        const bool any_age = offline || (freshness_ == Freshness::kept && !silent);
        if (any_age || clock_.now() - (*kept)->read < lifetime(**kept, freshness_)) {
            if (silent)
                if (auto good = earlier(question)) return keep(question, std::move(*good));
            return keep(question, std::move(**kept));
        }
    }
    if (offline) return keep(question, {.question = question, .status = dns::Status::failed, .problem = "DNS is off", .read = clock_.now()});
    if (std::ranges::find(wanted_, question) == wanted_.end()) wanted_.push_back(std::move(question));
    return nullptr;
}

void AnswerBook::put(const dns::Answer& answer) {
    std::optional<dns::Answer> good;
    if (answer.status == dns::Status::failed) good = earlier(answer.question);
    static_cast<void>(keep(answer.question, good ? std::move(*good) : answer));
}

std::vector<dns::Question> AnswerBook::take_wanted() { return std::exchange(wanted_, {}); }

void AnswerBook::clear() {
    answers_.clear();
    bytes_ = 0;
}

void AnswerBook::shrink() {
    if (answers_.size() > kMostAnswers || bytes_ > kMostBytes) clear();
}

void AnswerBook::set_freshness(Freshness freshness) {
    freshness_ = freshness;
    wanted_.clear();
    clear();
}

}  // namespace whosent::pipeline
