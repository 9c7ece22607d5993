// Pseudonyms: what stands in the place of the local part of an address of a person (design: Personal data).
//
// A pseudonym is "~" + the number of its key + "." + 16 letters of base32: the first 80 bits of HMAC-SHA-256, under that key, of the whole
// address in lower case (without quotes around the local part, the domain with A-labels). The same address has the same pseudonym for as long
// as the key is the newest; older keys stay in the file, so that old pseudonyms can still be recomputed from an address. Immutable after
// creation, thread safe; time is linear in the text, and nothing fails.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "whosent/base/result.hpp"

namespace whosent {

// pseudonymous: local parts become pseudonyms, domains stay. full: nothing is changed. drop: local parts become "…".
enum class PrivacyMode : std::uint8_t { pseudonymous, full, drop };
[[nodiscard]] std::string_view name_of(PrivacyMode) noexcept;

class Pseudonyms {
public:
    using Key = std::array<std::uint8_t, 32>;
    struct NumberedKey {
        std::uint32_t number = 0;
        Key key{};
    };

    // `keys` oldest first; not empty where the mode is pseudonymous (invalid_argument otherwise).
    [[nodiscard]] static Result<Pseudonyms> create(PrivacyMode mode, std::vector<NumberedKey> keys);

    [[nodiscard]] PrivacyMode mode() const noexcept { return mode_; }
    // "local@domain" -> "~1.abcdefghijklmnop@domain" by the newest key; what has no '@' is treated as a local part alone. Angle brackets and
    // a display name are left out; the domain is in lower case with A-labels. Empty stays empty, and a pseudonym what it is.
    [[nodiscard]] std::string address(std::string_view address) const;
    // The local part of every address within free text, replaced in place: plain, quoted, with an '@' that is encoded ("%40", "%2540",
    // "=40"), in URLs. Of a VERP, SRS or BATV address the whole local part is one pseudonym: where in it the recipient begins cannot be
    // told. Without an '@', "list+user=example.org", "x=user=example.org" and "SRS0=…" are such addresses; "d=example.org" is none. What
    // stands before an address without a blank may be taken for a part of it: rather too much is hidden than too little.
    [[nodiscard]] std::string text(std::string_view text) const;
    // The same part by part, so that the folders before an address stay.
    [[nodiscard]] std::string path(std::string_view path) const;
    // For what is not an address but names a person or a mail (subjects, message ids): "~1.…" under the newest key, "" in mode drop.
    [[nodiscard]] std::string digest(std::string_view value) const;
    // What address() gives under every key, newest first, whatever the mode.
    [[nodiscard]] std::vector<std::string> all_of(std::string_view address) const;

private:
    Pseudonyms(PrivacyMode mode, std::vector<NumberedKey> keys) : mode_(mode), keys_(std::move(keys)) {}
    [[nodiscard]] std::string replacement(std::string_view canonical) const;
    PrivacyMode mode_;
    std::vector<NumberedKey> keys_;
};

}  // namespace whosent
