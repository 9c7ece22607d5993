// What an unknown word was probably meant to be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whosent::app {

// The known word that is nearest, unless none is near.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& known);
// "did you mean `store`?", or what there is to choose from.
[[nodiscard]] std::string hint(std::string_view key, const std::vector<std::string_view>& known);

}  // namespace whosent::app
