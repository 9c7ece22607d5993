#include "dns/message.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "whosent/base/text.hpp"

namespace whosent::dns {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMaxWireName = 255;  // RFC 1035 section 2.3.4
constexpr std::uint16_t kNs = 2, kCname = 5, kSoa = 6, kOpt = 41;
constexpr std::uint16_t kInternet = 1;

// Reads numbers and names; the first thing that is not there makes it fail for good.
class Reader {
public:
    Reader(std::span<const std::uint8_t> message, std::size_t at, std::size_t end) : message_(message), at_(at), end_(std::min(end, message.size())) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t at() const { return at_; }

    std::uint8_t u8() {
        if (at_ >= end_) return ok_ = false, std::uint8_t{0};
        return message_[at_++];
    }
    std::uint16_t u16() {
        const auto high = u8();
        return static_cast<std::uint16_t>(high << 8 | u8());
    }
    std::uint32_t u32() {
        const auto high = u16();
        return static_cast<std::uint32_t>(high) << 16 | u16();
    }
    std::span<const std::uint8_t> bytes(std::size_t count) {
        if (end_ - at_ < count) return ok_ = false, std::span<const std::uint8_t>();
        at_ += count;
        return message_.subspan(at_ - count, count);
    }
    // RFC 1035 section 4.1.4. A pointer must lead to before the labels that it ends, so that each is followed once at most.
    std::string name() {
        std::string wire;
        std::size_t at = at_, end = end_, begin = at_;
        bool jumped = false;
        while (true) {
            if (at >= end) return ok_ = false, std::string();
            const std::uint8_t length = message_[at];
            if ((length & 0xC0) == 0xC0) {
                if (end - at < 2) return ok_ = false, std::string();
                const std::size_t target = static_cast<std::size_t>(length & 0x3F) << 8 | message_[at + 1];
                if (!jumped) at_ = at + 2;
                if (target >= begin || target < kHeaderBytes) return ok_ = false, std::string();
                at = begin = target;
                end = message_.size();
                jumped = true;
                continue;
            }
            // 01 and 10 are no kinds of label any more (RFC 6891 section 5)
            if ((length & 0xC0) != 0 || end - at < 1u + length || wire.size() + 1 + length > kMaxWireName) return ok_ = false, std::string();
            wire += static_cast<char>(length);
            for (std::size_t i = 1; i <= length; ++i) wire += to_lower(static_cast<char>(message_[at + i]));
            at += 1u + length;
            if (length > 0) continue;
            if (!jumped) at_ = at;
            return wire;
        }
    }

private:
    std::span<const std::uint8_t> message_;
    std::size_t at_, end_;
    bool ok_ = true;
};

struct Record {
    std::string owner;
    std::uint16_t type = 0, record_class = 0;
    std::uint32_t ttl = 0;
    std::size_t begin = 0, end = 0;  // of its data
};

Record read_record(Reader& reader) {
    Record record;
    record.owner = reader.name();
    record.type = reader.u16();
    record.record_class = reader.u16();
    record.ttl = reader.u32();
    if (record.ttl > 0x7FFF'FFFF) record.ttl = 0;  // RFC 2181 section 8
    const std::size_t length = reader.u16();
    record.begin = reader.at();
    reader.bytes(length);
    record.end = reader.at();
    return record;
}

std::string_view rcode_words(unsigned rcode) {
    switch (rcode) {
        case 1: return "FORMERR: the server could not read the question";
        case 2: return "SERVFAIL: the server failed";
        case 4: return "NOTIMP: the server does not answer such questions";
        case 5: return "REFUSED: the server refuses to answer";
        default: return "";
    }
}

// What the authority section says of a negative answer.
struct Authority {
    std::optional<std::uint32_t> negative_ttl;  // of a SOA record, RFC 2308 section 5
    bool name_servers = false;
};
std::optional<Authority> read_authority(std::span<const std::uint8_t> message, Reader& reader, std::size_t count) {
    Authority authority;
    for (; count > 0; --count) {
        const Record record = read_record(reader);
        if (!reader.ok()) return std::nullopt;
        if (record.record_class != kInternet) continue;
        authority.name_servers = authority.name_servers || record.type == kNs;
        if (record.type != kSoa || authority.negative_ttl) continue;
        Reader data(message, record.begin, record.end);
        data.name();
        data.name();
        data.bytes(16);
        const std::uint32_t minimum = data.u32();
        if (!data.ok()) return std::nullopt;
        authority.negative_ttl = std::min({record.ttl, minimum, kMaxNegativeTtl});
    }
    return authority;
}

// The records that were asked for, until they are too many.
class Collected {
public:
    explicit Collected(Type type) : type_(type) {}

    // False: its data cannot be read.
    bool add(std::span<const std::uint8_t> message, const Record& record) {
        if (texts_.size() + addresses_.size() >= kMaxRecords) return cut_ = true;
        Reader data(message, record.begin, record.end);
        std::uint16_t preference = 0;
        std::string text;
        switch (type_) {
            case Type::a:
            case Type::aaaa: {
                const auto bytes = data.bytes(record.end - record.begin);
                if (bytes.size() != (type_ == Type::a ? 4u : 16u)) return false;
                addresses_.push_back(*IpAddress::from_bytes(bytes));
                return true;
            }
            case Type::txt:
                while (data.at() < record.end) {
                    const auto string = data.bytes(data.u8());
                    if (!data.ok()) return false;
                    text.append(reinterpret_cast<const char*>(string.data()), string.size());
                }
                break;
            case Type::mx: preference = data.u16(); [[fallthrough]];
            case Type::ptr: {
                const std::string host = data.name();
                if (!data.ok()) return false;
                if (host.size() == 1) return true;  // the root: RFC 7505
                text = text_of(host);
                break;
            }
        }
        if (text_bytes_ + text.size() > kMaxTextBytes) return cut_ = true;
        text_bytes_ += text.size();
        texts_.emplace_back(preference, std::move(text));
        return true;
    }

    // In an order that does not depend on the server's, and each once (RFC 2181 section 5).
    void give(Answer& answer) {
        std::sort(texts_.begin(), texts_.end());
        std::sort(addresses_.begin(), addresses_.end());
        texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
        addresses_.erase(std::unique(addresses_.begin(), addresses_.end()), addresses_.end());
        answer.texts.clear();
        for (auto& [preference, text] : texts_) answer.texts.push_back(std::move(text));
        answer.addresses = std::move(addresses_);
        if (cut_) answer.problem = "more than " + std::to_string(kMaxRecords) + " records or " + std::to_string(kMaxTextBytes / 1024) + " KiB of text; the rest is left out";
    }

private:
    Type type_;
    std::vector<std::pair<std::uint16_t, std::string>> texts_;
    std::vector<IpAddress> addresses_;
    std::size_t text_bytes_ = 0;
    bool cut_ = false;
};

// Follows CNAME records from `name`, which becomes the last name of the chain. Empty, or why not.
std::string_view follow_chain(std::span<const std::uint8_t> message, const std::vector<Record>& records, std::string& name, Answer& answer) {
    const auto type = static_cast<std::uint16_t>(answer.question.type);
    const std::string first = text_of(wire_name(answer.question.name));
    while (true) {
        const Record* alias = nullptr;
        std::string target;
        for (const Record& record : records) {
            if (record.owner != name) continue;
            if (record.type == type) return {};
            Reader data(message, record.begin, record.end);
            std::string leads_to = data.name();
            if (!data.ok()) return "the reply cannot be read: damaged CNAME record";
            if (alias != nullptr && leads_to != target) return "two CNAME records for one name";  // RFC 1034 section 3.6.2
            alias = &record;
            target = std::move(leads_to);
        }
        if (alias == nullptr) return {};
        std::string text = text_of(target);
        if (text == first || std::find(answer.chain.begin(), answer.chain.end(), text) != answer.chain.end()) return "CNAME records in a circle";
        if (answer.chain.size() == kMaxChain) return "a chain of more than 16 CNAME records";
        answer.chain.push_back(std::move(text));
        answer.ttl = std::min(answer.ttl, alias->ttl);
        name = std::move(target);
    }
}

}  // namespace

std::string wire_name(std::string_view name) {
    std::string wire;
    wire.reserve(name.size() + 2);
    for (std::size_t at = 0; at <= name.size();) {
        const std::size_t dot = std::min(name.find('.', at), name.size());
        wire += static_cast<char>(dot - at);
        for (; at < dot; ++at) wire += to_lower(name[at]);
        ++at;
    }
    return wire += '\0';
}

std::string text_of(std::string_view wire_name) {
    std::string text;
    std::size_t at = 0;
    while (at < wire_name.size() && wire_name[at] != '\0') {
        if (at > 0) text += '.';
        const std::size_t end = at + 1 + static_cast<unsigned char>(wire_name[at]);
        for (++at; at < end && at < wire_name.size(); ++at) {
            const auto byte = static_cast<unsigned char>(wire_name[at]);
            if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_') {
                text += static_cast<char>(byte);
            } else {
                text += {'\\', static_cast<char>('0' + byte / 100), static_cast<char>('0' + byte / 10 % 10), static_cast<char>('0' + byte % 10)};
            }
        }
    }
    return text.empty() ? "." : text;
}

std::string make_query(std::string_view wire_name, Type type, std::uint16_t id) {
    std::string query;
    const auto u16 = [&](std::uint16_t value) { query += {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)}; };
    u16(id);
    u16(0x0100);  // recursion desired
    u16(1);       // one question
    u16(0);
    u16(0);
    u16(1);  // one additional record
    query += wire_name;
    u16(static_cast<std::uint16_t>(type));
    u16(kInternet);
    query += '\0';
    u16(kOpt);
    u16(kUdpPayload);
    query.append(6, '\0');  // extended code, version, flags, no data
    return query;
}

void fail(Answer& answer, std::string problem) {
    answer.status = Status::failed;
    answer.problem = std::move(problem);
    answer.texts.clear();
    answer.addresses.clear();
    answer.ttl = kFailureTtl;
}

std::string read_reply(std::span<const std::uint8_t> message, std::string_view asked, Answer& answer) {
    const auto failed = [&](std::string_view problem) { return fail(answer, std::string(problem)), std::string(); };
    Reader reader(message, 0, message.size());
    reader.u16();  // the id, which the caller has compared
    const std::uint16_t flags = reader.u16();
    const std::uint16_t questions = reader.u16(), answers = reader.u16(), authorities = reader.u16();
    reader.u16();
    if (!reader.ok() || (flags & 0xF800) != 0x8000) return failed("the reply cannot be read: no answer to a query");
    const unsigned rcode = flags & 0xF;
    if (rcode != 0 && rcode != 3) {
        const auto words = rcode_words(rcode);
        return failed(words.empty() ? "the server answers with code " + std::to_string(rcode) : words);
    }
    if ((flags & 0x0200) != 0) return failed("the reply is cut off");
    if (questions != 1 || reader.name() != asked || reader.u16() != static_cast<std::uint16_t>(answer.question.type) || reader.u16() != kInternet || !reader.ok()) {
        return failed("the reply is to another question");
    }
    std::vector<Record> records;  // a message holds at most 65,535 bytes: some 5,900 of them
    for (std::size_t i = 0; i < answers; ++i) {
        Record record = read_record(reader);
        if (!reader.ok()) return failed("the reply cannot be read: damaged answer section");
        const bool wanted = record.type == static_cast<std::uint16_t>(answer.question.type) || record.type == kCname;
        if (wanted && record.record_class == kInternet) records.push_back(std::move(record));
    }
    std::string name(asked);
    if (const auto problem = follow_chain(message, records, name, answer); !problem.empty()) return failed(problem);

    Collected collected(answer.question.type);
    bool found = false;
    if (rcode == 0) {
        for (const Record& record : records) {
            if (record.owner != name || record.type == kCname) continue;
            if (!collected.add(message, record)) return failed("the reply cannot be read: damaged record");
            answer.ttl = std::min(answer.ttl, record.ttl);
            found = true;
        }
    }
    answer.problem.clear();
    if (found) {
        answer.status = Status::found;
        collected.give(answer);
        return {};
    }
    const auto authority = read_authority(message, reader, authorities);
    if (!authority) return failed("the reply cannot be read: damaged authority section");
    if (rcode == 0 && !authority->negative_ttl) {
        if (name != asked) return name;  // the server does not follow its CNAME record
        // RFC 2308 section 2.2: name servers without SOA are a referral, not a "no"
        if (authority->name_servers) return failed("the server refers to others instead of answering");
    }
    answer.status = rcode == 0 ? Status::no_data : Status::no_name;
    answer.ttl = std::min(answer.ttl, authority->negative_ttl.value_or(kFailureTtl));
    return {};
}

}  // namespace whosent::dns
