// UidRanges: a set of UIDs as ranges, and how they are written. Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace whosent::collect::imap {

using Uid = std::uint32_t;

class UidRanges {
public:
    void add(Uid first, Uid last);  // first <= last
    void add(Uid uid) { add(uid, uid); }
    [[nodiscard]] bool contains(Uid uid) const;
    // The least UID from `from` on that is not in it; none: all up to the last are.
    [[nodiscard]] std::optional<Uid> first_missing(Uid from) const;
    [[nodiscard]] const std::map<Uid, Uid>& ranges() const noexcept { return ranges_; }  // first -> last
    bool operator==(const UidRanges&) const = default;

    // "1:117,119": the first ranges that fit into `most_bytes`.
    [[nodiscard]] std::string to_string(std::size_t most_bytes) const;
    [[nodiscard]] static std::optional<UidRanges> parse(std::string_view text);

private:
    std::map<Uid, Uid> ranges_;  // none touches another
};

// The longest set that we send: RFC 7162 section 4 asks clients to keep command lines below 8192 bytes.
inline constexpr std::size_t kMaxSetBytes = 8000 - 200;  // the rest of the command: a folder of 100 characters in modified UTF-7

// RFC 3501 section 9: sequence-set, of ascending UIDs; as many of the first as fit into `most_bytes`, of which `used` is told.
[[nodiscard]] std::string uid_set(std::span<const Uid> uids, std::size_t most_bytes, std::size_t& used);

}  // namespace whosent::collect::imap
