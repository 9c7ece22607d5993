// RawMessage: what a collector hands in. Immutable, shared bytes with their provenance.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/time.hpp"

namespace whosent {

// Whether the mail that brought a report was authenticated (a trusted Authentication-Results header, or the
// collector's own knowledge). What failed stays out of totals.
enum class Authenticity : std::uint8_t { unknown, authenticated, failed };
[[nodiscard]] std::string_view name_of(Authenticity) noexcept;

struct Provenance {
    std::string collector;   // "files", later "imap:NAME", ...
    std::string remote_key;  // what finds the message again at its collector: a path, a path and offset, UIDVALIDITY+UID
    std::string name;        // file name without folders, where there is one: evidence of what was meant, never of what it is
    std::string envelope_recipient;
    std::optional<Seconds> received_at;
    Authenticity authenticity = Authenticity::unknown;
};

struct RawMessage {
    std::shared_ptr<const void> owner;  // keeps `bytes` alive
    std::string_view bytes;
    // Where set: told which bytes a reader has done with for now, so that a mapped file can let go of their pages. They stay readable.
    std::function<void(std::string_view)> done_with;
    Provenance provenance;
};

}  // namespace whosent
