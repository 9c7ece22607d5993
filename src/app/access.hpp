// What several commands do first: open the store, read what the user typed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/command_line.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

struct OpenedReader {
    std::unique_ptr<store::Store> store;  // outlives `reader`
    std::unique_ptr<store::Reader> reader;
};

// A store that exists. not_found says how to begin.
[[nodiscard]] Result<std::unique_ptr<store::Store>> open_existing(const Context& context);
[[nodiscard]] Result<OpenedReader> open_reader(const Context& context);
// Creates the store, and the folders of the default place.
[[nodiscard]] Result<std::unique_ptr<store::Store>> open_or_create(const Context& context);

// Empty text: not given. Errors are invalid_argument and name the option.
[[nodiscard]] Result<std::optional<std::string>> domain_option(std::string_view option, const std::string& text);
[[nodiscard]] Result<std::optional<Seconds>> time_option(std::string_view option, const std::string& text, const Clock& clock);
// since before until
[[nodiscard]] Result<void> check_range(std::optional<Seconds> since, std::optional<Seconds> until);
// The ids of the store are positive and signed.
[[nodiscard]] Result<std::int64_t> id_argument(std::uint64_t id);

[[nodiscard]] Error usage_error(std::string message);

// One line on standard error: "whosent: …".
void complain(std::string_view message);

}  // namespace whosent::app
