// export/sink: pushes events to a SIEM, at least once and in the order of their sequences, and keeps its place.
//
// Each sink has a thread of its own, of low priority, that reads the store and encodes, and a coroutine on the I/O thread (net::Io) that sends. Sinks are created, started, stopped
// and destroyed on the I/O thread or while it does not run; they call the Ledger from there alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/export/encode.hpp"
#include "whosent/model/event_filter.hpp"
#include "whosent/model/sink_state.hpp"
#include "whosent/net/secret.hpp"
#include "whosent/net/tls.hpp"
#include "whosent/store/store.hpp"

namespace whosent::net {
class Io;
}

namespace whosent::sink {

// ---- settings ----

// What all sinks share.
struct SinkOptions {
    std::string name;    // "syslog:soc"
    encode::Encoding encoding = encode::Encoding::json;  // settings of the kind say which are possible, and the default
    EventFilter filter{.selection = EventFilter::Selection::failing, .classes = {}, .domains = {}, .verdicts = {}};
    bool aggregate_daily = false;  // what follows the first row of the same kind on a day (by publication, UTC) is told in one event when the day is over
    bool from_beginning = false;   // where a sink that is new starts: at the first event, or at what comes from now on
    std::size_t batch_events = 500, batch_bytes = 1 * kMiB;
    std::chrono::milliseconds batch_age{1'000};  // a batch is sent when it is full, or when nothing came for so long; a sink is idle until then
    std::chrono::milliseconds deadline{30'000};  // connect, send, answer: each
    std::chrono::milliseconds retry_least{1'000}, retry_most{300'000};  // back-off, doubled each time, with jitter (half of it to all of it)
};

struct SyslogSettings {
    SinkOptions sink;
    enum class Transport : std::uint8_t { udp, tcp, tls } transport = Transport::tcp;
    std::string host;
    std::uint16_t port = 514;  // tls: 6514 (RFC 5425)
    enum class Framing : std::uint8_t { octet_counting, lf } framing = Framing::octet_counting;  // RFC 6587; TLS: always counted. A line feed in a message cannot be: encoders write none
    unsigned facility = 13;    // log audit (RFC 5424 section 6.2.1)
    std::string hostname;      // HOSTNAME; empty: the system's
    std::string app_name = "whosent";
    std::size_t message_bytes = 60'000;  // of UDP: a longer one goes to the dead letters
    net::TlsClientOptions tls;
    // TCP and TLS have no acknowledgement. With `confirm`, the sink closes its half of the connection after each burst and at least every ten seconds, and takes what it
    // sent for delivered when the receiver, which has then read all of it, closes the other half in order. Of UDP only that nobody listens is found out so. Without, when the system has taken it: what a receiver that goes down has
    // not read is lost.
    bool confirm = true;
};

struct HecSettings {  // Splunk HTTP Event Collector
    SinkOptions sink;
    std::string url;  // "https://splunk.example.com:8088"; /services/collector/event is put behind it
    std::optional<net::SecretSource> token;
    std::string index, source = "whosent", sourcetype = "whosent:event", host;  // empty: left out
    bool acknowledge = true;  // indexer acknowledgement: a batch is delivered when /services/collector/ack says so
    std::chrono::milliseconds acknowledge_deadline{120'000};  // then it is sent again
    net::TlsClientOptions tls;
    bool insecure_plain = false;
};

struct BulkSettings {  // Elasticsearch, OpenSearch: POST /_bulk with `create`, the event's id as _id
    SinkOptions sink;      // ecs (the default) or json
    std::string url;
    std::string index = "logs-whosent-default";  // an index or a data stream
    std::optional<net::SecretSource> api_key;     // Authorization: ApiKey
    std::string user;                             // or Basic
    std::optional<net::SecretSource> password;
    net::TlsClientOptions tls;
    bool insecure_plain = false;
};

struct WebhookSettings {
    SinkOptions sink;      // json: a JSON array; ndjson and cef: a line each
    std::string url;
    bool lines = false;    // one event a line (application/x-ndjson), in the place of an array
    std::optional<net::SecretSource> hmac_key;    // Whosent-Signature: t=SECONDS,v1=HEX of HMAC-SHA-256 over "SECONDS.BODY"
    std::optional<net::SecretSource> bearer;      // Authorization: Bearer
    std::vector<std::pair<std::string, std::string>> headers;
    net::TlsClientOptions tls;
    bool insecure_plain = false;
};

struct FileSettings {
    SinkOptions sink;      // json or cef or ecs, one a line
    std::string path;
    std::uint64_t rotate_bytes = 100 * kMiB;  // the file becomes PATH.1, PATH.1 becomes PATH.2, ...; 0: never
    bool rotate_daily = false;
    unsigned keep = 7;     // rotated files
    unsigned mode = 0640;
};

// ---- the sink ----

// What a sink tells of itself, and where it keeps its place.
class Ledger {
public:
    virtual ~Ledger() = default;
    // As it is kept; nothing: the sink is new.
    [[nodiscard]] virtual std::optional<SinkState> state(const std::string& name) = 0;
    // Everything up to `position` is delivered, or was not wanted, or is in `dead`; `events` were sent and taken. Durable a little later: what is lost of it costs duplicates with the
    // same ids. Dead letters become durable with the position or before it. No events and no letters: the place alone has moved, which says nothing of the receiver.
    virtual void delivered(const std::string& name, const DeliveryPosition& position, std::int64_t generation, std::uint64_t events, std::vector<DeadLetter> dead) = 0;
    // It did not work, and is tried again after `retry_in`. Never holds a secret.
    virtual void failed(const std::string& name, const Error& error, std::chrono::milliseconds retry_in) = 0;
    // A remark worth a line in the log.
    virtual void note(const std::string& name, const std::string& text) = 0;
};

// What every sink needs; all of it outlives the sinks.
struct Surroundings {
    net::Io& io;
    store::Store& store;
    Ledger& ledger;
    const Clock& clock;
    Seconds attribution_deadline = 0;  // as store::EventQuery
};

class Sink {
public:
    virtual ~Sink() = default;
    [[nodiscard]] virtual const std::string& name() const noexcept = 0;
    // Where it sends to, for people: "tls://siem.example.com:6514".
    [[nodiscard]] virtual std::string destination() const = 0;
    // Sends until stop(). Waits for the store when that cannot be read.
    virtual void start() = 0;
    // The store has another position for it, of a newer generation: goes on from there.
    virtual void reposition(const DeliveryPosition& position, std::int64_t generation) = 0;
    // What is on its way is finished within the deadline of one batch, or left for the next start; `stopped` is called once.
    virtual void stop(std::function<void()> stopped) = 0;
};

// Errors: a secret, certificate or key cannot be read; the settings cannot be (the message says what).
[[nodiscard]] Result<std::unique_ptr<Sink>> make_syslog(const SyslogSettings& settings, const Surroundings& surroundings);
[[nodiscard]] Result<std::unique_ptr<Sink>> make_hec(const HecSettings& settings, const Surroundings& surroundings);
[[nodiscard]] Result<std::unique_ptr<Sink>> make_bulk(const BulkSettings& settings, const Surroundings& surroundings);
[[nodiscard]] Result<std::unique_ptr<Sink>> make_webhook(const WebhookSettings& settings, const Surroundings& surroundings);
[[nodiscard]] Result<std::unique_ptr<Sink>> make_file(const FileSettings& settings, const Surroundings& surroundings);

}  // namespace whosent::sink
