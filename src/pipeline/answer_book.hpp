// AnswerBook: what DNS said, for the pure functions that ask: in memory, else as the store keeps it, else wanted. One thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "whosent/base/result.hpp"
#include "whosent/dns/answer.hpp"
#include "whosent/store/store.hpp"

namespace whosent::pipeline {

class AnswerBook final : public dns::Answers {
public:
    // Whether a kept answer still holds. Names of hosts and addresses seldom change, and there are as many as sources; records of a domain are what an administrator mends.
    enum class Freshness : std::uint8_t {
        usual,    // a day for hosts, an hour for the rest and for failures, or the TTL where that is longer (a week at most)
        again,    // the same, but what failed is asked again
        strict,   // the TTL, and what failed is asked again
        kept,     // whatever is kept; only what never was asked is wanted
        offline,  // whatever is kept, and what is not "failed: DNS is off": nothing is wanted
    };

    // `reader` and `clock` outlive it.
    AnswerBook(store::Reader& reader, const Clock& clock, Freshness freshness) : reader_(reader), clock_(clock), freshness_(freshness) {}

    // Errors of the store are kept for failed(): until then everything is unknown.
    [[nodiscard]] const dns::Answer* find(std::string_view name, dns::Type type) override;
    // Of one that failed, what the store keeps of an earlier answer stands in its place, however old: a server that is silent today takes nothing back.
    void put(const dns::Answer& answer);
    // What find() could not tell since the last call, each once, in the order of asking.
    [[nodiscard]] std::vector<dns::Question> take_wanted();
    [[nodiscard]] const std::optional<Error>& failed() const noexcept { return failed_; }
    // Forgets everything when it holds more than its bound. Pointers that find() gave are void.
    void shrink();
    void set_freshness(Freshness freshness);

private:
    [[nodiscard]] const dns::Answer* keep(dns::Question question, dns::Answer answer);
    // The newest answer in the store that did not fail.
    [[nodiscard]] std::optional<dns::Answer> earlier(const dns::Question& question);

    static constexpr std::size_t kMostAnswers = 100'000;      // some 30 MB where they are as they should be
    static constexpr std::size_t kMostBytes = 32u << 20;      // of texts
    void clear();

    store::Reader& reader_;
    const Clock& clock_;
    Freshness freshness_;
    std::unordered_map<dns::Question, dns::Answer, dns::QuestionHash, dns::QuestionEqual> answers_;
    std::vector<dns::Question> wanted_;
    std::optional<Error> failed_;
    std::size_t bytes_ = 0;
};

}  // namespace whosent::pipeline
