#include "whosent/model/stream.hpp"

#include <algorithm>

namespace whosent {

DkimLine take_dkim_line(std::string_view& dkim) noexcept {
    const auto take = [&dkim](char end) {
        const std::string_view field = dkim.substr(0, dkim.find(end));
        dkim.remove_prefix(std::min(dkim.size(), field.size() + 1));
        return field;
    };
    DkimLine line;
    line.domain = take('\t');
    line.selector = take('\t');
    line.result = take('\n');
    return line;
}

}  // namespace whosent
