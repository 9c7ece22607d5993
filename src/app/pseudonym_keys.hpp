// The file with the keys of the pseudonyms: one line a key, "number hex created-date", oldest first, after a comment that says what it is.
//
// It is made complete and durable before anybody can see it (written beside its place, synced, then linked there), so that two
// processes that start at once have the same key and none reads half a file. What cannot be read is an error, never a reason to make new
// keys: with other keys nothing that was stored could be told again.
#pragma once

#include <string>
#include <vector>

#include "app/settings.hpp"
#include "whosent/base/pseudonym.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"

namespace whosent::app {

using PseudonymKeys = std::vector<Pseudonyms::NumberedKey>;  // oldest first, never empty

// not_found where there is no file; invalid_argument where others than its owner may read it, or a line is no key.
[[nodiscard]] Result<PseudonymKeys> load_keys(const std::string& path);
[[nodiscard]] Result<PseudonymKeys> load_or_create_keys(const std::string& path, const Clock& clock);
// Adds a key, and creates the file where there is none. The number of the new key.
[[nodiscard]] Result<std::uint32_t> rotate_keys(const std::string& path, const Clock& clock);

// What the privacy settings say. Makes the key file on first need; the modes full and drop need none.
[[nodiscard]] Result<Pseudonyms> open_pseudonyms(const Settings& settings, const Clock& clock);

}  // namespace whosent::app
