#include "person_watch.hpp"

#include <algorithm>

#include "personal.hpp"
#include "whosent/base/text.hpp"

namespace whosent::pipeline {
namespace {

bool is_local_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80 ||
           std::string_view(".!#$%'*+/=?^_`{|}~-").find(c) != std::string_view::npos;
}

bool names_person(std::string_view text) {
    for (std::size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
        std::size_t begin = at;
        while (begin > 0 && is_local_byte(text[begin - 1])) --begin;
        if (!is_role(text.substr(begin, at - begin))) return true;  // begin == at: quoted, or cut
    }
    return text.find("%40") != std::string_view::npos || text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
}

}  // namespace

Result<Chunk> PersonWatch::next() {
    auto chunk = source_.next();
    // before the reader, who may overwrite it
    if (chunk && !found_) found_ = names_person({chunk->bytes.data(), chunk->bytes.size()});
    return chunk;
}

}  // namespace whosent::pipeline
