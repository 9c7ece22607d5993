// What a report alone allows to say about a row. Who sent it, and the verdict, come with attribution.
#pragma once

#include <cstdint>
#include <string_view>

namespace whosent {

enum class Judgement : std::uint8_t {
    pass,          // something aligned authenticates (RFC 9989 section 5.3.5)
    forwarded,     // nothing aligned passes, and the receiver or the envelope says that the mail came by a forwarder
    mailing_list,  // nothing aligned passes; an author's signature is broken and a list's own passes, or the receiver says so
    fail,          // nothing aligned passes, and nothing explains it
};
[[nodiscard]] std::string_view name_of(Judgement) noexcept;

struct Alignment {
    bool dkim = false;  // an aligned d= with result pass
    bool spf = false;   // an aligned MAIL FROM (or HELO where there is none) domain with result pass
    Judgement judgement = Judgement::fail;
    [[nodiscard]] bool pass() const noexcept { return dkim || spf; }
    bool operator==(const Alignment&) const = default;
};

}  // namespace whosent
