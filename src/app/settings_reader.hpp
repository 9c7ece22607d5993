// What reading the tables of a configuration file shares. Only for settings_*.cpp: it brings in toml++.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#if __has_include(<toml++/toml.hpp>)
#include <toml++/toml.hpp>
#else
#include <toml++/toml.h>
#endif

#include "app/hint.hpp"
#include "app/settings.hpp"

namespace whosent::app {

struct Place {
    const std::string& path;
    [[nodiscard]] std::unexpected<Error> wrong(const toml::source_region& at, std::string message) const {
        return std::unexpected(
            Error{.code = ErrorCode::invalid_argument, .stage = Stage::app, .where = name(at), .message = std::move(message)});
    }
    [[nodiscard]] std::string name(const toml::source_region& at) const { return fmt::format("{}:{}", path, at.begin.line); }
};

[[nodiscard]] std::string_view type_name(const toml::node& node);
[[nodiscard]] Result<std::uint64_t> number(const Place& place, std::string_view key, const toml::node& node, std::uint64_t least, std::uint64_t most);
// `example` stands in the error: "\"400d\"".
[[nodiscard]] Result<std::string> text_of(const Place& place, std::string_view key, const toml::node& node, std::string_view example);

// The tables and lists of tables that say who sends: dns, catalogue, hosts, domain, approve, sender. False: the key is none of them.
[[nodiscard]] Result<bool> read_sender_tables(const Place& place, std::string_view key, const toml::node& node, Settings& settings);

}  // namespace whosent::app
