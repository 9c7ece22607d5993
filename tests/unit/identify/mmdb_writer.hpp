// Writes an MMDB file (the published format, version 2.0) of a few networks, in the layouts of GeoLite2 and DB-IP: enough for tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/ip_prefix.hpp"

namespace whosent::identify::tests {

class MmdbWriter {
public:
    static std::string text(std::string_view value) { return control(2, value.size()) + std::string(value); }
    static std::string u32(std::uint32_t value) {
        std::string bytes;
        for (int shift = 24; shift >= 0; shift -= 8) {
            if (!bytes.empty() || (value >> shift & 0xFF) != 0) bytes += static_cast<char>(value >> shift & 0xFF);
        }
        return control(6, bytes.size()) + bytes;
    }
    static std::string u16(std::uint16_t value) {
        std::string bytes = u32(value);
        bytes[0] = static_cast<char>(5 << 5 | (bytes[0] & 0x1F));
        return bytes;
    }
    static std::string map(const std::vector<std::pair<std::string, std::string>>& fields) {
        std::string all = control(7, fields.size());
        for (const auto& [key, value] : fields) all += text(key) + value;
        return all;
    }
    void add(std::string_view network, std::string value) { networks_.emplace_back(*IpPrefix::parse(network), std::move(value)); }

    // A tree of IPv6, IPv4 under ::/96, records of 24 bits.
    std::string bytes(std::string_view type) const {
        struct Node {
            std::int64_t child[2] = {-1, -1};  // -1: nothing; >= 0: a node; below -1: data -2 - offset
        };
        std::vector<Node> nodes(1);
        std::string data;
        for (const auto& [network, value] : networks_) {
            const std::size_t offset = data.size();
            data += value;
            std::array<std::uint8_t, 16> bits{};
            unsigned length = network.length();
            const auto address = network.first().bytes();
            std::copy(address.begin(), address.end(), bits.begin() + (network.is_v4() ? 12 : 0));
            length += network.is_v4() ? 96 : 0;
            std::size_t at = 0;
            for (unsigned i = 0; i < length; ++i) {
                const unsigned bit = bits[i / 8] >> (7 - i % 8) & 1;
                if (i + 1 == length) {
                    nodes[at].child[bit] = -2 - static_cast<std::int64_t>(offset);
                    break;
                }
                if (nodes[at].child[bit] < 0) {
                    nodes[at].child[bit] = static_cast<std::int64_t>(nodes.size());
                    nodes.emplace_back();
                }
                at = static_cast<std::size_t>(nodes[at].child[bit]);
            }
        }
        std::string file;
        for (const Node& node : nodes) {
            for (const std::int64_t child : node.child) {
                const std::uint64_t record = child >= 0 ? static_cast<std::uint64_t>(child) : child == -1 ? nodes.size() : nodes.size() + 16 + static_cast<std::uint64_t>(-2 - child);
                for (int shift = 16; shift >= 0; shift -= 8) file += static_cast<char>(record >> shift & 0xFF);
            }
        }
        file += std::string(16, '\0') + data;
        file += "\xab\xcd\xefMaxMind.com";
        return file + map({{"node_count", u32(static_cast<std::uint32_t>(nodes.size()))},
                           {"record_size", u16(24)},
                           {"ip_version", u16(6)},
                           {"database_type", text(type)},
                           {"languages", control(11, 0)},
                           {"binary_format_major_version", u16(2)},
                           {"binary_format_minor_version", u16(0)},
                           {"build_epoch", control(9, 4) + std::string("\x65\x00\x00\x00", 4)},
                           {"description", map({})}});
    }

private:
    static std::string control(unsigned type, std::size_t size) {
        std::string bytes;
        const std::size_t shown = size < 29 ? size : 29;  // up to 284
        bytes += static_cast<char>((type < 8 ? type << 5 : 0) | shown);
        if (type >= 8) bytes += static_cast<char>(type - 7);
        if (size >= 29) bytes += static_cast<char>(size - 29);
        return bytes;
    }
    std::vector<std::pair<IpPrefix, std::string>> networks_;
};

}  // namespace whosent::identify::tests
