#include "app/lookup.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "app/interrupt.hpp"

namespace whosent::app {
namespace {

constexpr std::chrono::milliseconds kPoll{100};     // within that a signal is heard
constexpr std::size_t kMostQuestions = 20'000;      // of one run; a large company's SPF tree and selectors need some hundred

}  // namespace

void Lookup::Asked::take(const dns::Answer& answer) {
    oldest = std::min(oldest.value_or(answer.read), answer.read);
    snapshot.put(answer);
}

Lookup::Lookup(dns::Resolver* resolver, store::Reader* kept) : resolver_(resolver), kept_(kept) {}

Result<bool> Lookup::run(FunctionRef<void(dns::Answers&)> work, std::chrono::milliseconds deadline) {
    const auto until = std::chrono::steady_clock::now() + deadline;
    while (true) {
        work(asked_->snapshot);
        std::vector<dns::Question> wanted = asked_->snapshot.take_wanted();
        if (wanted.empty()) return true;
        std::erase_if(wanted, [&](const dns::Question& question) { return !questions_.insert(question).second; });
        if (questions_.size() > kMostQuestions) return false;
        const std::size_t before = answered();
        if (resolver_ == nullptr) {
            for (const dns::Question& question : wanted) {
                if (kept_ == nullptr) continue;
                const auto answer = WHOSENT_TRY(kept_->answer(question.name, question.type));
                if (answer) asked_->take(*answer);
            }
        } else {
            asked_->open += wanted.size();
            for (const dns::Question& question : wanted) {
                resolver_->ask(question, [asked = asked_](const dns::Answer& answer) {
                    asked->take(answer);
                    --asked->open;
                });
            }
            while (asked_->open > 0) {
                const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
                if (left.count() <= 0 || interrupted()) {
                    work(asked_->snapshot);  // with what came until then
                    return false;
                }
                resolver_->poll(std::min(left, kPoll));
            }
        }
        if (answered() == before) return false;
    }
}

}  // namespace whosent::app
