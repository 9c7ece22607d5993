// How what is known of a DKIM key in DNS is shown.
#pragma once

#include <string>
#include <string_view>

#include "app/json.hpp"
#include "app/tree.hpp"
#include "whosent/identify/identify.hpp"

namespace whosent::app {

[[nodiscard]] std::string_view key_word(identify::SelectorReport::Key key) noexcept;  // "too-short"
[[nodiscard]] Tree selector_tree(const identify::SelectorReport& report);
// Members of the object that is open.
void append_selector(Json& json, const identify::SelectorReport& report);

}  // namespace whosent::app
