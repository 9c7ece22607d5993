// What DNS says: replies, DKIM key records, DMARC records. The first byte chooses the reader: 0 to 4 the type that is asked for (A, AAAA, MX, PTR, TXT), 5 a key, 6 a DMARC
// record. A reply is read as one to the question that stands in it. Bounds hold, a status and its problem fit together, and the order of records in the reply has no influence.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "dns/message.hpp"
#include "fuzz.hpp"
#include "whosent/base/text.hpp"
#include "whosent/dns/dkim_key.hpp"
#include "whosent/dns/dmarc_record.hpp"

using namespace whosent;
using namespace whosent::dns;

namespace {

constexpr std::array kTypes = {Type::a, Type::aaaa, Type::mx, Type::ptr, Type::txt};

// The question's name as it stands in the message, when it is one that could have been asked.
std::string asked_in(std::string_view message) {
    std::string wire;
    for (std::size_t at = 12; at < message.size();) {
        const auto length = static_cast<unsigned char>(message[at]);
        if (length > 63 || wire.size() + 1 + length > 255 || message.size() - at <= length) break;
        for (const char c : message.substr(at, 1u + length)) wire += to_lower(c);
        if (length == 0) return wire;
        at += 1u + length;
    }
    return {};
}

void check_host(std::string_view text) {
    for (const char c : text) {
        fuzz::check((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '\\', "a byte in a host name", text);
    }
    fuzz::check(!text.empty() && text.size() <= 1024, "an empty or endless host name", text);
}

void check_answer(const Answer& answer, const std::string& next, std::string_view asked) {
    const bool hosts = answer.question.type == Type::mx || answer.question.type == Type::ptr;
    std::size_t bytes = 0;
    for (const std::string& text : answer.texts) {
        bytes += text.size();
        if (hosts) check_host(text);
    }
    for (const std::string& target : answer.chain) check_host(target);
    fuzz::check(answer.ttl <= kMaxTtl, "a time beyond a day");
    fuzz::check(answer.chain.size() <= kMaxChain, "a chain too long");
    fuzz::check(answer.texts.size() + answer.addresses.size() <= kMaxRecords && bytes <= kMaxTextBytes, "too much is kept");
    fuzz::check(answer.status == Status::found || (answer.texts.empty() && answer.addresses.empty()), "records without being found");
    fuzz::check(answer.addresses.empty() || answer.question.type == Type::a || answer.question.type == Type::aaaa, "addresses in an answer of texts");
    fuzz::check(std::is_sorted(answer.addresses.begin(), answer.addresses.end()), "addresses in the server's order");
    fuzz::check(answer.question.type == Type::mx || std::is_sorted(answer.texts.begin(), answer.texts.end()), "texts in the server's order");
    if (!next.empty()) {
        fuzz::check(!answer.chain.empty() && text_of(next) == answer.chain.back() && next != asked, "the next name is not the chain's last");
        return;
    }
    fuzz::check(answer.status != Status::failed || !answer.problem.empty(), "a failure without a problem");
    fuzz::check(answer.problem.empty() || answer.status == Status::failed || answer.status == Status::found, "a problem without a failure", answer.problem);
}

int read_message(std::string_view message, Type type) {
    const std::string asked = asked_in(message);
    if (asked.size() < 2) return fuzz::kRejected;
    // A name with a dot inside of a label cannot be asked for: a question is text.
    if (asked.find('.') != std::string::npos) return fuzz::kRejected;
    Answer answer;
    for (std::size_t at = 0; asked[at] != '\0'; at += 1u + static_cast<unsigned char>(asked[at])) {
        if (at > 0) answer.question.name += '.';
        answer.question.name += asked.substr(at + 1, static_cast<unsigned char>(asked[at]));
    }
    fuzz::check(wire_name(answer.question.name) == asked && is_askable(answer.question.name), "a name does not come back", answer.question.name);
    answer.question.type = type;
    answer.ttl = kMaxTtl;
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(message.data()), message.size());
    const std::string next = read_reply(bytes, asked, answer);
    check_answer(answer, next, asked);
    // As a resolver that is led on, with a server that says the same to every question: it comes to an end.
    if (!next.empty()) {
        Answer on = answer;
        check_answer(on, read_reply(bytes, next, on), next);
    }
    return fuzz::kUsed;
}

void read_key(std::string_view record) {
    const auto key = parse_dkim_key(record);
    if (!key) {
        fuzz::check(!key.error().empty() && key.error().size() < 200, "no problem, or a long one", key.error());
        fuzz::check_no_person(key.error());
        return;
    }
    fuzz::check(key->revoked == (key->fingerprint == Key128{}), "a fingerprint of nothing, or none");
    fuzz::check(!key->revoked || key->bits == 0, "bits of nothing");
    fuzz::check(key->bits <= 8 * record.size(), "more bits than the record has");
    fuzz::check(key->revoked || key->bits > 0 || (key->algorithm != "rsa" && key->algorithm != "ed25519"), "a known key without length");
}

void read_dmarc(std::string_view text) {
    const auto record = parse_dmarc(text);
    fuzz::check(record.has_value() == is_dmarc_record(text), "two opinions on what a DMARC record is", text);
    if (!record) return;
    fuzz::check(record->problems.size() <= 16, "many problems");
    for (const std::string& problem : record->problems) {
        fuzz::check(!problem.empty() && problem.size() < 400, "no problem, or a long one", problem);
        fuzz::check_no_person(problem);
    }
    fuzz::check(!record->policy_readable || record->p, "a policy that is not there");
    fuzz::check(!record->pct || (*record->pct >= 0 && *record->pct <= 100), "pct");
    fuzz::check(record->psd == 'y' || record->psd == 'n' || record->psd == 'u', "psd");
    fuzz::check(record->rua.size() <= 32 && record->ruf.size() <= 32, "many URIs");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return fuzz::kRejected;
    const std::string_view rest = fuzz::text_of(data, size).substr(1);
    if (data[0] < kTypes.size()) return read_message(rest, kTypes[data[0]]);
    if (data[0] == 5) return read_key(rest), fuzz::kUsed;
    if (data[0] == 6) return read_dmarc(rest), fuzz::kUsed;
    return fuzz::kRejected;
}
