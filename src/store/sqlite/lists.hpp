// Lists of texts as one text: each entry ends with a newline and each field but the last with a tab; what is newline, tab or
// backslash within an entry is written \n, \t, \\, so that no entry can be made to look like two. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "whosent/model/arf_report.hpp"

namespace whosent::store::sqlite {

[[nodiscard]] std::string join_list(const std::vector<std::string>& entries);
[[nodiscard]] std::string join_list(const std::vector<AuthenticationResult>& entries);
[[nodiscard]] std::string join_list(const std::vector<std::pair<std::string, std::string>>& entries);

[[nodiscard]] std::vector<std::string> split_list(std::string_view list);
[[nodiscard]] std::vector<AuthenticationResult> split_authentication_results(std::string_view list);
[[nodiscard]] std::vector<std::pair<std::string, std::string>> split_pairs(std::string_view list);

}  // namespace whosent::store::sqlite
