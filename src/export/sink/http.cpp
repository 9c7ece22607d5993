#include "export/sink/http.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "whosent/base/text.hpp"
#include "whosent/net/coroutine.hpp"
#include "whosent/net/io.hpp"

namespace whosent::sink {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;

// For one batch: enough for three bad events among 500, each found by halving. What is not settled then is sent again after the back-off, where the search goes on.
constexpr std::size_t kMostRequests = 64;
constexpr Seconds kLongestRetryAfter = 3'600;  // a receiver that asks for more is asked again anyway: it may have come back

// Words with an '@' between blanks, quotes and brackets.
std::string without_addresses(std::string_view text) {
    constexpr std::string_view kEnds = " \t\r\n\"'<>()[]{},;";
    std::string out;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(kEnds), text.size());
        const std::string_view word = text.substr(0, end);
        out += word.contains('@') ? std::string_view("…") : word;
        const auto next = std::min(text.find_first_not_of(kEnds, end), text.size());
        out += text.substr(end, next - end);
        text.remove_prefix(next);
    }
    return out;
}

// RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<Seconds> parse_http_date(std::string_view text) {
    static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) return std::nullopt;
    const auto month = std::ranges::find(kMonths, text.substr(8, 3));
    if (month == kMonths.end()) return std::nullopt;
    return parse_iso_time(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month - kMonths.begin() + 1, text.substr(5, 2), text.substr(17, 8)));
}

}  // namespace

std::string_view bytes_of(const Batch& batch, Part part) {
    const std::size_t begin = part.first == 0 ? 0 : batch.items[part.first - 1].end;
    const std::size_t end = part.last == 0 ? 0 : batch.items[part.last - 1].end;
    return std::string_view(batch.bytes).substr(begin, end - begin);
}

Result<std::size_t> Secrets::add(const net::SecretSource& source) {
    std::string value = WHOSENT_TRY(source.read());
    known_.push_back({source, std::move(value)});
    return known_.size() - 1;
}

Result<bool> Secrets::refresh() {
    bool changed = false;
    for (Known& known : known_) {
        std::string value = WHOSENT_TRY(known.source.read());
        changed |= value != known.value;
        known.value = std::move(value);
    }
    return changed;
}

std::string Secrets::said(std::string_view text, std::size_t most) const {
    std::string out(text.substr(0, 4 * kKiB));  // far more than is shown, so that nothing is cut before it is known for what it is
    for (const Known& known : known_) {
        for (auto at = out.find(known.value); at != std::string::npos; at = out.find(known.value, at)) {
            out.replace(at, known.value.size(), "…");
            at += std::string_view("…").size();
        }
    }
    return printable(trim(without_addresses(out)), most);
}

StatusMeaning meaning_of(unsigned status) noexcept {
    if (status >= 200 && status < 300) return StatusMeaning::taken;
    if (status == 408 || status == 425 || status == 429 || status >= 500) return StatusMeaning::again;
    if (status == 400 || status == 413 || status == 422) return StatusMeaning::event;
    return StatusMeaning::settings;
}

std::optional<milliseconds> retry_after(const net::HttpResponse& response, Seconds now) {
    for (const auto& [name, value] : response.headers) {
        if (name != "retry-after") continue;
        Seconds seconds = 0;
        const std::string_view text = trim(value);
        const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), seconds);
        const bool number = end == text.data() + text.size() && wrong != std::errc::invalid_argument;
        if (number && wrong == std::errc::result_out_of_range) seconds = text.starts_with('-') ? -1 : kLongestRetryAfter;
        if (!number) {
            const auto date = parse_http_date(text);
            if (!date) return std::nullopt;
            seconds = *date - now;
        }
        if (seconds < 0) return number ? std::nullopt : std::optional(milliseconds(0));
        return std::chrono::seconds(std::min(seconds, kLongestRetryAfter));
    }
    return std::nullopt;
}

Result<net::HttpSession> open_session(net::Io& io, const HttpTarget& target) {
    net::HttpOptions options;
    options.tls = target.tls;
    options.insecure_plain = target.insecure_plain;
    options.deadline = target.deadline;
    options.body_bytes = target.answer_bytes;
    return net::HttpSession::create(io.context(), target.url, std::move(options));
}

std::string below(const std::string& target, std::string_view path) {
    std::string out = target;
    while (out.ends_with('/')) out.pop_back();
    return out += path;
}

HttpTransport::HttpTransport(net::HttpSession session, Secrets secrets, const Clock& clock) : session_(std::move(session)), secrets_(std::move(secrets)), clock_(clock) {}

Error HttpTransport::settings_error(std::string message) const {
    return {ErrorCode::invalid_argument, Stage::app, Persistence::permanent, session_.where(), std::move(message), {}};
}
Error HttpTransport::answer_error(std::string message, ErrorCode code) const { return {code, Stage::app, Persistence::retry, session_.where(), std::move(message), {}}; }

Error HttpTransport::credentials_error(const net::HttpResponse& response) const {
    return settings_error(fmt::format("HTTP status {}: the receiver does not let us in", response.status));
}

Result<PartAnswer> HttpTransport::answer_by_status(const net::HttpResponse& response, std::string_view words) const {
    PartAnswer answer;
    answer.reason = fmt::format("HTTP status {}", response.status);
    if (!words.empty()) answer.reason += ": " + secrets_.said(words);
    switch (meaning_of(response.status)) {
        case StatusMeaning::again:
            answer.kind = PartAnswer::Kind::again;
            answer.retry_after = retry_after(response, clock_.now());
            return answer;
        case StatusMeaning::event: answer.kind = PartAnswer::Kind::refused; return answer;
        case StatusMeaning::taken: return std::unexpected(answer_error(std::move(answer.reason)));
        case StatusMeaning::settings: break;
    }
    return std::unexpected(settings_error(std::move(answer.reason)));
}

awaitable<Result<net::HttpResponse>> HttpTransport::exchange(Request request) {
    const std::string_view body = request.own_body.empty() ? request.body : std::string_view(request.own_body);
    auto response = co_await session_.exchange("POST", request.target, request.headers, body);
    co_return response;
}

Result<bool> HttpTransport::refreshed() { return secrets_.refresh(); }

awaitable<Result<PartAnswer>> HttpTransport::ask(const Batch& batch, Part part) {
    for (bool first = true;; first = false) {
        Request request = request_of(batch, part);
        auto response = co_await exchange(std::move(request));
        if (!response) co_return std::unexpected(std::move(response).error());
        if (response->status != 401 && response->status != 403) co_return answer_of(batch, part, *response);
        const auto changed = refreshed();
        if (!changed) co_return std::unexpected(changed.error());
        if (!first || !*changed) co_return std::unexpected(credentials_error(*response));
    }
}

awaitable<Result<Answer>> HttpTransport::send(const Batch& batch) {
    Answer answer;
    std::vector<Answer::Refused> refused;
    std::vector<Part> open;  // the next one last
    if (!batch.items.empty()) open.push_back({0, batch.items.size()});
    for (std::size_t requests = 0; !open.empty(); ++requests) {
        const Part part = open.back();
        PartAnswer said;
        if (requests == kMostRequests) {
            said.kind = PartAnswer::Kind::again;
            said.reason = "several events are refused, and not all of them are found yet";
        } else {
            auto asked = co_await ask(batch, part);
            if (!asked) co_return std::unexpected(std::move(asked).error());
            said = std::move(*asked);
        }
        if (answer.again_reason.empty() && (said.kind == PartAnswer::Kind::again || !said.again.empty())) answer.again_reason = said.reason;
        if (said.retry_after) answer.retry_after = std::max(answer.retry_after.value_or(milliseconds(0)), *said.retry_after);
        if (said.kind == PartAnswer::Kind::again) {
            // It would say so to the others, too
            for (const Part& rest : open) {
                for (std::size_t item = rest.first; item < rest.last; ++item) answer.again.push_back(item);
            }
            break;
        }
        open.pop_back();
        if (said.kind == PartAnswer::Kind::taken) {
            if (!taken_once_ && !said.dead.empty() && said.dead.size() == part.size())
                co_return std::unexpected(settings_error("every event so far was refused: " + said.dead.front().reason));
            taken_once_ |= said.dead.size() + said.again.size() < part.size();
            std::ranges::move(said.dead, std::back_inserter(answer.dead));
            std::ranges::copy(said.again, std::back_inserter(answer.again));
            continue;
        }
        if (part.size() == 1) {
            refused.push_back({part.first, said.reason});
            continue;
        }
        const bool named = said.suspect && *said.suspect >= part.first && *said.suspect < part.last;
        const std::size_t middle = named ? *said.suspect : part.first + part.size() / 2;
        const Part parts[] = {{part.first, middle}, {middle, named ? middle + 1 : part.last}, {named ? middle + 1 : part.last, part.last}};
        for (const Part& next : {parts[2], parts[1], parts[0]}) {
            if (next.size() > 0) open.push_back(next);
        }
    }
    if (!refused.empty() && !taken_once_) co_return std::unexpected(settings_error("every event so far was refused: " + refused.front().reason));
    std::ranges::move(refused, std::back_inserter(answer.dead));
    std::ranges::sort(answer.again);
    co_return answer;
}

awaitable<Result<void>> HttpTransport::confirm() { co_return Result<void>{}; }

}  // namespace whosent::sink
