// The effective configuration: flag before environment before file before default, each value with where it came from.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/base/pseudonym.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/collect/imap.hpp"
#include "whosent/collect/lmtp.hpp"
#include "whosent/collect/maildir.hpp"
#include "whosent/export/sink.hpp"
#include "whosent/identify/catalogue.hpp"
#include "whosent/model/inventory.hpp"
#include "whosent/serve/intake.hpp"
#include "whosent/serve/server.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

// For how long something is kept.
struct Retention {
    Seconds age = 0;
    std::string text;  // as it was given: "400d"
};
inline constexpr std::array kDataKinds = {store::DataKind::aggregate, store::DataKind::failure, store::DataKind::feedback, store::DataKind::tls,
                                          store::DataKind::quarantine};

struct DnsSettings {
    bool on = true;
    std::vector<std::string> servers;  // as dns::ResolverOptions; empty: those of the system
    Seconds deadline = 5;              // of one question
    std::uint64_t in_flight = 100;     // questions at the servers at once
    Seconds attribution_deadline = 60; // the longest that events wait for their attribution; without DNS they do not wait
};

// An entry of the file with its place: "FILE:LINE".
template <class Value>
struct Placed {
    Value value;
    std::string where;
};

// The daemon's own HTTP server, and how it is talked to and ends.
struct ServeSettings {
    std::string listen = "127.0.0.1:8480";  // as serve::ServerOptions; empty: none
    unsigned socket_mode = 0600;            // of a Unix socket
    std::string certificate, key;           // PEM; empty: plain
    std::string client_ca;                  // PEM: clients must show a certificate of it; empty: none is asked for
    bool insecure_plain = false;            // plain beyond loopback
    std::string control;                    // path of the Unix socket for the command line; load_settings puts it beside the store where nothing else is said
    Seconds drain = 10;                     // after SIGTERM
};

// GET /v1/events, on that server.
struct FeedSettings {
    bool enabled = true;
    std::size_t requests_per_minute = 600;  // of one token
    std::size_t at_once = 16;               // pages
    std::chrono::seconds longest_wait{60};  // of a long poll
};

struct LogSettings {
    enum class Level : std::uint8_t { debug, info, warning, error } level = Level::info;
    enum class Format : std::uint8_t { text, json } format = Format::text;
};
[[nodiscard]] std::string_view name_of(LogSettings::Level) noexcept;   // "info"
[[nodiscard]] std::string_view name_of(LogSettings::Format) noexcept;  // "text"

struct FindingsSettings {
    Seconds reporter_silent_after = 3 * kSecondsPerDay;  // 0: never
};

struct HttpsSettings {
    serve::IntakeSettings intake;
    serve::ServerOptions server;  // `listen` is set; without `tls` it is loopback, a Unix socket or insecure_plain
    bool insecure_plain = false;
};

// A [[collect.…]] of the file.
template <class Value>
struct CollectorSettings {
    Value value;
    std::string where;           // "FILE:LINE"
    Seconds silent_after = 0;    // no message for so long becomes a finding; 0: never
    bool allow_remote = false;   // lmtp and https: `listen` may be beyond loopback
};

struct Settings {
    std::string store;  // "sqlite:FILE"
    unsigned jobs = 0;  // 0: one a processor, but for the one that commits
    std::uint64_t commit_rows = 400'000;  // a transaction is committed when it has this many rows, or after two seconds
    Limits limits;
    PrivacyMode privacy_mode = PrivacyMode::pseudonymous;
    std::string key_file;  // of the pseudonyms; beside the store where nothing else is said
    std::map<store::DataKind, Retention> retention;  // what is not in it is kept
    bool store_is_default = false;
    DnsSettings dns;
    std::string catalogue_file;  // in the place of the embedded catalogue; empty: none
    std::string asn_file, country_file;  // MMDB; empty: none
    std::vector<Placed<OwnDomain>> domains;
    std::vector<Placed<Approval>> approvals;  // each domain and sender once
    std::vector<identify::CustomSender> senders;
    ServeSettings serve;
    FeedSettings feed;
    LogSettings log;
    FindingsSettings findings;
    // In the order of the file; names are unique in each.
    std::vector<CollectorSettings<collect::ImapSettings>> imap;
    std::vector<CollectorSettings<collect::LmtpSettings>> lmtp;
    std::vector<CollectorSettings<HttpsSettings>> https;
    std::vector<CollectorSettings<collect::MaildirSettings>> maildir;
    std::vector<CollectorSettings<collect::FolderSettings>> folders;
    // The same of the sinks, whose SinkOptions::name has the kind before it: "syslog:soc".
    std::vector<Placed<sink::SyslogSettings>> syslog;
    std::vector<Placed<sink::HecSettings>> hec;
    std::vector<Placed<sink::BulkSettings>> bulk;
    std::vector<Placed<sink::WebhookSettings>> webhooks;
    std::vector<Placed<sink::FileSettings>> files;
    // Key as in the file ("store", "limits.rows", "retention.tls") -> "--store", "WHOSENT_STORE", "FILE:LINE"; what is missing here is a default.
    std::map<std::string, std::string, std::less<>> origins;
};

// What was said on the command line; empty: nothing.
struct Flags {
    std::string store, config;
    std::string dns;                       // "on", "off"
    std::vector<std::string> dns_servers;
    std::optional<std::uint64_t> jobs;
};

// Everything that is wrong goes to `problems`, in the order of the file (invalid_argument, with file and line, or io); what is returned lacks that.
[[nodiscard]] Settings load_settings(const Flags& flags, std::vector<Error>& problems);

// The settings as a TOML file that says where each value came from.
[[nodiscard]] std::string to_toml(const Settings& settings);

// A member of Limits by its name in [limits].
struct LimitKey {
    std::string_view name;
    std::uint64_t (*get)(const Limits&);
    void (*set)(Limits&, std::uint64_t);
};
[[nodiscard]] std::span<const LimitKey> limit_keys() noexcept;

// The lists of texts of [[sender]].
struct SenderList {
    std::string_view key;
    std::vector<std::string> identify::CustomSender::* texts;
    bool domains;
};
inline constexpr SenderList kSenderLists[] = {
    {"spf_includes", &identify::CustomSender::spf_includes, true},
    {"dkim_domains", &identify::CustomSender::dkim_domains, true},
    {"dkim_cname_targets", &identify::CustomSender::dkim_cname_targets, true},
    {"envelope_domains", &identify::CustomSender::envelope_domains, true},
    {"ptr_suffixes", &identify::CustomSender::ptr_suffixes, true},
    {"dkim_selectors", &identify::CustomSender::dkim_selectors, false},
};

// "192.0.2.53", "127.0.0.1:5300", "2001:db8::53", "[2001:db8::53]:53"
[[nodiscard]] bool is_dns_server(std::string_view text) noexcept;
inline constexpr std::size_t kMostDnsServers = 16;
inline constexpr std::string_view kDnsServerForm = "an address such as 192.0.2.53, 192.0.2.53:5300 or [2001:db8::53]:53";

inline constexpr std::uint64_t kMostJobs = 256;  // threads; each holds a message of up to limits.message_bytes

}  // namespace whosent::app
