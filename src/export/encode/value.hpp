// Value: one field of an event on its way into an encoding. It points into the event and does not outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "whosent/model/event.hpp"

namespace whosent::encode {

// Years 0000 to 9999, all that RFC 3339 section 5.6 can write.
inline constexpr Seconds kFirstTime = -62'167'219'200;
inline constexpr Seconds kLastTime = 253'402'300'799;

// Where a domain is expected, some reporters write a whole address. Events carry no local parts.
[[nodiscard]] inline std::string_view domain_part(std::string_view text) noexcept {
    const std::size_t at = text.rfind('@');
    return at == std::string_view::npos ? text : text.substr(at + 1);
}

// Written like the name of a host: labels of letters, digits, hyphens and underscores with dots between them.
[[nodiscard]] constexpr bool is_domain(std::string_view text) noexcept {
    constexpr auto kIsCharacter = [] {
        std::array<bool, 256> is_character{};
        for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")) is_character[static_cast<unsigned char>(c)] = true;
        return is_character;
    }();
    bool dot = false;
    for (const char c : text) {
        if (!kIsCharacter[static_cast<unsigned char>(c)]) return false;
        dot = dot || c == '.';
    }
    return dot;
}

// Something before an @, and a domain behind it.
[[nodiscard]] inline bool is_mailbox(std::string_view text) noexcept {
    const std::string_view domain = domain_part(text);
    return text.size() > domain.size() + 1 && is_domain(domain);
}

struct Value {
    enum class Kind : std::uint8_t { absent, text, number, boolean, time, address, key, dkim, spf, reasons, texts, domains, hosts, mailboxes, dkim_hosts, authentication, evidence, object };

    Kind kind = Kind::absent;
    union {
        std::string_view text;  // text; object: JSON as it stands
        std::int64_t number;    // number, boolean; time: Seconds
        const IpAddress* address;
        const Key128* key;
        std::span<const EventDkim> dkim;  // dkim and dkim_hosts
        const EventStream* spf;
        std::span<const EventReason> reasons;
        std::span<const std::string_view> texts;  // texts, domains, hosts, mailboxes; elements that the kind does not take are left out
        std::span<const EventAuthentication> authentication;
        std::span<const EventEvidence> evidence;
    };

    constexpr Value() : number(0) {}
    // An empty text says that there is none: absent.
    constexpr Value(std::string_view value) : kind(value.empty() ? Kind::absent : Kind::text), text(value) {}
    constexpr Value(bool value) : kind(Kind::boolean), number(value) {}
    constexpr Value(std::int64_t value) : kind(Kind::number), number(value) {}
    constexpr Value(std::optional<std::int64_t> value) : kind(value ? Kind::number : Kind::absent), number(value.value_or(0)) {}
    constexpr Value(const Key128& value) : kind(Kind::key), key(&value) {}
    constexpr Value(std::span<const EventDkim> value) : kind(value.empty() ? Kind::absent : Kind::dkim), dkim(value) {}
    constexpr Value(std::span<const EventReason> value) : kind(value.empty() ? Kind::absent : Kind::reasons), reasons(value) {}

    constexpr Value(std::span<const EventAuthentication> value) : kind(value.empty() ? Kind::absent : Kind::authentication), authentication(value) {}
    constexpr Value(std::span<const EventEvidence> value) : kind(value.empty() ? Kind::absent : Kind::evidence), evidence(value) {}
    constexpr Value(std::span<const std::string_view> value) : kind(Kind::absent), texts(value) {
        for (const std::string_view element : value) {
            if (!element.empty()) kind = Kind::texts;
        }
    }

    // For the fields that are always there.
    [[nodiscard]] static constexpr Value always(std::string_view text) {
        Value value(text);
        value.kind = Kind::text;
        return value;
    }
    [[nodiscard]] static constexpr Value time(Seconds at) {
        Value value(at);
        value.kind = at >= kFirstTime && at <= kLastTime ? Kind::time : Kind::absent;
        return value;
    }
    [[nodiscard]] static constexpr Value time(std::optional<Seconds> at) { return at ? time(*at) : Value(); }
    [[nodiscard]] static Value ip(const std::optional<IpAddress>& ip) {
        Value value;
        if (ip) {
            value.kind = Kind::address;
            value.address = &*ip;
        }
        return value;
    }
    [[nodiscard]] static Value v4(const std::optional<IpAddress>& ip) { return ip && ip->is_v4() ? Value::ip(ip) : Value(); }
    [[nodiscard]] static Value v6(const std::optional<IpAddress>& ip) { return ip && !ip->is_v4() ? Value::ip(ip) : Value(); }
    // The SPF result as one value.
    [[nodiscard]] static Value spf_of(const EventStream& stream) {
        Value value;
        if (!stream.spf_domain.empty() || !stream.spf_scope.empty() || !stream.spf_result.empty()) {
            value.kind = Kind::spf;
            value.spf = &stream;
        }
        return value;
    }
    // Each element without the local part of an address.
    [[nodiscard]] static Value domains(std::span<const std::string_view> texts) {
        Value value;
        value.texts = texts;
        for (const std::string_view element : texts) {
            if (!domain_part(element).empty()) value.kind = Kind::domains;
        }
        return value;
    }
    // What is written like a domain, and of lists the elements that are; for formats that know of nothing else.
    [[nodiscard]] static Value host(std::string_view text) { return is_domain(domain_part(text)) ? Value(domain_part(text)) : Value(); }
    [[nodiscard]] static Value hosts(std::span<const std::string_view> texts) {
        Value value;
        value.texts = texts;
        for (const std::string_view element : texts) {
            if (is_domain(domain_part(element))) value.kind = Kind::hosts;
        }
        return value;
    }
    [[nodiscard]] static Value hosts(std::span<const EventDkim> dkim) {
        Value value;
        value.dkim = dkim;
        for (const EventDkim& one : dkim) {
            if (is_domain(domain_part(one.domain))) value.kind = Kind::dkim_hosts;
        }
        return value;
    }
    // The same for addresses of mail.
    [[nodiscard]] static Value mailbox(std::string_view text) { return is_mailbox(text) ? Value(text) : Value(); }
    [[nodiscard]] static Value mailboxes(std::span<const std::string_view> texts) {
        Value value;
        value.texts = texts;
        for (const std::string_view element : texts) {
            if (is_mailbox(element)) value.kind = Kind::mailboxes;
        }
        return value;
    }
    // A JSON object that its writer made. Anything else is not passed on: it would break the document that holds it.
    [[nodiscard]] static Value json_object(std::string_view json) {
        Value value;
        if (json.size() >= 2 && json.front() == '{' && json.back() == '}') {
            value.kind = Kind::object;
            value.text = json;
        }
        return value;
    }
    template <class Word>
    [[nodiscard]] static Value word(const std::optional<Word>& word) {
        return word ? Value(name_of(*word)) : Value();
    }
};

}  // namespace whosent::encode
