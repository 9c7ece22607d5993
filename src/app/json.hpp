// JSON of objects and lists within one another, for what is no listing.
#pragma once

#include <string>
#include <string_view>

#include "app/output.hpp"

namespace whosent::app {

// Every begin_…() has its end(); within a list the key is left out.
class Json {
public:
    Json& begin_object(std::string_view key = {}) { return begin(key, '{', '}'); }
    Json& begin_list(std::string_view key = {}) { return begin(key, '[', ']'); }
    Json& end();
    Json& add(std::string_view key, const Cell& value);
    Json& add_to_list(const Cell& value);
    // With a line break at its end.
    [[nodiscard]] std::string take();

private:
    Json& begin(std::string_view key, char open, char close);
    void next(std::string_view key);

    std::string out_, closing_;
};

}  // namespace whosent::app
