#include "app/settings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "app/settings_file.hpp"

namespace whosent::app {
namespace {

template <auto Member>
constexpr LimitKey limit(std::string_view name) {
    using Value = std::remove_reference_t<decltype(std::declval<Limits&>().*Member)>;
    return {name, [](const Limits& limits) { return static_cast<std::uint64_t>(limits.*Member); },
            [](Limits& limits, std::uint64_t value) { limits.*Member = static_cast<Value>(value); }};
}

constexpr LimitKey kLimitKeys[] = {
    limit<&Limits::message_bytes>("message_bytes"),
    limit<&Limits::header_bytes>("header_bytes"),
    limit<&Limits::mime_parts>("mime_parts"),
    limit<&Limits::mime_depth>("mime_depth"),
    limit<&Limits::payload_bytes>("payload_bytes"),
    limit<&Limits::ratio>("ratio"),
    limit<&Limits::ratio_floor_bytes>("ratio_floor_bytes"),
    limit<&Limits::nesting>("nesting"),
    limit<&Limits::archive_members>("archive_members"),
    limit<&Limits::rows>("rows"),
    limit<&Limits::xml_section_bytes>("xml_section_bytes"),
    limit<&Limits::xml_depth>("xml_depth"),
    limit<&Limits::xml_nodes>("xml_nodes"),
    limit<&Limits::json_depth>("json_depth"),
    limit<&Limits::tls_report_bytes>("tls_report_bytes"),
    limit<&Limits::dkim_results>("dkim_results"),
    limit<&Limits::value_bytes>("value_bytes"),
    limit<&Limits::diagnostics>("diagnostics"),
};

const char* environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}

// The XDG base directory specification has state (what should live on, but is not the user's own document) in $XDG_STATE_HOME.
Result<std::string> default_store() {
    if (const char* state = environment("XDG_STATE_HOME")) return fmt::format("sqlite:{}/whosent/whosent.db", state);
    if (::geteuid() == 0) return "sqlite:/var/lib/whosent/whosent.db";
    if (const char* home = environment("HOME")) return fmt::format("sqlite:{}/.local/state/whosent/whosent.db", home);
    return std::unexpected(Error{.code = ErrorCode::invalid_argument,
                                 .stage = Stage::app,
                                 .message = "neither HOME nor XDG_STATE_HOME is set: name the store with --store sqlite:FILE or WHOSENT_STORE"});
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

}  // namespace

std::span<const LimitKey> limit_keys() noexcept { return kLimitKeys; }

Result<Settings> load_settings(const Flags& flags) {
    Settings settings;
    if (!flags.config.empty()) WHOSENT_CHECK(read_settings_file(flags.config, settings));
    if (!flags.store.empty()) {
        settings.store = flags.store;
        settings.origins["store"] = "--store";
    } else if (const char* store = environment("WHOSENT_STORE")) {
        settings.store = store;
        settings.origins["store"] = "WHOSENT_STORE";
    } else if (settings.store.empty()) {
        settings.store = WHOSENT_TRY(default_store());
        settings.store_is_default = true;
    }
    if (settings.key_file.empty()) {
        const std::size_t colon = settings.store.find(':');
        settings.key_file = settings.store.substr(colon == std::string::npos ? 0 : colon + 1) + ".keys";
    }
    if (flags.jobs) {
        if (*flags.jobs > kMostJobs) {
            return std::unexpected(Error{.code = ErrorCode::invalid_argument,
                                         .stage = Stage::app,
                                         .message = fmt::format("--jobs {}: at most {}", *flags.jobs, kMostJobs)});
        }
        settings.jobs = static_cast<unsigned>(*flags.jobs);
        settings.origins["jobs"] = "--jobs";
    }
    return settings;
}

std::string to_toml(const Settings& settings) {
    const auto origin = [&](std::string_view key) -> std::string_view {
        const auto found = settings.origins.find(key);
        return found == settings.origins.end() ? "default" : std::string_view(found->second);
    };
    std::string out = fmt::format("store = {}  # {}\n", quoted(settings.store), origin("store"));
    out += fmt::format("jobs = {}  # {}{}\n", settings.jobs, origin("jobs"), settings.jobs == 0 ? ": one a processor but one, which commits" : "");
    out += fmt::format("commit_rows = {}  # {}\n\n", settings.commit_rows, origin("commit_rows"));
    out += fmt::format("[privacy]\nmode = {}  # {}\n", quoted(name_of(settings.privacy_mode)), origin("privacy.mode"));
    out += fmt::format("key_file = {}  # {}\n\n[retention]\n", quoted(settings.key_file), origin("privacy.key_file"));
    for (const auto kind : kDataKinds) {
        const auto kept = settings.retention.find(kind);
        if (kept == settings.retention.end()) {
            out += fmt::format("# {}: kept for ever\n", name_of(kind));
        } else {
            out += fmt::format("{} = {}  # {}\n", name_of(kind), quoted(kept->second.text), origin(fmt::format("retention.{}", name_of(kind))));
        }
    }
    out += "\n[limits]\n";
    for (const auto& key : kLimitKeys) {
        out += fmt::format("{} = {}  # {}\n", key.name, key.get(settings.limits), origin(fmt::format("limits.{}", key.name)));
    }
    return out;
}

}  // namespace whosent::app
