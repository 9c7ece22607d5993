#include "app/json.hpp"

#include <utility>

#include "whosent/export/encode.hpp"

namespace whosent::app {

void Json::next(std::string_view key) {
    if (!out_.empty() && out_.back() != '{' && out_.back() != '[') out_ += ',';
    if (key.empty()) return;
    encode::append_json_string(out_, key);
    out_ += ':';
}

Json& Json::begin(std::string_view key, char open, char close) {
    next(key);
    out_ += open;
    closing_ += close;
    return *this;
}

Json& Json::end() {
    out_ += closing_.back();
    closing_.pop_back();
    return *this;
}

Json& Json::add(std::string_view key, const Cell& value) {
    next(key);
    append_json_cell(out_, value);
    return *this;
}

Json& Json::add_to_list(const Cell& value) { return add({}, value); }

std::string Json::take() {
    std::string out = std::exchange(out_, {});
    return out += '\n';
}

}  // namespace whosent::app
