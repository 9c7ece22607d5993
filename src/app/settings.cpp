#include "app/settings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "app/settings_file.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/text.hpp"

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

std::unexpected<Error> wrong(std::string message) {
    return std::unexpected(Error{.code = ErrorCode::invalid_argument, .stage = Stage::app, .message = std::move(message)});
}

// What is said of DNS beside the file; `from` names the flag or the variable.
Result<void> set_dns_mode(Settings& settings, std::string_view from, std::string_view word) {
    if (word != "on" && word != "off") return wrong(fmt::format("{} must be on or off, not {}", from, word));
    settings.dns.on = word == "on";
    settings.origins["dns.mode"] = from;
    return {};
}
Result<void> set_dns_servers(Settings& settings, std::string_view from, std::vector<std::string> servers) {
    for (const std::string& server : servers) {
        if (!is_dns_server(server)) return wrong(fmt::format("{} {}: not {}", from, server, kDnsServerForm));
    }
    if (servers.size() > kMostDnsServers) return wrong(fmt::format("{}: {} servers, at most {}", from, servers.size(), kMostDnsServers));
    settings.dns.servers = std::move(servers);
    settings.origins["dns.servers"] = from;
    return {};
}

std::vector<std::string> comma_list(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        out.emplace_back(trim(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return out;
}

std::string networks_list(const std::vector<IpPrefix>& networks) {
    std::vector<std::string> texts;
    for (const IpPrefix& network : networks) texts.push_back(network.to_string());
    return toml_list(texts);
}

std::string store_file(const Settings& settings) {
    const std::size_t colon = settings.store.find(':');
    return settings.store.substr(colon == std::string::npos ? 0 : colon + 1);
}

// What stands beside the file: flags and environment, and defaults that follow from others.
Result<void> apply_surroundings(const Flags& flags, Settings& settings) {
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
    if (settings.key_file.empty()) settings.key_file = store_file(settings) + ".keys";
    if (settings.serve.control.empty()) settings.serve.control = store_file(settings) + ".sock";
    if (!flags.dns.empty()) {
        WHOSENT_CHECK(set_dns_mode(settings, "--dns", flags.dns));
    } else if (const char* mode = environment("WHOSENT_DNS")) {
        WHOSENT_CHECK(set_dns_mode(settings, "WHOSENT_DNS", mode));
    }
    if (!flags.dns_servers.empty()) {
        WHOSENT_CHECK(set_dns_servers(settings, "--dns-server", flags.dns_servers));
    } else if (const char* servers = environment("WHOSENT_DNS_SERVERS")) {
        WHOSENT_CHECK(set_dns_servers(settings, "WHOSENT_DNS_SERVERS", comma_list(servers)));
    }
    if (flags.jobs) {
        if (*flags.jobs > kMostJobs) {
            return wrong(fmt::format("--jobs {}: at most {}", *flags.jobs, kMostJobs));
        }
        settings.jobs = static_cast<unsigned>(*flags.jobs);
        settings.origins["jobs"] = "--jobs";
    }
    return {};
}

// The tables that a file may have several of.
std::string inventory_to_toml(const Settings& settings) {
    std::string out;
    for (const auto& [own, where] : settings.domains) {
        out += fmt::format("\n[[domain]]  # {}\nname = {}\nparked = {}\nnetworks = {}\n", where, toml_text(own.domain), own.parked, networks_list(own.networks));
    }
    for (const auto& [approval, where] : settings.approvals) {
        out += fmt::format("\n[[approve]]  # {}\ndomain = {}\nsender = {}\nby = {}\n", where, toml_text(approval.domain), toml_text(approval.sender), toml_text(name_of(approval.by)));
    }
    for (const identify::CustomSender& sender : settings.senders) {
        out += fmt::format("\n[[sender]]  # {}\nid = {}\n", sender.where, toml_text(sender.id));
        if (!sender.name.empty()) out += fmt::format("name = {}\n", toml_text(sender.name));
        for (const SenderList& list : kSenderLists) {
            if (!(sender.*list.texts).empty()) out += fmt::format("{} = {}\n", list.key, toml_list(sender.*list.texts));
        }
        if (!sender.networks.empty()) out += fmt::format("networks = {}\n", networks_list(sender.networks));
    }
    return out;
}

}  // namespace

std::string toml_text(std::string_view text) {
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

std::string toml_list(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const std::string& text : texts) out += fmt::format("{}{}", out.size() > 1 ? ", " : "", toml_text(text));
    return out + "]";
}

bool is_dns_server(std::string_view text) noexcept {
    const auto is_port = [](std::string_view digits) {
        unsigned port = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
        return error == std::errc{} && end == digits.data() + digits.size() && port > 0 && port < 65536;
    };
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return false;
        const std::string_view rest = text.substr(close + 1);
        const auto address = IpAddress::parse(text.substr(1, close - 1));
        return address && !address->is_v4() && (rest.empty() || (rest[0] == ':' && is_port(rest.substr(1))));
    }
    if (IpAddress::parse(text)) return true;
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return false;
    const auto address = IpAddress::parse(text.substr(0, colon));
    return address && address->is_v4() && is_port(text.substr(colon + 1));
}

std::span<const LimitKey> limit_keys() noexcept { return kLimitKeys; }

std::string_view name_of(LogSettings::Level level) noexcept {
    constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
    return kNames[static_cast<std::size_t>(level)];
}
std::string_view name_of(LogSettings::Format format) noexcept { return format == LogSettings::Format::json ? "json" : "text"; }

Settings load_settings(const Flags& flags, std::vector<Error>& problems) {
    Settings settings;
    if (!flags.config.empty()) read_settings_file(flags.config, settings, problems);
    if (auto rest = apply_surroundings(flags, settings); !rest) problems.push_back(std::move(rest).error());
    return settings;
}

std::string to_toml(const Settings& settings) {
    const auto origin = [&](std::string_view key) -> std::string_view {
        const auto found = settings.origins.find(key);
        return found == settings.origins.end() ? "default" : std::string_view(found->second);
    };
    std::string out = fmt::format("store = {}  # {}\n", toml_text(settings.store), origin("store"));
    out += fmt::format("jobs = {}  # {}{}\n", settings.jobs, origin("jobs"), settings.jobs == 0 ? ": one a processor but one, which commits" : "");
    out += fmt::format("commit_rows = {}  # {}\n\n", settings.commit_rows, origin("commit_rows"));
    out += fmt::format("[privacy]\nmode = {}  # {}\n", toml_text(name_of(settings.privacy_mode)), origin("privacy.mode"));
    out += fmt::format("key_file = {}  # {}\n\n[retention]\n", toml_text(settings.key_file), origin("privacy.key_file"));
    for (const auto kind : kDataKinds) {
        const auto kept = settings.retention.find(kind);
        if (kept == settings.retention.end()) {
            out += fmt::format("# {}: kept for ever\n", name_of(kind));
        } else {
            out += fmt::format("{} = {}  # {}\n", name_of(kind), toml_text(kept->second.text), origin(fmt::format("retention.{}", name_of(kind))));
        }
    }
    const DnsSettings& dns = settings.dns;
    out += fmt::format("\n[dns]\nmode = {}  # {}\n", toml_text(dns.on ? "on" : "off"), origin("dns.mode"));
    out += fmt::format("servers = {}  # {}{}\n", toml_list(dns.servers), origin("dns.servers"), dns.servers.empty() ? ": those of the system" : "");
    out += fmt::format("deadline = \"{}s\"  # {}\n", dns.deadline, origin("dns.deadline"));
    out += fmt::format("in_flight = {}  # {}\n", dns.in_flight, origin("dns.in_flight"));
    out += fmt::format("attribution_deadline = \"{}s\"  # {}{}\n", dns.attribution_deadline, origin("dns.attribution_deadline"), dns.on ? "" : "; without DNS nothing waits");
    const auto file = [&](std::string_view table, std::string_view key, const std::string& name, std::string_view without) {
        out += name.empty() ? fmt::format("# {}: {}\n", key, without) : fmt::format("{} = {}  # {}\n", key, toml_text(name), origin(fmt::format("{}.{}", table, key)));
    };
    out += "\n[catalogue]\n";
    file("catalogue", "file", settings.catalogue_file, "the embedded one");
    out += "\n[hosts]\n";
    file("hosts", "asn_file", settings.asn_file, "none");
    file("hosts", "country_file", settings.country_file, "none");
    out += "\n[limits]\n";
    for (const auto& key : kLimitKeys) {
        out += fmt::format("{} = {}  # {}\n", key.name, key.get(settings.limits), origin(fmt::format("limits.{}", key.name)));
    }
    out += serve_to_toml(settings);
    out += inventory_to_toml(settings);
    out += collectors_to_toml(settings);
    out += sinks_to_toml(settings);
    return out;
}

}  // namespace whosent::app
