// The version of this build, as `whosent version` prints it and events carry it.
#pragma once

#include <string_view>

namespace whosent {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace whosent
