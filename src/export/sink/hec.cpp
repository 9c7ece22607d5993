// Splunk's documentation, as of Splunk Enterprise 9 and 10: "Format events for HTTP Event Collector", "About HTTP Event Collector Indexer Acknowledgment", "Troubleshoot HTTP Event
// Collector" (the table of codes).
#include "export/sink/hec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "export/sink/http.hpp"
#include "export/sink/http_json.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/text.hpp"
#include "whosent/net/coroutine.hpp"
#include "whosent/net/io.hpp"

namespace whosent::sink {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kFirstPoll{100}, kLongestPoll{5'000};  // an indexer that writes to its disk needs some seconds; Splunk's own examples ask every ten

// What a code means to us; docs/sinks.md has the same table for people.
enum class Meaning : std::uint8_t { taken, again, event, settings };
struct Code {
    unsigned number;
    Meaning meaning;
    std::string_view hint;
};
constexpr Code kCodes[] = {
    {0, Meaning::taken, ""},
    {1, Meaning::settings, ""},   // token disabled
    {2, Meaning::settings, ""},   // token is required
    {3, Meaning::settings, ""},   // invalid authorization
    {4, Meaning::settings, ""},   // invalid token
    {5, Meaning::event, ""},      // no data
    {6, Meaning::event, ""},      // invalid data format
    {7, Meaning::settings, "the token does not allow the index of the configuration"},  // incorrect index
    {8, Meaning::again, ""},      // internal server error
    {9, Meaning::again, ""},      // server is busy
    {10, Meaning::settings, "the token wants acknowledgement: set acknowledge = true"},  // data channel is missing
    {11, Meaning::again, ""},     // invalid data channel: another is made
    {12, Meaning::event, ""},     // event field is required
    {13, Meaning::event, ""},     // event field cannot be blank
    {14, Meaning::settings, "enable indexer acknowledgement for the token, or set acknowledge = false"},  // ACK is disabled
    {15, Meaning::event, ""},     // error in handling indexed fields
    {16, Meaning::settings, ""},  // query string authorization is not enabled
    {18, Meaning::again, ""},     // unhealthy: queues are full
    {19, Meaning::again, ""},     // unhealthy: ack service unavailable
    {20, Meaning::again, ""},     // unhealthy: both
    {21, Meaning::settings, ""},  // invalid token
    {22, Meaning::settings, ""},  // token disabled
    {23, Meaning::again, ""},     // server is shutting down
    {24, Meaning::taken, ""},     // 200: queue approaching capacity
    {25, Meaning::taken, ""},     // 200: ack channel approaching capacity
    {26, Meaning::again, ""},     // 429: queue at capacity
    {27, Meaning::again, ""},     // 429: ack channel at capacity
};

const Code* code_of(const boost::json::object& answer) {
    const auto number = number_of(answer, "code");
    const auto* const found = number ? std::ranges::find(kCodes, *number, &Code::number) : std::end(kCodes);
    return found == std::end(kCodes) ? nullptr : found;
}

std::string make_guid() {  // RFC 9562 section 5.4
    const std::uint64_t high = random_u64(), low = random_u64();
    return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xFFFF, high & 0xFFF, 0x8000 | (low >> 48 & 0x3FFF), low & 0xFFFFFFFFFFFF);
}

class HecFramer final : public Framer {
public:
    explicit HecFramer(const HecSettings& settings) : encoding_(settings.sink.encoding) {
        const std::pair<std::string_view, const std::string&> fields[] = {
            {"host", settings.host}, {"source", settings.source}, {"sourcetype", settings.sourcetype}, {"index", settings.index}};
        for (const auto& [name, value] : fields) {
            if (value.empty()) continue;
            after_time_ += fmt::format(",\"{}\":", name);
            encode::append_json_string(after_time_, value);
        }
        after_time_ += ",\"event\":";
    }
    void append(std::string& out, const Event& event) override {
        fmt::format_to(std::back_inserter(out), "{{\"time\":{}", event.published);
        out += after_time_;
        if (encoding_ == encode::Encoding::cef) {
            text_.clear();
            encode::append_cef(text_, event);
            encode::append_json_string(out, text_);
        } else {
            encode::append(out, event, encoding_);
        }
        out += '}';
    }

private:
    const encode::Encoding encoding_;
    std::string after_time_, text_;
};

class HecTransport final : public HttpTransport {
public:
    HecTransport(const HecSettings& settings, net::Io& io, net::HttpSession session, Secrets secrets, const Clock& clock)
        : HttpTransport(std::move(session), std::move(secrets), clock), acknowledge_(settings.acknowledge), acknowledge_deadline_(settings.acknowledge_deadline),
          target_(below(session_.target(), "/services/collector/event")), ack_target_(below(session_.target(), "/services/collector/ack")), pause_(io.context()) {}

    bool confirms() const noexcept override { return acknowledge_; }
    awaitable<Result<Answer>> send(const Batch& batch) override;
    awaitable<Result<void>> confirm() override;
    void close() noexcept override {
        ++turn_;
        forget();
        pause_.cancel();
        HttpTransport::close();
    }

protected:
    Request request_of(const Batch& batch, Part part) const override { return {target_, headers(), bytes_of(batch, part), {}}; }
    Result<PartAnswer> answer_of(const Batch& batch, Part part, const net::HttpResponse& response) override;
    Error credentials_error(const net::HttpResponse& response) const override {
        const auto answer = parse_object(response.body);
        return settings_error(fmt::format("HTTP status {}{}", response.status, answer ? words_of(*answer) : std::string()));
    }

private:
    struct Sent {
        std::uint64_t id;
        Steady::time_point at;
    };

    [[nodiscard]] net::HttpHeaders headers() const {
        net::HttpHeaders headers{{"Authorization", "Splunk " + secrets_[0]}, {"Content-Type", "application/json"}};
        if (acknowledge_) headers.emplace_back("X-Splunk-Request-Channel", channel_);
        return headers;
    }
    // ": text (code 7): hint"
    [[nodiscard]] std::string words_of(const boost::json::object& answer) const {
        std::string words = ": " + secrets_.said(text_of(answer, "text"));
        if (const auto number = number_of(answer, "code")) words += fmt::format(" (code {})", *number);
        if (const Code* code = code_of(answer); code != nullptr && !code->hint.empty()) words += fmt::format(": {}", code->hint);
        return words;
    }
    // What was sent and not acknowledged is sent again; what is said of it later must not be taken for what is sent then, hence another channel.
    void forget() {
        sent_.clear();
        last_id_.reset();
        channel_ = make_guid();
    }
    [[nodiscard]] awaitable<Result<std::string>> poll(std::string acks);
    [[nodiscard]] awaitable<Result<void>> probe();
    [[nodiscard]] awaitable<Result<void>> wait_for_acknowledgement();

    const bool acknowledge_;
    const milliseconds acknowledge_deadline_;
    const std::string target_, ack_target_;
    std::string channel_ = make_guid();
    std::vector<Sent> sent_;  // not acknowledged yet
    std::optional<std::uint64_t> last_id_;
    bool no_id_came_ = false;  // the token may have acknowledgement disabled
    asio::steady_timer pause_;
    std::uint64_t turn_ = 0;  // raised by close()
};

Result<PartAnswer> HecTransport::answer_of(const Batch&, Part part, const net::HttpResponse& response) {
    const auto answer = parse_object(response.body);
    const Code* const code = answer ? code_of(*answer) : nullptr;
    // Something else answers: a proxy, a load balancer
    if (code == nullptr) {
        if (meaning_of(response.status) == StatusMeaning::taken) return std::unexpected(answer_error(fmt::format("HTTP status {} without Splunk's code", response.status)));
        return answer_by_status(response, answer ? text_of(*answer, "text") : std::string_view());
    }
    const std::string words = fmt::format("HTTP status {}{}", response.status, words_of(*answer));
    PartAnswer said;
    said.reason = words;
    switch (code->meaning) {
        case Meaning::settings: return std::unexpected(settings_error(words));
        case Meaning::again:
            if (code->number == 11) return std::unexpected(answer_error(words));  // nothing that was sent over it will be confirmed
            said.kind = PartAnswer::Kind::again;
            said.retry_after = retry_after(response, clock_.now());
            return said;
        case Meaning::event:
            said.kind = PartAnswer::Kind::refused;
            // From 0. Of some codes it is said to count from 1: it is only where the search begins.
            if (const auto number = number_of(*answer, "invalid-event-number"); number && *number < part.size()) said.suspect = part.first + *number;
            return said;
        case Meaning::taken: break;
    }
    if (response.status != 200) return std::unexpected(answer_error(words));
    if (!acknowledge_) return said;
    const auto id = number_of(*answer, "ackId");
    if (!id) {
        no_id_came_ = true;
        return std::unexpected(settings_error("the answer has no ackId: enable indexer acknowledgement for the token, or set acknowledge = false"));
    }
    // Ids of one channel rise. Where they do not, the server has lost its memory, or another server answers: whose acknowledgement one is could not be told.
    if (last_id_ && *id <= *last_id_) return std::unexpected(answer_error("the ids of acknowledgements began anew: was the server restarted, or does a load balancer change servers?"));
    last_id_ = *id;
    sent_.push_back({*id, Steady::now()});
    return said;
}

// The body of the answer. Errors: permanent; not_found: the channel is not known; others may pass.
awaitable<Result<std::string>> HecTransport::poll(std::string acks) {
    for (bool first = true;; first = false) {
        Request request{ack_target_, headers(), {}, acks};
        auto response = co_await exchange(std::move(request));
        if (!response) co_return std::unexpected(std::move(response).error());
        if (response->status == 200) co_return std::move(response->body);
        if (response->status == 401 || response->status == 403) {
            const auto changed = refreshed();
            if (!changed) co_return std::unexpected(changed.error());
            if (first && *changed) continue;
            co_return std::unexpected(credentials_error(*response));
        }
        const auto answer = parse_object(response->body);
        const Code* const code = answer ? code_of(*answer) : nullptr;
        const std::string words = fmt::format("HTTP status {}{}", response->status, answer ? words_of(*answer) : std::string());
        const bool settings = code != nullptr ? code->meaning == Meaning::settings : meaning_of(response->status) == StatusMeaning::settings;
        if (settings) co_return std::unexpected(settings_error(words));
        if (code != nullptr && code->number == 11) co_return std::unexpected(answer_error(words, ErrorCode::not_found));
        co_return std::unexpected(answer_error(words, ErrorCode::io));
    }
}

// Whether the token acknowledges, before events are sent to it again that will not be acknowledged either.
awaitable<Result<void>> HecTransport::probe() {
    auto answered = co_await poll("{\"acks\":[0]}");
    if (!answered) co_return std::unexpected(std::move(answered).error());
    no_id_came_ = false;
    co_return Result<void>{};
}

awaitable<Result<Answer>> HecTransport::send(const Batch& batch) {
    if (no_id_came_) {
        auto probed = co_await probe();
        if (!probed) {
            forget();
            co_return std::unexpected(std::move(probed).error());
        }
    }
    auto answer = co_await HttpTransport::send(batch);
    if (!answer) forget();
    co_return answer;
}

awaitable<Result<void>> HecTransport::wait_for_acknowledgement() {
    milliseconds pause = kFirstPoll;
    const std::uint64_t turn = turn_;
    while (!sent_.empty()) {
        std::string acks = "{\"acks\":[";
        for (const Sent& sent : sent_) acks += fmt::format("{}{}", acks.back() == '[' ? "" : ",", sent.id);
        acks += "]}";
        auto answered = co_await poll(acks);
        if (turn != turn_) co_return std::unexpected(answer_error("the connection was closed", ErrorCode::io));
        std::string failed;
        if (!answered) {
            // A server that restarts is asked again: it may have kept what it knows
            const bool passing = answered.error().persistence == Persistence::retry && answered.error().code != ErrorCode::not_found;
            if (!passing) co_return std::unexpected(std::move(answered).error());
            failed = ": " + answered.error().message;
        } else {
            const auto answer = parse_object(*answered);
            const boost::json::value* const states = answer ? answer->if_contains("acks") : nullptr;
            if (states == nullptr || !states->is_object()) co_return std::unexpected(answer_error("an answer to the question for acknowledgements that is none"));
            // Only the value true of that very id is an acknowledgement
            std::erase_if(sent_, [&](const Sent& sent) {
                const boost::json::value* const state = states->get_object().if_contains(std::to_string(sent.id));
                return state != nullptr && state->is_bool() && state->get_bool();
            });
            if (sent_.empty()) break;
        }
        const auto until = sent_.front().at + acknowledge_deadline_;
        const auto left = std::chrono::duration_cast<milliseconds>(until - Steady::now());
        if (left.count() <= 0) {
            co_return std::unexpected(answer_error(fmt::format("{} of the batches sent were not acknowledged within {} s{}", sent_.size(), acknowledge_deadline_.count() / 1000, failed), ErrorCode::io));
        }
        pause_.expires_after(std::min(pause, left));
        boost::system::error_code ended;
        auto token = asio::redirect_error(asio::use_awaitable, ended);
        co_await pause_.async_wait(token);
        if (turn != turn_) co_return std::unexpected(answer_error("the connection was closed", ErrorCode::io));
        pause = std::min(pause * 2, kLongestPoll);
    }
    co_return Result<void>{};
}

awaitable<Result<void>> HecTransport::confirm() {
    auto confirmed = co_await wait_for_acknowledgement();
    if (!confirmed) forget();
    co_return confirmed;
}

}  // namespace

std::unique_ptr<Framer> make_hec_framer(const HecSettings& settings) { return std::make_unique<HecFramer>(settings); }

Result<std::unique_ptr<Transport>> make_hec_transport(const HecSettings& settings, net::Io& io, const Clock& clock) {
    const auto wrong = [&](std::string message) { return std::unexpected(Error{ErrorCode::invalid_argument, Stage::app, Persistence::permanent, settings.sink.name, std::move(message), {}}); };
    if (!settings.token) return wrong("HEC needs a token");
    if (settings.url.contains('?')) return wrong("the url of HEC ends before the path /services/collector, and has no query");
    Secrets secrets;
    WHOSENT_CHECK(secrets.add(*settings.token));
    auto session = WHOSENT_TRY(open_session(io, {.url = settings.url, .tls = settings.tls, .insecure_plain = settings.insecure_plain, .deadline = settings.sink.deadline}));
    return std::make_unique<HecTransport>(settings, io, std::move(session), std::move(secrets), clock);
}

Result<std::unique_ptr<Sink>> make_hec(const HecSettings& settings, const Surroundings& surroundings) {
    auto transport = WHOSENT_TRY(make_hec_transport(settings, surroundings.io, surroundings.clock));
    return make_delivery(settings.sink, make_hec_framer(settings), std::move(transport), surroundings);
}

}  // namespace whosent::sink
