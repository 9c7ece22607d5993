// What the sinks over HTTP share: a connection that is kept, secrets that are read anew when they were refused, and the search for the one event that a receiver refuses.
// Internal to the room; on the I/O thread alone.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/sink/transport.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/net/http_client.hpp"
#include "whosent/net/secret.hpp"

namespace whosent::net {
class Io;
}

namespace whosent::sink {

// The items [first, last) of a batch.
struct Part {
    std::size_t first = 0, last = 0;
    [[nodiscard]] std::size_t size() const noexcept { return last - first; }
};
[[nodiscard]] std::string_view bytes_of(const Batch& batch, Part part);

// What a receiver said to a part.
struct PartAnswer {
    enum class Kind : std::uint8_t {
        taken,    // but for what stands in `dead` and `again`
        again,    // nothing of it now
        refused,  // something in it will never be taken
    } kind = Kind::taken;
    std::string reason;                  // printable
    std::optional<std::size_t> suspect;  // refused: the item of the batch that the receiver named
    std::optional<std::chrono::milliseconds> retry_after;
    std::vector<Answer::Refused> dead;  // items of the batch
    std::vector<std::size_t> again;
};

// Secrets of a sink: they are part of what is sent and of nothing that is told.
class Secrets {
public:
    // Reads it; returns its number.
    [[nodiscard]] Result<std::size_t> add(const net::SecretSource& source);
    // Reads all again; whether one has changed.
    [[nodiscard]] Result<bool> refresh();
    [[nodiscard]] const std::string& operator[](std::size_t number) const { return known_[number].value; }
    // What a receiver wrote, fit for a log: printable, without the secrets and without addresses of persons, at most `most` bytes.
    [[nodiscard]] std::string said(std::string_view text, std::size_t most = 200) const;

private:
    struct Known {
        net::SecretSource source;
        std::string value;
    };
    std::vector<Known> known_;
};

// What the status of an answer says by itself (RFC 9110 section 15).
enum class StatusMeaning : std::uint8_t {
    taken,     // 2xx
    again,     // 408, 425, 429, 5xx
    event,     // 400, 413, 422: of what was sent
    settings,  // all others: of how it was sent (401, 403, 404, 410, redirections, ...)
};
[[nodiscard]] StatusMeaning meaning_of(unsigned status) noexcept;

// RFC 9110 section 10.2.3: seconds or a date (IMF-fixdate). At most an hour is believed.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const net::HttpResponse& response, Seconds now);

// How every sink over HTTP is reached.
struct HttpTarget {
    std::string url;
    net::TlsClientOptions tls;
    bool insecure_plain = false;
    std::chrono::milliseconds deadline{30'000};
    std::size_t answer_bytes = 1 * kMiB;
};
[[nodiscard]] Result<net::HttpSession> open_session(net::Io& io, const HttpTarget& target);

// Sends a batch in one request. Where the receiver refuses something in it, the parts are sent, until the single events that it refuses are known: these are dead. An
// event that is refused before the receiver has taken any (since start) tells of the settings rather than of the event, and is an error.
class HttpTransport : public Transport {
public:
    [[nodiscard]] std::string destination() const override { return session_.origin(); }
    [[nodiscard]] boost::asio::awaitable<Result<Answer>> send(const Batch& batch) override;
    [[nodiscard]] boost::asio::awaitable<Result<void>> confirm() override;
    void close() noexcept override { session_.close(); }

protected:
    HttpTransport(net::HttpSession session, Secrets secrets, const Clock& clock);

    struct Request {
        std::string target;
        net::HttpHeaders headers;
        std::string_view body;
        std::string own_body;  // in the place of `body`, where it is not empty
    };
    // With the secrets as they are now.
    [[nodiscard]] virtual Request request_of(const Batch& batch, Part part) const = 0;
    // Of any status but 401 and 403, which are errors. An Error is one of send().
    [[nodiscard]] virtual Result<PartAnswer> answer_of(const Batch& batch, Part part, const net::HttpResponse& response) = 0;

    // By the status alone: again or refused, or an Error. Not for 2xx.
    [[nodiscard]] Result<PartAnswer> answer_by_status(const net::HttpResponse& response, std::string_view words) const;
    [[nodiscard]] Error settings_error(std::string message) const;                              // permanent: somebody has to mend it
    [[nodiscard]] Error answer_error(std::string message, ErrorCode code = ErrorCode::corrupt) const;  // retry
    [[nodiscard]] boost::asio::awaitable<Result<net::HttpResponse>> exchange(Request request);
    // After 401 or 403: reads the secrets again. True: one has changed, which is worth another try at once.
    [[nodiscard]] Result<bool> refreshed();
    // What a receiver said with 401, 403.
    [[nodiscard]] virtual Error credentials_error(const net::HttpResponse& response) const;

    net::HttpSession session_;
    Secrets secrets_;
    const Clock& clock_;

private:
    [[nodiscard]] boost::asio::awaitable<Result<PartAnswer>> ask(const Batch& batch, Part part);
    bool taken_once_ = false;
};

// A path below that of the URL, which may end in '/': "/prefix/_bulk".
[[nodiscard]] std::string below(const std::string& target, std::string_view path);

}  // namespace whosent::sink
