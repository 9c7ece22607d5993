#include "app/lookup.hpp"

#include <map>
#include <utility>
#include <vector>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::app;
using namespace std::chrono_literals;

namespace {

// Answers when polled, if it answers at all.
class LateResolver : public dns::Resolver {
public:
    void ask(const dns::Question& question, std::function<void(const dns::Answer&)> done) override {
        ++asked[question.name];
        waiting.emplace_back(question, std::move(done));
    }
    std::size_t poll(std::chrono::milliseconds) override {
        if (silent) return waiting.size();
        for (auto& [question, done] : std::exchange(waiting, {})) {
            dns::Answer answer;
            answer.question = question;
            answer.status = dns::Status::found;
            answer.texts = {"text of " + question.name};
            answer.read = 1'000 + static_cast<Seconds>(question.name.size());
            done(answer);
        }
        return 0;
    }
    Counts counts() const override { return {}; }

    std::map<std::string, int> asked;
    bool silent = false;
    std::vector<std::pair<dns::Question, std::function<void(const dns::Answer&)>>> waiting;
};

// Each name leads to the next: "a" -> "aa" -> "aaa".
std::size_t follow(dns::Answers& answers, std::size_t depth) {
    for (std::size_t i = 1; i <= depth; ++i) {
        if (answers.find(std::string(i, 'a'), dns::Type::txt) == nullptr) return i - 1;
    }
    return depth;
}

}  // namespace

TEST_CASE("what answers make wanted is asked too, each question once") {
    LateResolver resolver;
    Lookup lookup(&resolver, nullptr);
    std::size_t reached = 0;
    const auto done = lookup.run([&](dns::Answers& answers) { reached = follow(answers, 5); }, 10s);
    REQUIRE(done);
    CHECK(*done);
    CHECK(reached == 5);
    CHECK(lookup.answered() == 5);
    CHECK(lookup.unanswered() == 0);
    CHECK(lookup.oldest() == 1'001);
    for (const auto& [name, times] : resolver.asked) CHECK(times == 1);
}

TEST_CASE("a resolver that says nothing ends at the deadline") {
    LateResolver resolver;
    resolver.silent = true;
    {
        Lookup lookup(&resolver, nullptr);
        const auto done = lookup.run([&](dns::Answers& answers) { follow(answers, 5); }, 20ms);
        REQUIRE(done);
        CHECK_FALSE(*done);
        CHECK(lookup.answered() == 0);
        CHECK(lookup.unanswered() == 1);
    }
    // an answer that comes after the look-up is gone harms nobody
    resolver.silent = false;
    resolver.poll(1ms);
}

TEST_CASE("without a resolver and a store nothing is known, and it ends") {
    Lookup lookup(nullptr, nullptr);
    const auto done = lookup.run([&](dns::Answers& answers) { follow(answers, 5); }, 10s);
    REQUIRE(done);
    CHECK_FALSE(*done);
    CHECK(lookup.unanswered() == 1);
}

TEST_CASE("a name that makes ever more names ends") {
    LateResolver resolver;
    Lookup lookup(&resolver, nullptr);
    std::size_t number = 0;
    const auto done = lookup.run(
        [&](dns::Answers& answers) {
            for (int i = 0; i < 1'000; ++i) (void)answers.find("n" + std::to_string(number++), dns::Type::txt);
        },
        60s);
    REQUIRE(done);
    CHECK_FALSE(*done);
    CHECK(number <= 30'000);
}
