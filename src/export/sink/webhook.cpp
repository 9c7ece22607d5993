#include "export/sink/webhook.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "export/sink/http.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/text.hpp"
#include "whosent/net/io.hpp"

namespace whosent::sink {
namespace {

// What we say ourselves, or what HTTP would understand in another way.
constexpr std::string_view kOwnHeaders[] = {"host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer", "user-agent",
                                            "whosent-signature", "whosent-delivery"};

bool is_array(const WebhookSettings& settings) { return settings.sink.encoding != encode::Encoding::cef && !settings.lines; }

class WebhookFramer final : public Framer {
public:
    explicit WebhookFramer(const WebhookSettings& settings) : encoding_(settings.sink.encoding), end_(is_array(settings) ? ',' : '\n') {}
    void append(std::string& out, const Event& event) override {
        encode::append(out, event, encoding_);
        out += end_;  // the last comma of an array is cut by the transport
    }

private:
    const encode::Encoding encoding_;
    const char end_;
};

class WebhookTransport final : public HttpTransport {
public:
    struct Numbers {  // of the secrets
        std::optional<std::size_t> hmac_key, bearer;
    };
    WebhookTransport(const WebhookSettings& settings, net::HttpSession session, Secrets secrets, Numbers numbers, const Clock& clock)
        : HttpTransport(std::move(session), std::move(secrets), clock), array_(is_array(settings)), numbers_(numbers), headers_(settings.headers) {
        const bool json = settings.sink.encoding != encode::Encoding::cef;
        headers_.emplace_back("Content-Type", array_ ? "application/json" : json ? "application/x-ndjson" : "text/plain; charset=utf-8");
    }

protected:
    Request request_of(const Batch& batch, Part part) const override {
        Request request{session_.target(), headers_, bytes_of(batch, part), {}};
        if (array_) {
            request.own_body.reserve(request.body.size() + 1);
            request.own_body += '[';
            request.own_body += request.body;
            request.own_body.back() = ']';
            request.body = {};
        }
        if (numbers_.bearer) request.headers.emplace_back("Authorization", "Bearer " + secrets_[*numbers_.bearer]);
        request.headers.emplace_back("Whosent-Delivery", delivery_of(batch, part));
        if (numbers_.hmac_key) {
            const Seconds now = clock_.now();
            std::string text = fmt::format("{}.", now);
            text += array_ ? std::string_view(request.own_body) : request.body;
            request.headers.emplace_back("Whosent-Signature", fmt::format("t={},v1={}", now, to_hex(hmac_sha256(secrets_[*numbers_.hmac_key], text))));
        }
        return request;
    }
    Result<PartAnswer> answer_of(const Batch&, Part, const net::HttpResponse& response) override {
        if (meaning_of(response.status) == StatusMeaning::taken) return PartAnswer{};
        return answer_by_status(response, response.body);
    }

private:
    // The same for the same events, however often they are sent together.
    static std::string delivery_of(const Batch& batch, Part part) {
        Sha256 ids;
        for (std::size_t item = part.first; item < part.last; ++item) {
            ids.update(batch.items[item].id);
            ids.update("\n");
        }
        return to_hex(ids.finish()).substr(0, 32);
    }

    const bool array_;
    const Numbers numbers_;
    net::HttpHeaders headers_;
};

}  // namespace

std::unique_ptr<Framer> make_webhook_framer(const WebhookSettings& settings) { return std::make_unique<WebhookFramer>(settings); }

Result<std::unique_ptr<Transport>> make_webhook_transport(const WebhookSettings& settings, net::Io& io, const Clock& clock) {
    const auto wrong = [&](std::string message) { return std::unexpected(Error{ErrorCode::invalid_argument, Stage::app, Persistence::permanent, settings.sink.name, std::move(message), {}}); };
    for (const auto& [name, value] : settings.headers) {
        if (!net::is_header(name, value)) return wrong(fmt::format("the header {} cannot be sent", printable(name, 60)));  // its value may be a secret
        const std::string lower = to_lower(name);
        if (std::ranges::find(kOwnHeaders, lower) != std::end(kOwnHeaders)) return wrong(fmt::format("the header {} is set by whosent itself", name));
        if (settings.bearer && lower == "authorization") return wrong("bearer, or a header Authorization, not both");
    }
    Secrets secrets;
    WebhookTransport::Numbers numbers;
    if (settings.hmac_key) numbers.hmac_key = WHOSENT_TRY(secrets.add(*settings.hmac_key));
    if (settings.bearer) numbers.bearer = WHOSENT_TRY(secrets.add(*settings.bearer));
    auto session = WHOSENT_TRY(open_session(io, {.url = settings.url, .tls = settings.tls, .insecure_plain = settings.insecure_plain, .deadline = settings.sink.deadline}));
    return std::make_unique<WebhookTransport>(settings, std::move(session), std::move(secrets), numbers, clock);
}

Result<std::unique_ptr<Sink>> make_webhook(const WebhookSettings& settings, const Surroundings& surroundings) {
    auto transport = WHOSENT_TRY(make_webhook_transport(settings, surroundings.io, surroundings.clock));
    return make_delivery(settings.sink, make_webhook_framer(settings), std::move(transport), surroundings);
}

}  // namespace whosent::sink
