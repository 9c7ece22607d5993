// Where events are sent to: export.syslog, hec, bulk, webhook, file.
#include <algorithm>

#include "app/settings_reader.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

using encode::Encoding;
using net::TlsClientOptions;
using sink::BulkSettings;
using sink::FileSettings;
using sink::HecSettings;
using sink::SinkOptions;
using sink::SyslogSettings;
using sink::WebhookSettings;
using Selection = EventFilter::Selection;

constexpr Seconds kHour = 3600;
constexpr std::uint64_t kLeastRotation = 4 * kKiB;  // a file with less holds hardly an event
constexpr std::size_t kMostHeaders = 32;

template <class Value>
constexpr auto kValue = &Placed<Value>::value;

// ---- checks of texts ----

bool is_printable_ascii(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

// RFC 5424 section 6: HOSTNAME is of at most 255 printable characters, APP-NAME of 48.
std::string syslog_hostname(std::string& text) { return text.empty() || (text.size() <= 255 && is_printable_ascii(text)) ? "" : "must be of at most 255 printable characters without blanks (RFC 5424 section 6)"; }
std::string syslog_app_name(std::string& text) { return text.size() <= 48 && is_printable_ascii(text) ? "" : "must be of 1 to 48 printable characters without blanks (RFC 5424 section 6)"; }

struct UrlParts {
    bool tls = false;
    std::string host;  // without brackets
};
std::optional<UrlParts> parts_of(std::string_view url) {
    UrlParts parts;
    parts.tls = url.starts_with("https://");
    if (!parts.tls && !url.starts_with("http://")) return std::nullopt;
    const std::string_view rest = url.substr(url.find("//") + 2);
    std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    if (!is_printable_ascii(url) || authority.find('@') != std::string_view::npos || url.find('#') != std::string_view::npos) return std::nullopt;
    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t close = authority.find(']');
        if (close == std::string_view::npos || !IpAddress::parse(authority.substr(1, close - 1))) return std::nullopt;
        parts.host = authority.substr(1, close - 1);
        port = authority.substr(close + 1);
    } else {
        parts.host = authority.substr(0, authority.find(':'));
        port = authority.substr(parts.host.size());
        if (!host_name(parts.host).empty()) return std::nullopt;
    }
    const bool digits = port.size() >= 2 && port.size() <= 6 && port[0] == ':' && std::all_of(port.begin() + 1, port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!port.empty() && !digits) return std::nullopt;
    return parts;
}
std::string http_url(std::string& text) { return parts_of(text) ? "" : "must be a URL such as \"https://siem.example.com:8088\", without a name or password"; }

bool is_loopback(std::string_view host) {
    if (host == "localhost") return true;
    static const IpPrefix v4 = *IpPrefix::parse("127.0.0.0/8"), v6 = *IpPrefix::parse("::1/128");
    const auto address = IpAddress::parse(host);
    return address && (v4.contains(*address) || v6.contains(*address));
}

// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create: what the name of an index may be
std::string index_name(std::string& text) {
    const bool odd = !is_printable_ascii(text) || text.size() > 255 || text == "." || text == ".." || std::string_view("-_+").find(text[0]) != std::string_view::npos ||
                     std::any_of(text.begin(), text.end(), [](char c) { return (c >= 'A' && c <= 'Z') || std::string_view("\\/*?\"<>|,#:").find(c) != std::string_view::npos; });
    return odd ? fmt::format("has \"{}\", which is not the name of an index or a data stream such as \"logs-whosent-default\" (lower case)", printable(text, 80)) : "";
}

std::string no_control(std::string& text) { return text.empty() ? "" : not_empty(text); }

// RFC 9110 section 5.1: the name of a field is a token.
bool is_token(std::string_view text) {
    return is_printable_ascii(text) && std::none_of(text.begin(), text.end(), [](char c) { return std::string_view("()<>@,;:\\\"/[]?={}").find(c) != std::string_view::npos; });
}
constexpr std::string_view kOwnHeaders[] = {"authorization",     "connection",  "content-encoding", "content-length",    "content-type", "host",
                                            "transfer-encoding", "user-agent", "whosent-signature"};

// ---- keys ----

// A list of words; of one that nobody knows it says which was probably meant.
template <auto... Member, class Value>
Key<Owner<Member...>> words_key(std::string name, std::span<const Value> known) {
    using T = Owner<Member...>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                std::vector<Value> values;
                WHOSENT_CHECK(each_text(place, name, node, fmt::format("\"{}\"", name_of(known.front())), [&](const std::string& text, const toml::node& element) -> Result<void> {
                    const auto found = std::ranges::find_if(known, [&](Value value) { return name_of(value) == text; });
                    if (found != known.end()) {
                        if (std::ranges::find(values, *found) == values.end()) values.push_back(*found);
                        return {};
                    }
                    std::vector<std::string_view> words;
                    for (const Value value : known) words.push_back(name_of(value));
                    const auto near = nearest(text, words);
                    return place.wrong(element.source(), fmt::format("`{}` has \"{}\", which is none; {}", name, printable(text, 60),
                                                                     near ? fmt::format("did you mean \"{}\"?", *near) : fmt::format("there are {}", fmt::join(words, ", "))));
                }));
                at<Member...>(into) = std::move(values);
                return {};
            },
            [](const T& from) {
                std::vector<std::string> texts;
                for (const Value value : at<Member...>(from)) texts.emplace_back(name_of(value));
                return toml_list(texts);
            }};
}

template <class T>
void append(Keys<T>& keys, Keys<T> more) {
    keys.insert(keys.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// The keys that every sink has, but for its name and its format.
const Keys<SinkOptions>& sink_keys() {
    using S = SinkOptions;
    constexpr auto f = &S::filter;
    static const Keys<S> keys = {
        choice_key<f, &EventFilter::selection>("select", Choices<Selection>{{"failing", Selection::failing}, {"all", Selection::all}, {"findings", Selection::findings}}),
        texts_key<f, &EventFilter::domains>("domains", "\"example.com\"", domain_name),
        words_key<f, &EventFilter::verdicts>("verdicts", std::span<const VerdictKind>(kVerdicts)),
        words_key<f, &EventFilter::classes>("classes", std::span<const EventClass>(kEventClasses)),
        number_key<f, &EventFilter::min_severity>("min_severity", 0, 10),
        choice_key<&S::aggregate_daily>("aggregate", Choices<bool>{{"none", false}, {"daily", true}}),
        choice_key<&S::from_beginning>("begin", Choices<bool>{{"now", false}, {"beginning", true}}),
        number_key<&S::batch_events>("batch_events", 1, 100'000),
        number_key<&S::batch_bytes>("batch_bytes", kKiB, 64 * kMiB),
        duration_key<&S::batch_age>("batch_age", 0, kHour),
        duration_key<&S::deadline>("deadline", 1, kHour),
        duration_key<&S::retry_least>("retry_least", 1, kHour),
        duration_key<&S::retry_most>("retry_most", 1, kSecondsPerDay),
    };
    return keys;
}

const Keys<TlsClientOptions>& tls_keys() {
    using T = TlsClientOptions;
    static const Keys<T> keys = {
        text_key<&T::ca_file>("ca_file", "\"/etc/whosent/ca.pem\"", maybe_file_name),
        text_key<&T::server_name>("server_name", "\"siem.example.com\"", maybe_host_name),
        truth_key<&T::insecure_skip_verification>("insecure_skip_verification"),
        text_key<&T::certificate>("certificate", "\"/etc/whosent/client.pem\"", maybe_file_name),
        text_key<&T::key>("key", "\"/etc/whosent/client.key\"", maybe_file_name),
    };
    return keys;
}

bool uses_tls(const Placed<SyslogSettings>& entry) { return entry.value.transport == SyslogSettings::Transport::tls; }
template <class Value>
bool uses_tls(const Placed<Value>& entry) {
    return !entry.value.url.starts_with("http://");
}

// What stands in the configuration, without the kind before it.
template <class Value>
Key<Placed<Value>> name_key() {
    auto key = text_key<kValue<Value>, &Value::sink, &SinkOptions::name>("name", "\"soc\"", entry_name);
    key.show = [](const Placed<Value>& from) {
        const std::string& name = from.value.sink.name;
        return toml_text(name.substr(name.find(':') + 1));
    };
    return key;
}
template <class Value>
Key<Placed<Value>> format_key(std::initializer_list<Encoding> possible) {
    Choices<Encoding> choices;
    for (const Encoding encoding : possible) choices.emplace_back(name_of(encoding), encoding);
    return choice_key<kValue<Value>, &Value::sink, &SinkOptions::encoding>("format", std::move(choices));
}
// `keys` and those that it shares with others.
template <class Value>
Keys<Placed<Value>> with_common(Keys<Placed<Value>> keys) {
    if constexpr (requires { &Value::tls; }) {
        for (auto& key : part_keys<kValue<Value>, &Value::tls>(tls_keys())) keys.push_back(shown_if(std::move(key), +[](const Placed<Value>& entry) { return uses_tls(entry); }));
    }
    append(keys, part_keys<kValue<Value>, &Value::sink>(sink_keys()));
    return keys;
}
template <class Value>
Key<Placed<Value>> url_key() {
    return text_key<kValue<Value>, &Value::url>("url", "\"https://siem.example.com:8088\"", http_url);
}

// ---- syslog ----

const Keys<Placed<SyslogSettings>>& syslog_keys() {
    using S = SyslogSettings;
    using P = Placed<S>;
    using Transport = S::Transport;
    using Framing = S::Framing;
    constexpr auto v = kValue<S>;
    static const Keys<P> keys = [] {
        Keys<P> own = {
            name_key<S>(),
            text_key<v, &S::host>("host", "\"siem.example.com\"", host_name),
            number_key<v, &S::port>("port", 1, 65535),
            choice_key<v, &S::transport>("transport", Choices<Transport>{{"tcp", Transport::tcp}, {"udp", Transport::udp}, {"tls", Transport::tls}}),
            shown_if(choice_key<v, &S::framing>("framing", Choices<Framing>{{"octet-counting", Framing::octet_counting}, {"lf", Framing::lf}}),
                     +[](const P& entry) { return entry.value.transport != Transport::udp; }),
            format_key<S>({Encoding::cef, Encoding::json, Encoding::ecs}),
            number_key<v, &S::facility>("facility", 0, 23),  // RFC 5424 section 6.2.1
            text_key<v, &S::hostname>("hostname", "\"reports.example.com\"", syslog_hostname),
            text_key<v, &S::app_name>("app_name", "\"whosent\"", syslog_app_name),
            // 65,507 is what a datagram of IPv4 holds; RFC 5424 section 6.1: every receiver takes 480
            shown_if(number_key<v, &S::message_bytes>("message_bytes", 480, 65'507), +[](const P& entry) { return entry.value.transport == Transport::udp; }),
            shown_if(truth_key<v, &S::confirm>("confirm"), +[](const P& entry) { return entry.value.transport != Transport::udp; }),
        };
        return with_common(std::move(own));
    }();
    return keys;
}

// Tells of each of the keys that are there, though they mean nothing.
void check_spare(const Place& place, const toml::table& table, std::initializer_list<const char*> keys, std::string_view why) {
    for (const char* const key : keys)
        if (const auto* spare = table.get(key)) place.tell(place.wrong(spare->source(), fmt::format("`{}` {}", key, why)));
}

void check_tls(const Place& place, const toml::table& table, std::string_view name, const TlsClientOptions& tls, bool used, std::string_view without) {
    if (!used) check_spare(place, table, {"ca_file", "server_name", "insecure_skip_verification", "certificate", "key"}, fmt::format("is of TLS, which {} does without", without));
    if (tls.certificate.empty() != tls.key.empty()) {
        place.tell(place.wrong(table.source(), fmt::format("[[{}]] has `{}` without `{}`", name, tls.key.empty() ? "certificate" : "key", tls.key.empty() ? "key" : "certificate")));
    }
}

void check(const Place& place, const toml::table& table, Placed<SyslogSettings>& entry) {
    using Transport = SyslogSettings::Transport;
    SyslogSettings& syslog = entry.value;
    if (syslog.transport == Transport::tls && !table.contains("port")) syslog.port = 6514;  // RFC 5425 section 4.1
    if (syslog.transport == Transport::udp) {
        check_spare(place, table, {"framing"}, "is of TCP: a datagram is a message (RFC 5426 section 3.1)");
        check_spare(place, table, {"confirm"}, "is of TCP and TLS: nobody confirms a datagram");
    } else {
        check_spare(place, table, {"message_bytes"}, "is of UDP: a stream takes a message of any length");
    }
    if (syslog.transport == Transport::tls && syslog.framing == SyslogSettings::Framing::lf) {
        place.tell(place.wrong(table.get("framing")->source(), "`framing`: over TLS messages are counted (RFC 5425 section 4.3)"));
    }
    check_tls(place, table, "export.syslog", syslog.tls, syslog.transport == Transport::tls, syslog.transport == Transport::tcp ? "`transport = \"tcp\"`" : "`transport = \"udp\"`");
}

// ---- HTTP ----

template <class Value>
void check_http(const Place& place, const toml::table& table, std::string_view name, const Value& value) {
    const auto url = parts_of(value.url);
    const bool tls = url && url->tls;
    if (!tls && !value.insecure_plain && url && !is_loopback(url->host)) {
        place.tell(place.wrong(table.get("url")->source(), fmt::format("`url`: http:// beyond loopback shows events and credentials to all who are on the way; `insecure_plain = true` takes it")));
    }
    check_tls(place, table, name, value.tls, tls, "a `url` with http://");
}

const Keys<Placed<HecSettings>>& hec_keys() {
    using H = HecSettings;
    constexpr auto v = kValue<H>;
    static const Keys<Placed<H>> keys = [] {
        Keys<Placed<H>> own = {
            name_key<H>(),
            url_key<H>(),
            secret_key<v, &H::token>("token"),
            format_key<H>({Encoding::json, Encoding::cef, Encoding::ecs}),
            text_key<v, &H::index>("index", "\"mail\"", no_control),
            text_key<v, &H::source>("source", "\"whosent\"", no_control),
            text_key<v, &H::sourcetype>("sourcetype", "\"whosent:event\"", no_control),
            text_key<v, &H::host>("event_host", "\"reports.example.com\"", no_control),
            truth_key<v, &H::acknowledge>("acknowledge"),
            duration_key<v, &H::acknowledge_deadline>("acknowledge_deadline", 1, kHour),
            truth_key<v, &H::insecure_plain>("insecure_plain"),
        };
        return with_common(std::move(own));
    }();
    return keys;
}
void check(const Place& place, const toml::table& table, Placed<HecSettings>& entry) { check_http(place, table, "export.hec", entry.value); }

const Keys<Placed<BulkSettings>>& bulk_keys() {
    using B = BulkSettings;
    constexpr auto v = kValue<B>;
    static const Keys<Placed<B>> keys = [] {
        Keys<Placed<B>> own = {
            name_key<B>(),
            url_key<B>(),
            text_key<v, &B::index>("index", "\"logs-whosent-default\"", index_name),
            format_key<B>({Encoding::ecs, Encoding::json}),
            secret_key<v, &B::api_key>("api_key"),
            shown_if(text_key<v, &B::user>("user", "\"whosent\"", no_control), +[](const Placed<B>& entry) { return !entry.value.api_key; }),
            secret_key<v, &B::password>("password"),
            truth_key<v, &B::insecure_plain>("insecure_plain"),
        };
        return with_common(std::move(own));
    }();
    return keys;
}
void check(const Place& place, const toml::table& table, Placed<BulkSettings>& entry) {
    const BulkSettings& bulk = entry.value;
    if (bulk.api_key) {
        check_spare(place, table, {"user", "password"}, "stands beside `api_key`: which of them is meant?");
    } else if (bulk.user.empty() == bulk.password.has_value()) {
        place.tell(place.wrong(table.source(), fmt::format("[[export.bulk]] has `{}` without `{}`", bulk.password ? "password" : "user", bulk.password ? "user" : "password")));
    }
    if (bulk.user.find(':') != std::string::npos) place.tell(place.wrong(table.get("user")->source(), "`user` has a colon, which Basic authentication cannot tell (RFC 7617 section 2)"));
    check_http(place, table, "export.bulk", bulk);
}

Key<Placed<WebhookSettings>> headers_key() {
    using T = Placed<WebhookSettings>;
    return {"headers",
            [](const Place& place, const toml::node& node, T& into) -> Result<void> {
                const auto* table = node.as_table();
                if (table == nullptr) return place.wrong(node.source(), fmt::format("`headers` must be a table such as {{ \"X-Tenant\" = \"acme\" }}, not {}", type_name(node)));
                std::vector<std::pair<std::string, std::string>> headers;
                for (const auto& [key, value] : in_order(*table)) {
                    const std::string_view name = key->str();
                    const std::string lower = to_lower(name);
                    if (!is_token(name)) return place.wrong(key->source(), "`headers`: what stands before `=` must be the name of a header such as \"X-Tenant\"");
                    if (std::ranges::find(kOwnHeaders, lower) != std::end(kOwnHeaders)) {
                        return place.wrong(key->source(), fmt::format("`headers`: {} is set by whosent itself{}", name, lower == "authorization" ? "; `bearer` is for a token" : ""));
                    }
                    if (std::ranges::any_of(headers, [&](const auto& other) { return to_lower(other.first) == lower; })) return place.wrong(key->source(), fmt::format("`headers`: {} stands there already", name));
                    std::string text = WHOSENT_TRY(text_of(place, "headers", *value, "\"acme\""));
                    if (!not_empty(text).empty()) return place.wrong(value->source(), fmt::format("`headers`: {} {}", name, not_empty(text)));
                    headers.emplace_back(name, std::move(text));
                }
                if (headers.size() > kMostHeaders) return place.wrong(node.source(), fmt::format("`headers`: {} are over {}", headers.size(), kMostHeaders));
                into.value.headers = std::move(headers);
                return {};
            },
            [](const T& from) {
                std::string out;
                for (const auto& [name, text] : from.value.headers) out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", toml_text(name), toml_text(text));
                return fmt::format("{{ {} }}", out);
            }};
}

const Keys<Placed<WebhookSettings>>& webhook_keys() {
    using W = WebhookSettings;
    constexpr auto v = kValue<W>;
    static const Keys<Placed<W>> keys = [] {
        Keys<Placed<W>> own = {
            name_key<W>(),
            url_key<W>(),
            format_key<W>({Encoding::json, Encoding::ecs, Encoding::cef}),
            truth_key<v, &W::lines>("lines"),
            secret_key<v, &W::hmac_key>("hmac_key"),
            secret_key<v, &W::bearer>("bearer"),
            headers_key(),
            truth_key<v, &W::insecure_plain>("insecure_plain"),
        };
        return with_common(std::move(own));
    }();
    return keys;
}
void check(const Place& place, const toml::table& table, Placed<WebhookSettings>& entry) { check_http(place, table, "export.webhook", entry.value); }

// ---- file ----

const Keys<Placed<FileSettings>>& file_keys() {
    using F = FileSettings;
    constexpr auto v = kValue<F>;
    static const Keys<Placed<F>> keys = [] {
        Keys<Placed<F>> own = {
            name_key<F>(),
            text_key<v, &F::path>("path", "\"/var/log/whosent/events.ndjson\"", file_name),
            format_key<F>({Encoding::json, Encoding::cef, Encoding::ecs}),
            number_key<v, &F::rotate_bytes>("rotate_bytes", 0, 1ULL << 40),
            truth_key<v, &F::rotate_daily>("rotate_daily"),
            number_key<v, &F::keep>("keep", 0, 1000),
            mode_key<v, &F::mode>("mode"),
        };
        return with_common(std::move(own));
    }();
    return keys;
}
void check(const Place& place, const toml::table& table, Placed<FileSettings>& entry) {
    const FileSettings& file = entry.value;
    if (file.rotate_bytes > 0 && file.rotate_bytes < kLeastRotation) {
        place.tell(place.wrong(table.get("rotate_bytes")->source(), fmt::format("`rotate_bytes` must be 0, which is never, or at least {}", kLeastRotation)));
    }
    if ((file.mode & 0600) != 0600) place.tell(place.wrong(table.get("mode")->source(), "`mode` takes reading and writing away from whosent itself"));
}

// ---- all of them ----

// What no other sink may have; empty: nothing of the kind.
template <class Value>
std::string_view own_place(const Value&) {
    return {};
}
std::string_view own_place(const FileSettings& file) { return file.path; }

template <class Value>
Placed<Value> fresh(Encoding encoding) {
    Placed<Value> entry;
    entry.value.sink.encoding = encoding;
    return entry;
}

// The key `kind` of [export]. `required` are the keys without that no such sink can be; `encoding` is the default of `format`.
template <auto Member, class Value>
Key<Settings> kind_key(std::string kind, const Keys<Placed<Value>>& keys, std::initializer_list<std::string_view> required, Encoding encoding) {
    const std::vector<std::string_view> needs = required;
    return {kind,
            [=, &keys](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
                const std::string name = fmt::format("export.{}", kind);
                const auto finish = [&](const toml::table& table, Placed<Value>&& entry, bool good) {
                    const std::size_t before = place.problems.size();
                    require(place, table, fmt::format("[[{}]]", name), needs);
                    entry.where = place.name(table.source());
                    if (good && place.problems.size() == before) {
                        check(place, table, entry);
                        if (entry.value.sink.retry_least > entry.value.sink.retry_most) place.tell(place.wrong(table.source(), "`retry_least` is longer than `retry_most`"));
                    }
                    if (!good || place.problems.size() > before) return;
                    entry.value.sink.name = fmt::format("{}:{}", kind, entry.value.sink.name);
                    for (const auto& other : settings.*Member) {
                        if (other.value.sink.name == entry.value.sink.name) {
                            place.tell(place.wrong(table.get("name")->source(), fmt::format("`name`: {} stands at {} already", entry.value.sink.name, other.where)));
                        } else if (!own_place(entry.value).empty() && own_place(other.value) == own_place(entry.value)) {
                            place.tell(place.wrong(table.get("path")->source(), fmt::format("`path`: {} writes there already", other.value.sink.name)));
                        } else {
                            continue;
                        }
                        return;
                    }
                    (settings.*Member).push_back(std::move(entry));
                };
                read_tables<Placed<Value>>(place, name, node, keys, finish, fresh<Value>(encoding));
                return {};
            },
            {},
            names_of(keys)};
}

Keys<Settings> kind_keys() {
    return {
        kind_key<&Settings::syslog>("syslog", syslog_keys(), {"name", "host"}, Encoding::cef),
        kind_key<&Settings::hec>("hec", hec_keys(), {"name", "url", "token"}, Encoding::json),
        kind_key<&Settings::bulk>("bulk", bulk_keys(), {"name", "url"}, Encoding::ecs),
        kind_key<&Settings::webhooks>("webhook", webhook_keys(), {"name", "url"}, Encoding::json),
        kind_key<&Settings::files>("file", file_keys(), {"name", "path"}, Encoding::json),
    };
}

template <class Value>
void append(std::string& out, std::string_view kind, const Keys<Placed<Value>>& keys, const std::vector<Placed<Value>>& entries) {
    for (const auto& entry : entries) {
        out += fmt::format("\n[[export.{}]]  # {}\n", kind, entry.where);
        for (const auto& key : keys) {
            const std::string value = key.show(entry);
            if (!value.empty()) out += fmt::format("{} = {}\n", key.name, value);
        }
    }
}

}  // namespace

Keys<Settings> export_tables() {
    const Keys<Settings> kinds = kind_keys();
    return {{"export",
             [kinds](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
                 const auto* table = node.as_table();
                 if (table == nullptr) return place.wrong(node.source(), fmt::format("`export` must be tables such as [[export.syslog]], not {}", type_name(node)));
                 read_keys<Settings>(place, *table, "[export]", kinds, settings);
                 return {};
             },
             {},
             names_of(kinds)}};
}

std::string sinks_to_toml(const Settings& settings) {
    std::string out;
    append(out, "syslog", syslog_keys(), settings.syslog);
    append(out, "hec", hec_keys(), settings.hec);
    append(out, "bulk", bulk_keys(), settings.bulk);
    append(out, "webhook", webhook_keys(), settings.webhooks);
    append(out, "file", file_keys(), settings.files);
    return out;
}

}  // namespace whosent::app
