#include "app/access.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <limits>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {

Error usage_error(std::string message) {
    return Error{.code = ErrorCode::invalid_argument, .stage = Stage::app, .message = std::move(message)};
}

void complain(std::string_view message) {
    const std::string line = fmt::format("whosent: {}\n", printable(message, 2000));
    std::fwrite(line.data(), 1, line.size(), stderr);
}

Result<std::unique_ptr<store::Store>> open_existing(const Context& context) {
    auto store = store::open_store(context.settings.store, store::OpenMode::existing, context.clock);
    if (!store && store.error().code == ErrorCode::not_found) {
        store.error().message += "; `whosent ingest PATH` makes one, --store or WHOSENT_STORE names another";
    }
    return store;
}

Result<OpenedReader> open_reader(const Context& context) {
    OpenedReader opened;
    opened.store = WHOSENT_TRY(open_existing(context));
    opened.reader = WHOSENT_TRY(opened.store->reader());
    return opened;
}

Result<std::unique_ptr<store::Store>> open_or_create(const Context& context) {
    if (context.settings.store_is_default) {
        const std::filesystem::path file = context.settings.store.substr(context.settings.store.find(':') + 1);
        std::error_code error;
        // reports tell who writes to whom: the last folder is the owner's alone
        if (std::filesystem::create_directories(file.parent_path(), error)) {
            std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, error);
        }
        if (error) {
            return std::unexpected(Error{.code = ErrorCode::io,
                                         .stage = Stage::app,
                                         .persistence = Persistence::retry,
                                         .where = file.parent_path().string(),
                                         .message = error.message()});
        }
    }
    return store::open_store(context.settings.store, store::OpenMode::create_if_missing, context.clock);
}

Result<std::optional<std::string>> domain_option(std::string_view option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    auto domain = normalise_domain(text);
    if (!domain) return std::unexpected(usage_error(fmt::format("{} {}: not a domain name", option, text)));
    return domain;
}

Result<std::optional<Seconds>> time_option(std::string_view option, const std::string& text, const Clock& clock) {
    if (text.empty()) return std::nullopt;
    auto time = parse_user_time(text, clock.now());
    if (!time) {
        return std::unexpected(
            usage_error(fmt::format("{} {}: not a time; give a date (2026-11-21), a date and time, \"30d\" ago, \"today\" or \"yesterday\"",
                                    option, text)));
    }
    return time;
}

Result<void> check_range(std::optional<Seconds> since, std::optional<Seconds> until) {
    if (since && until && *since >= *until) {
        return std::unexpected(usage_error(fmt::format("--since {} does not come before --until {}", format_time(*since), format_time(*until))));
    }
    return {};
}

Result<std::int64_t> id_argument(std::uint64_t id) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (id > kMost) return std::unexpected(usage_error(fmt::format("{}: no such number", id)));
    return static_cast<std::int64_t>(id);
}

}  // namespace whosent::app
