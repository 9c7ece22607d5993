// Answers by their age: the least recently used leave first when there are too many. One thread at a time.
#pragma once

#include <list>
#include <unordered_map>
#include <utility>

#include "whosent/dns/answer.hpp"

namespace whosent::dns {

class Cache {
public:
    explicit Cache(std::size_t limit) : limit_(limit) {}

    // nullptr: not known, or too old. Valid until the next call.
    [[nodiscard]] const Answer* find(const Question& question, Seconds now) {
        const auto known = by_question_.find(question);
        if (known == by_question_.end()) return nullptr;
        const auto place = known->second;
        // A clock that was set back must not keep an answer alive.
        if (now < place->read || now - place->read >= static_cast<Seconds>(place->ttl)) {
            by_question_.erase(known);
            answers_.erase(place);
            return nullptr;
        }
        answers_.splice(answers_.begin(), answers_, place);
        return &*place;
    }

    void put(const Answer& answer) {
        if (limit_ == 0 || answer.ttl == 0 || is_absurd(answer)) return;
        if (const auto known = by_question_.find(answer.question); known != by_question_.end()) {
            const auto place = known->second;
            by_question_.erase(known);
            answers_.erase(place);
        }
        if (by_question_.size() == limit_) {
            by_question_.erase(QuestionView(answers_.back().question));
            answers_.pop_back();
        }
        answers_.push_front(answer);
        by_question_.emplace(QuestionView(answers_.front().question), answers_.begin());
    }

private:
    // Asked again when it is wanted again, so that memory is bounded by the number of answers.
    static bool is_absurd(const Answer& answer) {
        std::size_t bytes = 0;
        for (const std::string& text : answer.texts) bytes += text.size();
        return bytes > 8 * 1024;
    }

    using Places = std::unordered_map<QuestionView, std::list<Answer>::iterator, QuestionHash, QuestionEqual>;
    std::size_t limit_;
    std::list<Answer> answers_;  // last used first
    Places by_question_;         // keys look into answers_
};

}  // namespace whosent::dns
