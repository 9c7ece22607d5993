#include "app/daemon/status.hpp"

#include <fmt/format.h>

#include <array>

#include "app/daemon/answer.hpp"
#include "app/daemon/metrics.hpp"
#include "whosent/base/version.hpp"

namespace whosent::app {
namespace {

using Kind = pipeline::Outcome::Kind;
constexpr std::array kKinds = {Kind::stored, Kind::duplicate, Kind::not_a_report, Kind::quarantined, Kind::retry};

std::string metrics_of(const Status& status) {
    Metrics out;
    out.metric("whosent_info", "gauge", "The version that runs.").sample(1, {{"version", kVersion}});
    out.metric("whosent_start_time_seconds", "gauge", "When the service was started, as Unix time.").sample(static_cast<double>(status.started));

    const auto& figures = status.journal.figures();
    const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
        out.metric(name, type, help);
        for (const auto& [collector, figure] : figures) out.sample(static_cast<double>(value(figure)), {{"collector", collector}});
    };
    out.metric("whosent_messages_total", "counter", "Messages whose outcome is durable (retry: not yet), by collector and outcome.");
    for (const auto& [collector, figure] : figures)
        for (const Kind kind : kKinds) out.sample(static_cast<double>(figure.messages[static_cast<std::size_t>(kind)]), {{"collector", collector}, {"outcome", name_of(kind)}});
    out.metric("whosent_reports_total", "counter", "Reports stored, revisions included, by collector and kind.");
    for (const auto& [collector, figure] : figures) {
        out.sample(static_cast<double>(figure.aggregate), {{"collector", collector}, {"kind", "aggregate"}});
        out.sample(static_cast<double>(figure.failure), {{"collector", collector}, {"kind", "failure"}});
        out.sample(static_cast<double>(figure.feedback), {{"collector", collector}, {"kind", "feedback"}});
        out.sample(static_cast<double>(figure.tls), {{"collector", collector}, {"kind", "tls"}});
    }
    each("whosent_records_total", "counter", "Rows of aggregate reports stored.", [](const auto& f) { return f.records; });
    each("whosent_message_bytes_total", "counter", "Bytes of the messages read.", [](const auto& f) { return f.bytes; });
    each("whosent_diagnostics_total", "counter", "Repairs and remarks noted while reading.", [](const auto& f) { return f.diagnostics; });
    each("whosent_collector_errors_total", "counter", "Failures of a collector (connections, logins, folders).", [](const auto& f) { return f.errors; });
    each("whosent_collector_up", "gauge", "1 while the collector works, 0 before it first did and while it fails.", [](const auto& f) { return f.succeeded && !f.failing ? 1 : 0; });
    each("whosent_collector_waiting_messages", "gauge", "Messages known to wait at the source.", [](const auto& f) { return f.waiting; });
    out.metric("whosent_collector_last_success_timestamp_seconds", "gauge", "When the collector last worked, as Unix time; 0: never.");
    for (const auto& [collector, state] : status.journal.states())
        if (state.configured) out.sample(static_cast<double>(state.last_success), {{"collector", collector}});
    out.metric("whosent_collector_last_message_timestamp_seconds", "gauge", "When the last message came, as Unix time; 0: never.");
    for (const auto& [collector, state] : status.journal.states())
        if (state.configured) out.sample(static_cast<double>(state.last_message), {{"collector", collector}});

    const auto load = status.intake.load();
    out.metric("whosent_queue_messages", "gauge", "Messages taken in and not yet durable.").sample(static_cast<double>(load.under_way));
    out.metric("whosent_queue_bytes", "gauge", "Bytes of messages in memory that wait to be read.").sample(static_cast<double>(load.bytes));
    out.metric("whosent_store_open", "gauge", "1 while the store takes what comes; 0 while it fails or is lent to a command.").sample(load.stopped ? 0 : 1);
    const store::StoreInfo info = status.housekeeping.info();
    out.metric("whosent_store_last_sequence", "gauge", "Sequence of the newest event.").sample(static_cast<double>(info.last_sequence));
    out.metric("whosent_store_reports", "gauge", "Aggregate reports in the store.").sample(static_cast<double>(info.reports));
    out.metric("whosent_store_records", "gauge", "Rows of aggregate reports in the store.").sample(static_cast<double>(info.records));
    out.metric("whosent_store_quarantined", "gauge", "Messages in the quarantine.").sample(static_cast<double>(info.quarantined));
    out.metric("whosent_store_unsettled_streams", "gauge", "Streams that wait for their first complete attribution.").sample(static_cast<double>(info.unsettled));

    const auto attribution = status.session.attribution();
    out.metric("whosent_attribution_settled_total", "counter", "Streams whose attribution was completed.").sample(static_cast<double>(attribution.settled));
    out.metric("whosent_attribution_reclassified_total", "counter", "Streams whose attribution changed after events had told of them.").sample(static_cast<double>(attribution.reclassified));
    out.metric("whosent_dns_questions", "gauge", "Questions to DNS since the store was last opened, by what became of them.");
    out.sample(static_cast<double>(attribution.dns.asked), {{"outcome", "asked"}});
    out.sample(static_cast<double>(attribution.dns.cached), {{"outcome", "cached"}});
    out.sample(static_cast<double>(attribution.dns.failed), {{"outcome", "failed"}});
    out.sample(static_cast<double>(attribution.dns.timed_out), {{"outcome", "timed_out"}});

    const auto sinks = status.sinks.figures();
    const auto sink = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
        out.metric(name, type, help);
        for (const auto& figure : sinks) out.sample(static_cast<double>(value(figure)), {{"sink", figure.state.name}});
    };
    sink("whosent_sink_events_total", "counter", "Events that the sink's receiver took.", [](const auto& f) { return f.state.delivered; });
    sink("whosent_sink_dead_total", "counter", "Events that the sink's receiver refused for good.", [](const auto& f) { return f.state.dead; });
    sink("whosent_sink_lag_events", "gauge", "Events of the store that the sink has not come to, wanted or not; some seconds old.", [](const auto& f) { return f.lag.events; });
    sink("whosent_sink_lag_seconds", "gauge", "How long ago the first of these was published; 0: there is none.", [](const auto& f) { return f.lag.seconds; });
    sink("whosent_sink_failing", "gauge", "1 while the sink's receiver cannot be reached or takes nothing.", [](const auto& f) { return f.state.failing_since > 0 ? 1 : 0; });
    if (const auto feed = status.feed()) {
        out.metric("whosent_feed_pages_total", "counter", "Pages of the feed that were sent.").sample(static_cast<double>(feed->pages));
        out.metric("whosent_feed_events_total", "counter", "Events in them.").sample(static_cast<double>(feed->events));
        out.metric("whosent_feed_bytes_total", "counter", "Their bytes, as they were sent.").sample(static_cast<double>(feed->bytes));
        out.metric("whosent_feed_errors_total", "counter", "Pages that could not be made or were broken off.").sample(static_cast<double>(feed->errors));
        out.metric("whosent_feed_waiting", "gauge", "Clients that wait for news.").sample(static_cast<double>(feed->waiting));
        out.metric("whosent_feed_sending", "gauge", "Pages that are being sent.").sample(static_cast<double>(feed->sending));
    }
    out.metric("whosent_access_refusals_total", "counter", "Requests without a token that may: missing, wrong, expired, revoked, from elsewhere, without the scope, or too many of those.");
    out.sample(static_cast<double>(status.refusals()));

    const auto servers = status.servers();
    out.metric("whosent_http_requests_total", "counter", "HTTP requests, by server.");
    for (const auto& [name, counts] : servers) out.sample(static_cast<double>(counts.requests), {{"server", name}});
    out.metric("whosent_http_refused_total", "counter", "HTTP requests refused or shed.");
    for (const auto& [name, counts] : servers) out.sample(static_cast<double>(counts.refused), {{"server", name}});
    out.metric("whosent_http_connections", "gauge", "Open HTTP connections.");
    for (const auto& [name, counts] : servers) out.sample(static_cast<double>(counts.open), {{"server", name}});
    return out.take();
}

serve::Response readiness(const Status& status) {
    std::string reasons;
    if (status.ending) reasons += "ending\n";
    if (!status.intake.open()) reasons += "the store takes nothing just now\n";
    const unsigned code = reasons.empty() ? 200 : 503;
    // A mailbox or a sink that fails is told, and does not make the rest unready
    if (reasons.empty()) reasons = "ready\n";
    for (const auto& [collector, figure] : status.journal.figures())
        if (figure.failing || (figure.configured && !figure.succeeded)) reasons += fmt::format("{}: {}\n", collector, figure.failing ? "fails" : "has not worked yet");
    for (const auto& [sink, lag] : status.sinks.figures())
        if (sink.failing_since > 0) reasons += fmt::format("{}: fails\n", sink.name);
    return text_answer(code, std::move(reasons));
}

serve::Route get(std::string path, std::function<serve::Response()> answer) {
    serve::Route route;
    route.method = "GET";
    route.path = std::move(path);
    route.handle = [answer = std::move(answer)](const serve::Request&, const serve::Reply& reply) { reply(answer()); };
    return route;
}

}  // namespace

std::vector<serve::Route> status_routes(const Status& status) {
    std::vector<serve::Route> routes;
    routes.push_back(get("/healthz", [] { return text_answer(200, "ok\n"); }));
    routes.push_back(get("/readyz", [&status] { return readiness(status); }));
    routes.push_back(get("/metrics", [&status] { return text_answer(200, metrics_of(status), "text/plain; version=0.0.4; charset=utf-8"); }));
    return routes;
}

}  // namespace whosent::app
