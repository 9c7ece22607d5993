#include "app/daemon/control.hpp"

#include <boost/json.hpp>

#include <array>
#include <memory>
#include <utility>

#include "app/daemon/answer.hpp"

namespace whosent::app {
namespace {

namespace json = boost::json;
using pipeline::Outcome;

constexpr std::array kKinds = {Outcome::Kind::stored, Outcome::Kind::duplicate, Outcome::Kind::not_a_report, Outcome::Kind::quarantined, Outcome::Kind::retry};

Error wrong(std::string message) { return {ErrorCode::invalid_argument, Stage::app, Persistence::permanent, "control socket", std::move(message), {}}; }

std::string text(const json::object& object, std::string_view key) {
    const json::value* const value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

template <class Number>
void number(const json::object& object, std::string_view key, Number& into) {
    if (const json::value* const value = object.if_contains(key); value != nullptr && value->is_int64()) into = static_cast<Number>(value->get_int64());
}

Result<json::object> object_of(std::string_view text) {
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error || !value.is_object()) return std::unexpected(wrong("no JSON object"));
    return std::move(value.get_object());
}

}  // namespace

std::string to_json(const Outcome& outcome) {
    const store::MessageOutcome& stored = outcome.stored;
    json::object object{{"outcome", name_of(outcome.kind)},
                        {"reason", outcome.reason},
                        {"reports", outcome.reports},
                        {"aggregate", stored.reports_stored},
                        {"failure", stored.failures_stored},
                        {"feedback", stored.feedback_stored},
                        {"tlsrpt", stored.tls_stored},
                        {"duplicate_reports", stored.reports_duplicate},
                        {"revisions", stored.revisions},
                        {"records", static_cast<std::int64_t>(stored.rows_stored)},
                        {"bytes", static_cast<std::int64_t>(outcome.bytes)},
                        {"bytes_unpacked", static_cast<std::int64_t>(outcome.bytes_unpacked)},
                        {"diagnostics", static_cast<std::int64_t>(outcome.diagnostics)}};
    if (stored.quarantine_id) object["quarantine"] = *stored.quarantine_id;
    return json::serialize(object);
}

Result<Outcome> read_outcome(std::string_view source) {
    const json::object object = WHOSENT_TRY(object_of(source));
    Outcome outcome;
    const std::string kind = text(object, "outcome");
    bool known = false;
    for (const auto each : kKinds) {
        if (name_of(each) != kind) continue;
        outcome.kind = each;
        known = true;
    }
    if (!known) return std::unexpected(wrong("no outcome"));
    outcome.reason = text(object, "reason");
    outcome.reports = text(object, "reports");
    store::MessageOutcome& stored = outcome.stored;
    stored.duplicate = outcome.kind == Outcome::Kind::duplicate;
    number(object, "aggregate", stored.reports_stored);
    number(object, "failure", stored.failures_stored);
    number(object, "feedback", stored.feedback_stored);
    number(object, "tlsrpt", stored.tls_stored);
    number(object, "duplicate_reports", stored.reports_duplicate);
    number(object, "revisions", stored.revisions);
    number(object, "records", stored.rows_stored);
    number(object, "bytes", outcome.bytes);
    number(object, "bytes_unpacked", outcome.bytes_unpacked);
    number(object, "diagnostics", outcome.diagnostics);
    if (object.contains("quarantine")) number(object, "quarantine", stored.quarantine_id.emplace());
    return outcome;
}

std::vector<serve::Route> control_routes(pipeline::Intake& intake, const Limits& limits, const Clock& clock,
                                         std::function<void(const RawMessage&, const Outcome&)> on_outcome, std::function<void(serve::Reply)> lend) {
    serve::Route messages;
    messages.method = "POST";
    messages.path = kMessagesPath;
    messages.body_bytes = limits.message_bytes + kMetadataBytes;
    messages.handle = [&intake, &clock, on_outcome = std::move(on_outcome)](const serve::Request& request, const serve::Reply& reply) {
        const std::string_view body = *request.body;
        const std::size_t end = body.find('\n');
        const auto metadata = end == std::string_view::npos ? std::unexpected(wrong("no line of metadata")) : object_of(body.substr(0, end));
        if (!metadata) return reply(text_answer(400, to_string(metadata.error()) + "\n"));
        RawMessage message;
        message.owner = request.body;
        message.bytes = body.substr(end + 1);
        message.provenance.collector = text(*metadata, "collector");
        message.provenance.remote_key = text(*metadata, "remote_key");
        message.provenance.name = text(*metadata, "name");
        message.provenance.received_at = clock.now();
        pipeline::Submission submission;
        submission.bytes = message.bytes.size();
        submission.prompt = true;
        submission.fetch = [message]() -> Result<RawMessage> { return message; };
        submission.done = [reply, on_outcome](const RawMessage& provenance, const Outcome& outcome) {
            on_outcome(provenance, outcome);
            reply(text_answer(200, to_json(outcome), "application/json"));
        };
        if (const auto taken = intake.try_submit(submission); !taken || !*taken) reply(text_answer(503, "busy: try again\n"));
    };
    serve::Route lending;
    lending.method = "POST";
    lending.path = kLendPath;
    lending.handle = [lend = std::move(lend)](const serve::Request&, const serve::Reply& reply) { lend(reply); };
    return {std::move(messages), std::move(lending)};
}

}  // namespace whosent::app
