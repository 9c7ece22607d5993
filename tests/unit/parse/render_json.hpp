// Pieces of JSON text, with a stable layout, for what the readers of reports are shown to have read; and the line of a diagnostic.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "whosent/model/diagnostic.hpp"
#include "whosent/model/token.hpp"

namespace whosent::parse {

inline std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

// One JSON object of members on one line; absent ones are left out.
class Object {
public:
    void raw(std::string_view name, std::string_view value) {
        text_ += fmt::format("{}{}: {}", text_.empty() ? "" : ", ", quoted(name), value);
    }
    void text(std::string_view name, std::string_view value) {
        if (!value.empty()) raw(name, quoted(value));
    }
    template <class T>
    void number(std::string_view name, const std::optional<T>& value) {
        if (value) raw(name, fmt::format("{}", *value));
    }
    // Known: the standard's word. Unknown: {"raw": as it stood}.
    template <class T, class Text>
    void token(std::string_view name, const Token<T, Text>& token) {
        if (!token.present) return;
        if (!token.value) return raw(name, fmt::format("{{\"raw\": {}}}", quoted(token.raw)));
        if constexpr (std::is_same_v<T, bool>) {
            raw(name, *token.value ? "\"y\"" : "\"n\"");
        } else {
            raw(name, quoted(name_of(*token.value)));
        }
    }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    [[nodiscard]] std::string str() const { return "{" + text_ + "}"; }

private:
    std::string text_;
};

template <class Items, class F>
std::string array(const Items& items, F&& each) {
    std::string out = "[";
    for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + each(item);
    return out + "]";
}

inline std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::note: return "note";
        case Severity::warning: return "warning";
        case Severity::error: return "error";
    }
    return "";
}

// "severity code where [row]: message", a line each.
inline std::string diagnostic_lines(const std::vector<Diagnostic>& diagnostics) {
    std::string lines;
    for (const Diagnostic& diagnostic : diagnostics) {
        lines += fmt::format("{} {} {}{}: {}\n", severity_name(diagnostic.severity), diagnostic.code, diagnostic.where.empty() ? "-" : diagnostic.where,
                             diagnostic.row ? fmt::format(" [{}]", *diagnostic.row) : "", diagnostic.message);
    }
    return lines;
}

}  // namespace whosent::parse
