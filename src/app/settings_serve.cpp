// The tables of the daemon: serve, feed, log, findings.
#include "app/listen_address.hpp"
#include "app/settings_reader.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

Keys<Settings> serve_keys() {
    return {
        text_key<&Settings::serve, &ServeSettings::listen>("listen", "\"127.0.0.1:8480\"", [](std::string& text) { return text.empty() ? std::string() : listen_address(text); }),
        mode_key<&Settings::serve, &ServeSettings::socket_mode>("socket_mode"),
        text_key<&Settings::serve, &ServeSettings::certificate>("certificate", "\"/etc/whosent/cert.pem\"", maybe_file_name),
        text_key<&Settings::serve, &ServeSettings::key>("key", "\"/etc/whosent/key.pem\"", maybe_file_name),
        text_key<&Settings::serve, &ServeSettings::client_ca>("client_ca", "\"/etc/whosent/ca.pem\"", maybe_file_name),
        truth_key<&Settings::serve, &ServeSettings::insecure_plain>("insecure_plain"),
        text_key<&Settings::serve, &ServeSettings::control>("control", "\"/run/whosent/control.sock\"", maybe_file_name),
        // systemd waits 90 s before it kills
        duration_key<&Settings::serve, &ServeSettings::drain>("drain", 1, 80),
    };
}

Keys<Settings> feed_keys() {
    return {
        truth_key<&Settings::feed, &FeedSettings::enabled>("enabled"),
        number_key<&Settings::feed, &FeedSettings::requests_per_minute>("requests_per_minute", 1, 1'000'000),
        number_key<&Settings::feed, &FeedSettings::at_once>("at_once", 1, 1000),
        duration_key<&Settings::feed, &FeedSettings::longest_wait>("longest_wait", 0, 300),  // proxies on the way rarely wait for longer
    };
}

Keys<Settings> log_keys() {
    using Level = LogSettings::Level;
    using Format = LogSettings::Format;
    Choices<Level> levels;
    for (const auto level : {Level::debug, Level::info, Level::warning, Level::error}) levels.emplace_back(name_of(level), level);
    Choices<Format> formats;
    for (const auto format : {Format::text, Format::json}) formats.emplace_back(name_of(format), format);
    return {choice_key<&Settings::log, &LogSettings::level>("level", levels), choice_key<&Settings::log, &LogSettings::format>("format", formats)};
}

Keys<Settings> findings_keys() {
    return {duration_key<&Settings::findings, &FindingsSettings::reporter_silent_after>("reporter_silent_after", 1, kMostSilence, true)};
}

// What one key alone cannot tell.
void check_serve(const Place& place, const toml::table& table, Settings& settings) {
    const ServeSettings& serve = settings.serve;
    if (serve.certificate.empty() != serve.key.empty()) {
        place.tell(place.wrong(table.source(), fmt::format("[serve] has `{}` without `{}`", serve.key.empty() ? "certificate" : "key", serve.key.empty() ? "key" : "certificate")));
    }
    if (!serve.client_ca.empty() && serve.certificate.empty()) {
        place.tell(place.wrong(table.get("client_ca")->source(), "`client_ca` takes `certificate` and `key`: without TLS nobody shows a certificate"));
    }
    const auto address = parse_listen_address(serve.listen);
    if (!address || address->is_local() || !serve.certificate.empty() || serve.insecure_plain) return;
    place.tell(place.wrong(table.contains("listen") ? table.get("listen")->source() : table.source(),
                           fmt::format("`listen`: {} is beyond loopback, which takes `certificate` and `key`; `insecure_plain = true` does without", printable(serve.listen))));
}

}  // namespace

std::string listen_address(std::string& text) {
    return parse_listen_address(text) ? std::string() : fmt::format("has \"{}\", which is not {}", printable(text), kListenForm);
}

Keys<Settings> serve_tables() {
    Key<Settings> serve = table_key("serve", serve_keys());
    serve.read = [read = serve.read](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
        const std::size_t before = place.problems.size();
        WHOSENT_CHECK(read(place, node, settings));
        if (place.problems.size() == before) check_serve(place, *node.as_table(), settings);
        return {};
    };
    return {std::move(serve), table_key("feed", feed_keys()), table_key("log", log_keys()), table_key("findings", findings_keys())};
}

std::string serve_to_toml(const Settings& settings) {
    return table_to_toml("serve", serve_keys(), settings) + table_to_toml("feed", feed_keys(), settings) + table_to_toml("log", log_keys(), settings) + table_to_toml("findings", findings_keys(), settings);
}

}  // namespace whosent::app
