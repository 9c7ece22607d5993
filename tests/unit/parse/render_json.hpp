// Pieces of JSON text, with a stable layout, for what the readers of reports are shown to have read; and diagnostics as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "whosent/base/result.hpp"
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

template <class Items, class F>
std::string array(const Items& items, F&& each) {
    std::string out = "[";
    for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + each(item);
    return out + "]";
}

// One JSON object; absent members are left out.
class Object {
public:
    // depth 0: all members on one line; else each on its own, that far in.
    explicit Object(std::size_t depth = 0) : depth_(depth) {}

    void raw(std::string_view name, std::string_view value) {
        if (!text_.empty()) text_ += depth_ == 0 ? ", " : ",";
        text_ += fmt::format("{}{}: {}", line(depth_), quoted(name), value);
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
    template <class Texts>
    void list(std::string_view name, const Texts& texts) {
        if (!texts.empty()) raw(name, array(texts, quoted));
    }
    // `each` fills an object with an item.
    template <class Items, class F>
    void list(std::string_view name, const Items& items, F&& each) {
        if (items.empty()) return;
        raw(name, array(items, [&](const auto& item) {
                Object object;
                each(object, item);
                return object.str();
            }));
    }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    [[nodiscard]] std::string str() const { return "{" + text_ + line(depth_ - (depth_ > 0 ? 1 : 0)) + "}"; }

private:
    [[nodiscard]] std::string line(std::size_t depth) const { return depth_ == 0 ? std::string() : "\n" + std::string(2 * depth, ' '); }

    std::size_t depth_;
    std::string text_;
};

// What stands in place of a report.
inline std::string error_json(const Error& error) {
    Object out;
    out.text("code", error_code_name(error.code));
    out.raw("message", quoted(error.message));
    return out.str();
}

inline std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::note: return "note";
        case Severity::warning: return "warning";
        case Severity::error: return "error";
    }
    return "";
}

// The codes, with a space between.
inline std::string codes_of(const std::vector<Diagnostic>& diagnostics) {
    std::string all;
    for (const Diagnostic& diagnostic : diagnostics) all += (all.empty() ? "" : " ") + diagnostic.code;
    return all;
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
