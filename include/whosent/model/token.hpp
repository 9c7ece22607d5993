// Token: a value out of a closed list as the wire spelled it. Absent, unknown and known stay apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace whosent {

// absent: !present. unknown: present, no value, raw as it stood. known: value (raw as it stood).
// Text is std::string where the token outlives its input and std::string_view where it points into it.
template <class T, class Text = std::string_view>
struct Token {
    bool present = false;
    std::optional<T> value;
    Text raw{};
};

}  // namespace whosent
