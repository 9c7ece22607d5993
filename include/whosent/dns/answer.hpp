// What DNS said, with its time: a question, an answer, and the view that pure functions ask.
//
// Functions that need DNS (SPF coverage, attribution, …) are pure over an Answers: what is not known yet is noted as wanted, and the caller asks a Resolver and runs the
// function again. So no function waits, and each judgement can say which records it rested on.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"

namespace whosent::dns {

enum class Type : std::uint16_t { a = 1, mx = 15, ptr = 12, txt = 16, aaaa = 28 };
[[nodiscard]] std::string_view name_of(Type) noexcept;  // "TXT"

struct Question {
    std::string name;  // lower case, no final dot
    Type type = Type::txt;
    auto operator<=>(const Question&) const = default;
};
// A question without its own copy of the name, to look one up.
struct QuestionView {
    std::string_view name;
    Type type = Type::txt;
    QuestionView(std::string_view n, Type t) noexcept : name(n), type(t) {}
    QuestionView(const Question& question) noexcept : name(question.name), type(question.type) {}
    auto operator<=>(const QuestionView&) const = default;
};
struct QuestionHash {
    using is_transparent = void;
    std::size_t operator()(QuestionView question) const noexcept {
        return std::hash<std::string_view>()(question.name) ^ static_cast<std::size_t>(question.type) * 0x9E3779B97F4A7C15u;
    }
};
struct QuestionEqual {
    using is_transparent = void;
    bool operator()(QuestionView a, QuestionView b) const noexcept { return a == b; }
};
struct QuestionLess {
    using is_transparent = void;
    bool operator()(QuestionView a, QuestionView b) const noexcept { return a < b; }
};

enum class Status : std::uint8_t {
    found,    // there are records
    no_data,  // the name exists, without records of this type
    no_name,  // NXDOMAIN
    failed,   // SERVFAIL, REFUSED, no answer in time, an answer that cannot be read
};
[[nodiscard]] std::string_view name_of(Status) noexcept;  // "no_data"

struct Answer {
    Question question;
    Status status = Status::failed;
    std::string problem;             // of failed, for people: "no answer within 5 s"; of found: what was left out, when it was too much
    std::vector<std::string> chain;  // the targets of CNAME records on the way, in order; normalised
    // TXT: the strings of a record joined, bytes as they are. PTR, MX: host names, lower case, no final dot, MX by preference; a byte that no host name has is written
    // \DDD (RFC 1035 section 5.1), and the root (an MX record that says there is none, RFC 7505) is left out.
    std::vector<std::string> texts;
    std::vector<IpAddress> addresses;  // A, AAAA
    Seconds read = 0;                // when
    std::uint32_t ttl = 0;           // seconds; of no_data and no_name that of negative caching (RFC 2308 section 5)
    // The same records, whenever they were read and in whatever order the server gave them (that of MX counts).
    [[nodiscard]] bool same_content(const Answer& other) const noexcept;
};

class Answers {
public:
    virtual ~Answers() = default;
    // nullptr: not known yet; it is noted as wanted. The answer is valid as long as *this, unchanged. The name may be in any case and with a final dot. A name that is no
    // domain name (not is_askable) is answered no_name without asking, by an answer without question and times.
    [[nodiscard]] virtual const Answer* find(std::string_view name, Type type) = 0;
};

// Answers kept in memory. One thread at a time.
class Snapshot : public Answers {
public:
    [[nodiscard]] const Answer* find(std::string_view name, Type type) override;
    void put(Answer answer);  // replaces one of the same question
    [[nodiscard]] std::vector<Question> take_wanted();  // each once, in the order of their names; the list is emptied
    [[nodiscard]] std::size_t size() const noexcept { return answers_.size(); }

private:
    std::unordered_map<Question, Answer, QuestionHash, QuestionEqual> answers_;
    std::set<Question, QuestionLess> wanted_;
};

// "4.3.2.1.in-addr.arpa" (RFC 1035 section 3.5), "…ip6.arpa" (RFC 3596 section 2.5).
[[nodiscard]] std::string reverse_name(const IpAddress& address);
// Fit to be asked for: at most 253 bytes, labels of 1..63 bytes. Bytes need not be letters: SPF macros and service names make odd ones.
[[nodiscard]] bool is_askable(std::string_view name) noexcept;

}  // namespace whosent::dns
