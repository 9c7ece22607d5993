// Macros of RFC 7208 section 7.1, as the record's grammar and their expansion read them.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace whosent::dns {

// macro-expand = ( "%{" macro-letter transformers *delimiter "}" ) / "%%" / "%_" / "%-"
struct SpfMacro {
    char letter = '%';      // lower case; % _ - of the escapes
    bool url_escape = false;  // written in upper case
    unsigned parts = 0;     // right-hand parts that are kept; 0: all
    bool reverse = false;
    std::string_view delimiters;  // empty: "."
    std::size_t length = 0;       // of the whole macro
    [[nodiscard]] bool is_escape() const noexcept { return letter == '%' || letter == '_' || letter == '-'; }
    // Allowed in explanation texts only (section 7.2).
    [[nodiscard]] bool is_exp_only() const noexcept { return letter == 'c' || letter == 'r' || letter == 't'; }
};

// The macro that `text` begins with; its first byte is '%'.
[[nodiscard]] std::optional<SpfMacro> read_spf_macro(std::string_view text) noexcept;

}  // namespace whosent::dns
