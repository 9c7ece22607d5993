// Writes DNS messages for tests, honest and odd ones.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/message.hpp"

namespace message_writer {

inline std::string u16(unsigned value) { return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)}; }
inline std::string u32(std::uint32_t value) { return u16(value >> 16) + u16(value & 0xFFFF); }
inline std::string name(std::string_view text) { return text.empty() ? std::string(1, '\0') : whosent::dns::wire_name(text); }
inline std::string pointer(unsigned target) { return u16(0xC000 | target); }

struct Record {
    std::string owner;  // as it stands in the message
    unsigned type = 0;
    std::uint32_t ttl = 300;
    std::string data;
    unsigned record_class = 1;
    [[nodiscard]] std::string bytes() const { return owner + u16(type) + u16(record_class) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data; }
};
inline Record a(std::string_view owner, std::string_view address, std::uint32_t ttl = 300) {
    const auto parsed = whosent::IpAddress::parse(address).value();
    const auto bytes = parsed.bytes();
    return {name(owner), bytes.size() == 4 ? 1u : 28u, ttl, std::string(bytes.begin(), bytes.end())};
}
inline Record cname(std::string_view owner, std::string_view target, std::uint32_t ttl = 300) { return {name(owner), 5, ttl, name(target)}; }
inline Record ptr(std::string_view owner, std::string_view target, std::uint32_t ttl = 300) { return {name(owner), 12, ttl, name(target)}; }
inline Record mx(std::string_view owner, unsigned preference, std::string_view host) { return {name(owner), 15, 300, u16(preference) + name(host)}; }
inline Record ns(std::string_view owner, std::string_view host) { return {name(owner), 2, 300, name(host)}; }
inline Record txt(std::string_view owner, const std::vector<std::string>& strings, std::uint32_t ttl = 300) {
    std::string data;
    for (const std::string& one : strings) data += static_cast<char>(one.size()) + one;
    return {name(owner), 16, ttl, data};
}
inline Record soa(std::string_view owner, std::uint32_t ttl, std::uint32_t minimum) {
    return {name(owner), 6, ttl, name("ns." + std::string(owner)) + name("hostmaster." + std::string(owner)) + u32(1) + u32(2) + u32(3) + u32(4) + u32(minimum)};
}

struct Message {
    unsigned id = 0x1234;
    unsigned flags = 0x8180;  // an answer, recursion desired and available
    std::string question;     // wire name; empty: no question section
    unsigned type = 16;
    std::vector<Record> answers, authority;
    int more_answers = 0;  // claimed and not there

    [[nodiscard]] std::string bytes() const {
        std::string out = u16(id) + u16(flags) + u16(question.empty() ? 0 : 1) + u16(static_cast<unsigned>(static_cast<int>(answers.size()) + more_answers)) +
                          u16(static_cast<unsigned>(authority.size())) + u16(0);
        if (!question.empty()) out += question + u16(type) + u16(1);
        for (const Record& record : answers) out += record.bytes();
        for (const Record& record : authority) out += record.bytes();
        return out;
    }
};

inline std::span<const std::uint8_t> span_of(std::string_view bytes) { return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}; }

}  // namespace message_writer
