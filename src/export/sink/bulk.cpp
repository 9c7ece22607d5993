// Elasticsearch's and OpenSearch's documentation: "Bulk API". `create` with the event's id as _id: what is there already is answered with 409, so that sending twice stores once (in one
// index or in one backing index of a data stream).
#include "export/sink/bulk.hpp"

#include <fmt/format.h>

#include <utility>

#include "export/sink/http.hpp"
#include "export/sink/http_json.hpp"
#include "whosent/base/text.hpp"
#include "whosent/net/io.hpp"

namespace whosent::sink {
namespace {

constexpr std::size_t kAnswerBytes = 16 * kMiB;  // 300 to 1,000 bytes an item
constexpr std::size_t kReasonBytes = 300;        // of a dead letter's 500

class BulkFramer final : public Framer {
public:
    explicit BulkFramer(const BulkSettings& settings) : encoding_(settings.sink.encoding), before_id_("{\"create\":{\"_index\":") {
        encode::append_json_string(before_id_, settings.index);
        before_id_ += ",\"_id\":";
    }
    void append(std::string& out, const Event& event) override {
        out += before_id_;
        encode::append_json_string(out, event.id);
        out += "}}\n";
        encode::append(out, event, encoding_);
        out += '\n';
    }

private:
    const encode::Encoding encoding_;
    std::string before_id_;
};

class BulkTransport final : public HttpTransport {
public:
    BulkTransport(const BulkSettings& settings, net::HttpSession session, Secrets secrets, const Clock& clock)
        : HttpTransport(std::move(session), std::move(secrets), clock), user_(settings.user), api_key_(settings.api_key.has_value()), target_(below(session_.target(), "/_bulk")) {}

protected:
    Request request_of(const Batch& batch, Part part) const override {
        net::HttpHeaders headers{{"Content-Type", "application/x-ndjson"}, {"Accept", "application/json"}};
        if (api_key_) headers.emplace_back("Authorization", "ApiKey " + secrets_[0]);
        if (!user_.empty()) headers.emplace_back("Authorization", "Basic " + base64(user_ + ":" + secrets_[0]));
        return {target_, std::move(headers), bytes_of(batch, part), {}};
    }
    Result<PartAnswer> answer_of(const Batch& batch, Part part, const net::HttpResponse& response) override;

private:
    // "mapper_parsing_exception: failed to parse field [source.port]"
    [[nodiscard]] std::string words_of(const boost::json::object& holder) const {
        const boost::json::value* const error = holder.if_contains("error");
        if (error != nullptr && error->is_string()) return secrets_.said(text_of(holder, "error"), kReasonBytes);
        if (error == nullptr || !error->is_object()) return {};
        std::string_view reason = text_of(error->get_object(), "reason");
        // What follows is content of the document
        reason = reason.substr(0, reason.find("Preview of field's value"));
        std::string words(text_of(error->get_object(), "type"));
        if (!reason.empty()) words += fmt::format(": {}", trim(reason));
        return secrets_.said(words, kReasonBytes);
    }
    [[nodiscard]] Result<void> judge(std::size_t item, unsigned status, const boost::json::object& result, PartAnswer& answer) const;

    const std::string user_;
    const bool api_key_;
    const std::string target_;
};

Result<void> BulkTransport::judge(std::size_t item, unsigned status, const boost::json::object& result, PartAnswer& answer) const {
    // 409: version_conflict_engine_exception; it was stored by an earlier try
    if (status == 409 || meaning_of(status) == StatusMeaning::taken) return {};
    const std::string words = fmt::format("status {}: {}", status, words_of(result));
    if (meaning_of(status) == StatusMeaning::again) {
        if (answer.reason.empty()) answer.reason = words;
        answer.again.push_back(item);
        return {};
    }
    const boost::json::value* const error = result.if_contains("error");
    const std::string_view type = error != nullptr && error->is_object() ? text_of(error->get_object(), "type") : std::string_view();
    // Of the index, not of the document
    const bool settings = meaning_of(status) == StatusMeaning::settings || type == "invalid_index_name_exception" || type == "index_closed_exception";
    if (settings) return std::unexpected(settings_error(words));
    answer.dead.push_back({item, words});
    return {};
}

Result<PartAnswer> BulkTransport::answer_of(const Batch& batch, Part part, const net::HttpResponse& response) {
    const auto whole = parse_object(response.body);
    if (response.status != 200) return answer_by_status(response, whole ? words_of(*whole) : std::string());
    const boost::json::value* const items = whole ? whole->if_contains("items") : nullptr;
    if (items == nullptr || !items->is_array()) return std::unexpected(answer_error("an answer to _bulk without items"));
    if (items->get_array().size() != part.size())
        return std::unexpected(answer_error(fmt::format("an answer to _bulk about {} items, where {} were sent", items->get_array().size(), part.size())));
    PartAnswer answer;
    // Each by its own status, whatever "errors" says
    for (std::size_t i = 0; i < part.size(); ++i) {
        const boost::json::value& entry = items->get_array()[i];
        const boost::json::value* const result = entry.is_object() ? entry.get_object().if_contains("create") : nullptr;
        const auto status = result != nullptr && result->is_object() ? number_of(result->get_object(), "status") : std::nullopt;
        if (!status || *status < 200 || *status > 599) return std::unexpected(answer_error(fmt::format("an answer to _bulk without the status of item {}", i)));
        // Stands in the order of the request; if it did not, the wrong events would be sent again
        const std::string_view id = text_of(result->get_object(), "_id");
        if (!id.empty() && id != batch.items[part.first + i].id) return std::unexpected(answer_error(fmt::format("an answer to _bulk with another event as item {}", i)));
        WHOSENT_CHECK(judge(part.first + i, static_cast<unsigned>(*status), result->get_object(), answer));
    }
    if (!answer.again.empty()) answer.retry_after = retry_after(response, clock_.now());
    return answer;
}

}  // namespace

std::unique_ptr<Framer> make_bulk_framer(const BulkSettings& settings) { return std::make_unique<BulkFramer>(settings); }

Result<std::unique_ptr<Transport>> make_bulk_transport(const BulkSettings& settings, net::Io& io, const Clock& clock) {
    const auto wrong = [&](std::string message) { return std::unexpected(Error{ErrorCode::invalid_argument, Stage::app, Persistence::permanent, settings.sink.name, std::move(message), {}}); };
    if (settings.sink.encoding == encode::Encoding::cef) return wrong("documents of Elasticsearch and OpenSearch are ecs or json");
    if (settings.index.empty()) return wrong("an index is needed");
    if (settings.api_key && (settings.password || !settings.user.empty())) return wrong("api_key, or user and password, not both");
    if (settings.password.has_value() != !settings.user.empty()) return wrong("user and password go together");
    if (settings.user.contains(':')) return wrong("a user with a ':' cannot be told to the server (RFC 7617)");
    if (settings.url.contains('?')) return wrong("the url ends before the path /_bulk, and has no query");
    Secrets secrets;
    if (settings.api_key) WHOSENT_CHECK(secrets.add(*settings.api_key));
    if (settings.password) WHOSENT_CHECK(secrets.add(*settings.password));
    auto session = WHOSENT_TRY(open_session(
        io, {.url = settings.url, .tls = settings.tls, .insecure_plain = settings.insecure_plain, .deadline = settings.sink.deadline, .answer_bytes = kAnswerBytes}));
    return std::make_unique<BulkTransport>(settings, std::move(session), std::move(secrets), clock);
}

Result<std::unique_ptr<Sink>> make_bulk(const BulkSettings& settings, const Surroundings& surroundings) {
    auto transport = WHOSENT_TRY(make_bulk_transport(settings, surroundings.io, surroundings.clock));
    return make_delivery(settings.sink, make_bulk_framer(settings), std::move(transport), surroundings);
}

}  // namespace whosent::sink
