#include "app/configured_sinks.hpp"

#include <fmt/format.h>

namespace whosent::app {
namespace {

std::string destination_of(const sink::SyslogSettings& syslog) {
    using Transport = sink::SyslogSettings::Transport;
    const std::string_view scheme = syslog.transport == Transport::udp ? "udp" : syslog.transport == Transport::tls ? "tls" : "tcp";
    const bool v6 = syslog.host.find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}", scheme, v6 ? "[" : "", syslog.host, v6 ? "]" : "", syslog.port);
}
std::string destination_of(const sink::FileSettings& file) { return file.path; }
template <class Value>
std::string destination_of(const Value& value) {
    return value.url;
}

// `with` gets the entries of each kind and what makes one.
void each_kind(const Settings& settings, auto with) {
    with(settings.syslog, sink::make_syslog);
    with(settings.hec, sink::make_hec);
    with(settings.bulk, sink::make_bulk);
    with(settings.webhooks, sink::make_webhook);
    with(settings.files, sink::make_file);
}

}  // namespace

std::vector<ConfiguredSink> configured_sinks(const Settings& settings) {
    std::vector<ConfiguredSink> all;
    each_kind(settings, [&](const auto& entries, const auto&) {
        for (const auto& [value, where] : entries) all.push_back({value.sink.name, destination_of(value), where});
    });
    return all;
}

Result<std::vector<std::unique_ptr<sink::Sink>>> make_sinks(const Settings& settings, const sink::Surroundings& surroundings) {
    std::vector<std::unique_ptr<sink::Sink>> all;
    Result<void> made;
    each_kind(settings, [&](const auto& entries, const auto& make) {
        for (const auto& [value, where] : entries) {
            if (!made) return;
            auto sink = make(value, surroundings);
            if (sink) {
                all.push_back(*std::move(sink));
                continue;
            }
            Error error = std::move(sink).error();
            error.where = fmt::format("{}: {}{}{}", where, value.sink.name, error.where.empty() ? "" : ": ", error.where);
            made = std::unexpected(std::move(error));
        }
    });
    WHOSENT_CHECK(made);
    return all;
}

}  // namespace whosent::app
