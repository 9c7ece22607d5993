// Where reports are collected: collect.imap, lmtp, https, maildir, folder.
#include <algorithm>
#include <filesystem>
#include <map>

#include "app/listen_address.hpp"
#include "app/settings_reader.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

using collect::Disposal;
using collect::FolderSettings;
using collect::ImapSettings;
using collect::LmtpSettings;
using collect::MaildirSettings;
using net::OAuthSettings;
using serve::IntakeSettings;
using serve::ServerOptions;

constexpr Seconds kMinute = 60, kHour = 3600;
constexpr std::size_t kMostConnections = 10'000;  // each is a file descriptor

template <class Value>
constexpr auto kValue = &CollectorSettings<Value>::value;

// ---- checks of texts ----

// RFC 8601 section 2.5: an authserv-id is most often the name of a host; a version may follow it in the field, which is no part of it.
std::string authserv_id(std::string& text) {
    const bool odd = text.empty() || std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7F || c == ';' || c == '"'; });
    return odd ? fmt::format("has \"{}\", which is not an authserv-id such as mx.example.com (the first word of the Authentication-Results field)", printable(text)) : "";
}

std::string https_url(std::string& text) {
    constexpr std::string_view kScheme = "https://";
    const std::string_view rest = std::string_view(text).starts_with(kScheme) ? std::string_view(text).substr(kScheme.size()) : std::string_view();
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    const bool odd = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7F; });
    if (authority.empty() || authority.find('@') != std::string_view::npos || rest.find('#') != std::string_view::npos || odd) return "must be a URL such as \"https://login.example.com/token\"";
    return "";
}

std::string url_path(std::string& text) {
    const bool odd = !text.starts_with('/') || text.find("/*") != std::string::npos || std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7F || c == '?' || c == '#' || c == '%'; });
    return odd ? fmt::format("must be a path such as \"/report\", not \"{}\"", printable(text)) : "";
}

// ---- IMAP ----

// RFC 3501 section 9: flag-keyword is an atom.
bool is_keyword(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F && std::string_view("(){%*\"\\]").find(static_cast<char>(c)) == std::string_view::npos; });
}

constexpr std::string_view kKeyword = "keyword:", kMove = "move:";

template <Disposal ImapSettings::* Member>
Key<CollectorSettings<ImapSettings>> disposal_key(std::string name) {
    using T = CollectorSettings<ImapSettings>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                const std::string text = WHOSENT_TRY(text_of(place, name, node, "\"move:Archive\""));
                Disposal& disposal = into.value.*Member;
                if (text == "leave" || text == "seen" || text == "delete") {
                    disposal = {text == "leave" ? Disposal::Kind::leave : text == "seen" ? Disposal::Kind::seen : Disposal::Kind::remove, {}};
                    return {};
                }
                const bool keyword = text.starts_with(kKeyword);
                if (!keyword && !text.starts_with(kMove)) {
                    return place.wrong(node.source(), fmt::format("`{}` must be \"leave\", \"seen\", \"keyword:WORD\", \"move:FOLDER\" or \"delete\", not \"{}\"", name, printable(text, 60)));
                }
                std::string target = text.substr(keyword ? kKeyword.size() : kMove.size());
                if (keyword && !is_keyword(target)) {
                    return place.wrong(node.source(), fmt::format("`{}`: \"{}\" is no keyword of IMAP, such as $Reported (RFC 3501 section 9)", name, printable(target, 60)));
                }
                if (!keyword) {
                    if (const std::string problem = not_empty(target); !problem.empty()) return place.wrong(node.source(), fmt::format("`{}`: the name of the folder {}", name, problem));
                }
                disposal = {keyword ? Disposal::Kind::keyword : Disposal::Kind::move, std::move(target)};
                return {};
            },
            [](const T& from) {
                const Disposal& disposal = from.value.*Member;
                switch (disposal.kind) {
                    case Disposal::Kind::leave: break;
                    case Disposal::Kind::seen: return toml_text("seen");
                    case Disposal::Kind::remove: return toml_text("delete");
                    case Disposal::Kind::keyword: return toml_text(fmt::format("{}{}", kKeyword, disposal.target));
                    case Disposal::Kind::move: return toml_text(fmt::format("{}{}", kMove, disposal.target));
                }
                return toml_text("leave");
            }};
}

const Keys<OAuthSettings>& oauth_keys() {
    using Grant = OAuthSettings::Grant;
    static const Keys<OAuthSettings> keys = {
        choice_key<&OAuthSettings::grant>("grant", Choices<Grant>{{"client-credentials", Grant::client_credentials}, {"refresh-token", Grant::refresh_token}, {"service-account", Grant::service_account}}),
        text_key<&OAuthSettings::token_url>("token_url", "\"https://login.example.com/token\"", https_url),
        text_key<&OAuthSettings::client_id>("client_id", "\"0a1b2c3d\"", not_empty),
        secret_key<&OAuthSettings::client_secret>("client_secret"),
        secret_key<&OAuthSettings::refresh_token>("refresh_token"),
        secret_key<&OAuthSettings::service_account>("service_account"),
        text_key<&OAuthSettings::subject>("subject", "\"reports@example.com\"", not_empty),
        text_key<&OAuthSettings::scope>("scope", "\"https://mail.example.com/\"", not_empty),
        text_key<&OAuthSettings::tls, &net::TlsClientOptions::ca_file>("ca_file", "\"/etc/whosent/ca.pem\"", maybe_file_name),
    };
    return keys;
}

Key<CollectorSettings<ImapSettings>> oauth_key() {
    using T = CollectorSettings<ImapSettings>;
    return {"oauth",
            [](const Place& place, const toml::node& node, T& into) -> Result<void> {
                const auto* table = node.as_table();
                if (table == nullptr) return place.wrong(node.source(), fmt::format("`oauth` must be a table such as {{ grant = \"client-credentials\", … }}, not {}", type_name(node)));
                OAuthSettings oauth;
                const std::size_t before = place.problems.size();
                read_keys<OAuthSettings>(place, *table, "`oauth`", oauth_keys(), oauth);
                if (place.problems.size() == before) {
                    using Grant = OAuthSettings::Grant;
                    std::vector<std::string_view> needs, foreign;
                    switch (oauth.grant) {
                        case Grant::client_credentials: needs = {"token_url", "client_id", "client_secret"}, foreign = {"refresh_token", "service_account", "subject"}; break;
                        case Grant::refresh_token: needs = {"token_url", "client_id", "refresh_token"}, foreign = {"service_account", "subject"}; break;
                        // the key file names the server and the client
                        case Grant::service_account: needs = {"service_account", "subject", "scope"}, foreign = {"client_id", "client_secret", "refresh_token"}; break;
                    }
                    require(place, *table, "`oauth`", needs);
                    for (const auto key : foreign) {
                        if (table->contains(key)) place.tell(place.wrong(table->get(key)->source(), fmt::format("`oauth.{}` is of another `grant`", key)));
                    }
                }
                into.value.oauth = std::move(oauth);
                return {};
            },
            [](const T& from) -> std::string {
                if (!from.value.oauth) return {};
                std::string out;
                for (const auto& key : oauth_keys()) {
                    const std::string value = key.show(*from.value.oauth);
                    if (!value.empty() && value != "\"\"") out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", key.name, value);
                }
                return fmt::format("{{ {} }}", out);
            },
            names_of(oauth_keys())};
}

template <class Value>
Key<CollectorSettings<Value>> silence_key() {
    return duration_key<&CollectorSettings<Value>::silent_after>("silent_after", 1, kMostSilence, true);
}
template <class Value>
Key<CollectorSettings<Value>> remote_key() {
    return truth_key<&CollectorSettings<Value>::allow_remote>("allow_remote");
}

const Keys<CollectorSettings<ImapSettings>>& imap_keys() {
    using I = ImapSettings;
    using net::TlsClientOptions;
    constexpr auto uses_tls = +[](const CollectorSettings<I>& entry) { return entry.value.security != I::Security::insecure_plain; };
    constexpr auto v = kValue<I>;
    static const Keys<CollectorSettings<I>> keys = {
        text_key<v, &I::name>("name", "\"reports\"", entry_name),
        text_key<v, &I::host>("host", "\"imap.example.com\"", host_name),
        number_key<v, &I::port>("port", 1, 65535),
        choice_key<v, &I::security>("security", Choices<I::Security>{{"tls", I::Security::tls}, {"starttls", I::Security::starttls}, {"insecure-plain", I::Security::insecure_plain}}),
        shown_if(text_key<v, &I::tls, &TlsClientOptions::ca_file>("ca_file", "\"/etc/whosent/ca.pem\"", maybe_file_name), uses_tls),
        shown_if(text_key<v, &I::tls, &TlsClientOptions::server_name>("server_name", "\"imap.example.com\"", maybe_host_name), uses_tls),
        shown_if(truth_key<v, &I::tls, &TlsClientOptions::insecure_skip_verification>("insecure_skip_verification"), uses_tls),
        text_key<v, &I::user>("user", "\"reports@example.com\"", not_empty),
        choice_key<v, &I::login>("login", Choices<I::Login>{{"password", I::Login::password}, {"xoauth2", I::Login::xoauth2}, {"oauthbearer", I::Login::oauthbearer}}),
        secret_key<v, &I::password>("password"),
        oauth_key(),
        text_key<v, &I::folder>("folder", "\"INBOX\"", not_empty),
        truth_key<v, &I::idle>("idle"),
        duration_key<v, &I::poll>("poll", 1, kSecondsPerDay),
        duration_key<v, &I::idle_renew>("idle_renew", 1, 29 * kMinute),  // RFC 2177: a server may end the connection after 30 minutes
        duration_key<v, &I::deadline>("deadline", 1, kHour),
        duration_key<v, &I::retry_least>("retry_least", 1, kHour),
        duration_key<v, &I::retry_most>("retry_most", 1, kSecondsPerDay),
        number_key<v, &I::chunk_messages>("chunk_messages", 1, 1000),
        number_key<v, &I::chunk_bytes>("chunk_bytes", kKiB, 256 * kMiB),
        disposal_key<&I::processed>("processed"),
        disposal_key<&I::not_a_report>("not_a_report"),
        disposal_key<&I::quarantined>("quarantined"),
        texts_key<v, &I::trusted_authserv_ids>("trusted_authserv_ids", "\"mx.example.com\"", authserv_id),
        silence_key<I>(),
    };
    return keys;
}

void check(const Place& place, const toml::table& table, CollectorSettings<ImapSettings>& entry) {
    ImapSettings& imap = entry.value;
    if (imap.port == 0) imap.port = imap.security == ImapSettings::Security::tls ? 993 : 143;
    const bool password = imap.login == ImapSettings::Login::password;
    if (password && !imap.password) {
        place.tell(place.wrong(table.source(), imap.oauth ? "[[collect.imap]] has `oauth`, which takes `login = \"xoauth2\"` or \"oauthbearer\"" : "[[collect.imap]] lacks `password`"));
    } else if (!password && !imap.oauth) {
        place.tell(place.wrong(table.source(), "[[collect.imap]] lacks `oauth`, which its `login` takes"));
    } else if (const auto* spare = table.get(password ? "oauth" : "password")) {
        place.tell(place.wrong(spare->source(), fmt::format("`{}` is not used with this `login`", password ? "oauth" : "password")));
    }
    if (imap.retry_least > imap.retry_most) place.tell(place.wrong(table.source(), "`retry_least` is longer than `retry_most`"));
    if (imap.security == ImapSettings::Security::insecure_plain) {
        for (const auto key : {"ca_file", "server_name", "insecure_skip_verification"}) {
            if (const auto* spare = table.get(key)) place.tell(place.wrong(spare->source(), fmt::format("`{}` is of TLS, which `security = \"insecure-plain\"` does without", key)));
        }
    }
    const std::pair<const char*, const Disposal*> disposals[] = {{"processed", &imap.processed}, {"not_a_report", &imap.not_a_report}, {"quarantined", &imap.quarantined}};
    for (const auto& [key, disposal] : disposals) {
        if (disposal->kind == Disposal::Kind::move && disposal->target == imap.folder) {
            place.tell(place.wrong(table.get(key)->source(), fmt::format("`{}` moves to the folder that is collected from", key)));
        }
    }
}

// ---- LMTP ----

constexpr std::string_view kRecipientKinds[] = {"aggregate", "failure", "feedback", "tls", "any"};

// "Reports@Example.COM" -> "reports@example.com", "@example.com". Nothing: it is neither.
std::optional<std::string> recipient_of(std::string_view text) {
    const std::size_t at = text.rfind('@');
    if (at == std::string_view::npos) return std::nullopt;
    const auto domain = normalise_domain(text.substr(at + 1));
    const std::string_view local = text.substr(0, at);
    const bool odd = local.size() > 64 || std::any_of(local.begin(), local.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7F || std::string_view("<>()[]\\,;:@\"").find(static_cast<char>(c)) != std::string_view::npos; });
    if (!domain || odd) return std::nullopt;
    return fmt::format("{}@{}", to_lower(local), *domain);
}

Key<CollectorSettings<LmtpSettings>> recipients_key() {
    using T = CollectorSettings<LmtpSettings>;
    return {"recipients",
            [](const Place& place, const toml::node& node, T& into) -> Result<void> {
                const auto* table = node.as_table();
                if (table == nullptr) return place.wrong(node.source(), fmt::format("`recipients` must be a table such as {{ \"dmarc@example.com\" = \"aggregate\" }}, not {}", type_name(node)));
                if (table->empty()) return place.wrong(node.source(), "`recipients` is empty: no mail would be taken");
                std::map<std::string, std::string> recipients;
                // an address may be a person's: the errors show none
                for (const auto& [key, value] : in_order(*table)) {
                    const auto address = recipient_of(key->str());
                    if (!address) return place.wrong(key->source(), "`recipients`: what stands before `=` must be an address such as \"dmarc@example.com\", or \"@example.com\" for all of a domain, within quotes");
                    const std::string kind = WHOSENT_TRY(text_of(place, "recipients", *value, "\"aggregate\""));
                    if (std::find(std::begin(kRecipientKinds), std::end(kRecipientKinds), kind) == std::end(kRecipientKinds)) {
                        return no_choice(place, "recipients", *value, {std::begin(kRecipientKinds), std::end(kRecipientKinds)}, kind);
                    }
                    if (!recipients.emplace(*address, kind).second) return place.wrong(key->source(), "`recipients`: this address stands there already");
                }
                into.value.recipients = std::move(recipients);
                return {};
            },
            [](const T& from) {
                std::string out;
                for (const auto& [address, kind] : from.value.recipients) out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", toml_text(address), toml_text(kind));
                return fmt::format("{{ {} }}", out);
            }};
}

const Keys<CollectorSettings<LmtpSettings>>& lmtp_keys() {
    using L = LmtpSettings;
    constexpr auto v = kValue<L>;
    static const Keys<CollectorSettings<L>> keys = {
        text_key<v, &L::name>("name", "\"mta\"", entry_name),
        text_key<v, &L::listen>("listen", "\"127.0.0.1:2424\"", listen_address),
        remote_key<L>(),
        mode_key<v, &L::socket_mode>("socket_mode"),
        text_key<v, &L::hostname>("hostname", "\"reports.example.com\"", maybe_host_name),
        recipients_key(),
        number_key<v, &L::connections>("connections", 1, kMostConnections),
        duration_key<v, &L::deadline>("deadline", 1, kHour),
        duration_key<v, &L::data_deadline>("data_deadline", 1, kHour),
        duration_key<v, &L::pressure>("pressure", 0, 5 * kMinute),  // RFC 5321 section 4.5.3.2.6: the client waits 10 minutes for the answer to its message
        texts_key<v, &L::trusted_authserv_ids>("trusted_authserv_ids", "\"mx.example.com\"", authserv_id),
        silence_key<L>(),
    };
    return keys;
}

// A listener beyond loopback takes a word of the operator.
void check_remote(const Place& place, const toml::table& table, std::string_view listen, bool allow_remote, std::string_view why) {
    const auto address = parse_listen_address(listen);
    if (!address || address->is_local() || allow_remote) return;
    place.tell(place.wrong(table.contains("listen") ? table.get("listen")->source() : table.source(), fmt::format("`listen`: {} is beyond loopback; {}, so it takes `allow_remote = true`", listen, why)));
}

void check(const Place& place, const toml::table& table, CollectorSettings<LmtpSettings>& entry) {
    check_remote(place, table, entry.value.listen, entry.allow_remote, "LMTP knows neither TLS nor passwords here, and all who reach it may deliver");
}

// ---- HTTPS ----

template <auto Member>
Key<CollectorSettings<HttpsSettings>> tls_file_key(std::string name, std::string example) {
    using T = CollectorSettings<HttpsSettings>;
    return {name,
            [=](const Place& place, const toml::node& node, T& into) -> Result<void> {
                std::string file = WHOSENT_TRY(text_of(place, name, node, example));
                if (file.empty()) return {};
                if (!file_name(file).empty()) return place.wrong(node.source(), fmt::format("`{}` names no file", name));
                auto& tls = into.value.server.tls;
                if (!tls) tls.emplace();
                (*tls).*Member = std::move(file);
                return {};
            },
            [](const T& from) { return toml_text(from.value.server.tls ? (*from.value.server.tls).*Member : std::string()); }};
}

struct SourceEntry {
    std::string name;
    std::optional<net::SecretSource> token;
};
const Keys<SourceEntry>& source_keys() {
    static const Keys<SourceEntry> keys = {text_key<&SourceEntry::name>("name", "\"acme\"", entry_name), secret_key<&SourceEntry::token>("token")};
    return keys;
}

Key<CollectorSettings<HttpsSettings>> sources_key() {
    using T = CollectorSettings<HttpsSettings>;
    return {"sources",
            [](const Place& place, const toml::node& node, T& into) -> Result<void> {
                const auto* list = node.as_array();
                if (list == nullptr) return place.wrong(node.source(), fmt::format("`sources` must be a list such as [{{ name = \"acme\", token = {{ file = \"…\" }} }}], not {}", type_name(node)));
                for (const toml::node& element : *list) {
                    const auto* table = element.as_table();
                    if (table == nullptr) return place.wrong(element.source(), fmt::format("`sources` must be a list of tables such as {{ name = \"acme\", token = {{ file = \"…\" }} }}; {} is among them", type_name(element)));
                    SourceEntry source;
                    const std::size_t before = place.problems.size();
                    read_keys<SourceEntry>(place, *table, "`sources`", source_keys(), source);
                    require(place, *table, "an entry of `sources`", {"name", "token"});
                    if (place.problems.size() > before) continue;
                    auto& sources = into.value.intake.sources;
                    if (std::any_of(sources.begin(), sources.end(), [&](const auto& other) { return other.name == source.name; })) {
                        return place.wrong(element.source(), fmt::format("`sources`: the name {} stands there already", source.name));
                    }
                    sources.push_back({std::move(source.name), std::move(*source.token)});
                }
                return {};
            },
            [](const T& from) {
                std::string out;
                for (const auto& source : from.value.intake.sources) out += fmt::format("{}{{ name = {}, token = {} }}", out.empty() ? "" : ", ", toml_text(source.name), shown(source.token));
                return fmt::format("[{}]", out);
            },
            names_of(source_keys())};
}

const Keys<CollectorSettings<HttpsSettings>>& https_keys() {
    using H = HttpsSettings;
    constexpr auto v = kValue<H>;
    static const Keys<CollectorSettings<H>> keys = {
        text_key<v, &H::intake, &IntakeSettings::name>("name", "\"intake\"", entry_name),
        text_key<v, &H::server, &ServerOptions::listen>("listen", "\"127.0.0.1:8443\"", listen_address),
        remote_key<H>(),
        mode_key<v, &H::server, &ServerOptions::socket_mode>("socket_mode"),
        tls_file_key<&net::TlsServerOptions::certificate>("certificate", "\"/etc/whosent/cert.pem\""),
        tls_file_key<&net::TlsServerOptions::key>("key", "\"/etc/whosent/key.pem\""),
        tls_file_key<&net::TlsServerOptions::client_ca>("client_ca", "\"/etc/whosent/ca.pem\""),
        truth_key<v, &H::insecure_plain>("insecure_plain"),
        text_key<v, &H::intake, &IntakeSettings::path>("path", "\"/report\"", url_path),
        number_key<v, &H::intake, &IntakeSettings::body_bytes>("body_bytes", kKiB, 1024 * kMiB),
        number_key<v, &H::intake, &IntakeSettings::requests_per_minute>("requests_per_minute", 1, 1'000'000),
        duration_key<v, &H::intake, &IntakeSettings::pressure>("pressure", 0, 5 * kMinute),
        number_key<v, &H::server, &ServerOptions::connections>("connections", 1, kMostConnections),
        truth_key<v, &H::intake, &IntakeSettings::tokens>("tokens"),
        sources_key(),
        silence_key<H>(),
    };
    return keys;
}

void check(const Place& place, const toml::table& table, CollectorSettings<HttpsSettings>& entry) {
    const HttpsSettings& https = entry.value;
    const auto address = parse_listen_address(https.server.listen);
    const bool is_unix = address && !address->path.empty();
    const auto& tls = https.server.tls;
    if (tls && (tls->certificate.empty() || tls->key.empty())) {
        place.tell(place.wrong(table.source(), fmt::format("[[collect.https]] lacks `{}`", tls->certificate.empty() ? "certificate" : "key")));
    } else if (!tls && !https.insecure_plain && !is_unix) {
        place.tell(place.wrong(table.source(), "[[collect.https]] lacks `certificate` and `key`; `insecure_plain = true` does without TLS"));
    } else if (tls && https.insecure_plain) {
        place.tell(place.wrong(table.get("insecure_plain")->source(), "`insecure_plain` is true and there is a `certificate`: which of them is meant?"));
    }
    check_remote(place, table, https.server.listen, entry.allow_remote, "others may then post reports");
}

// ---- Maildir and drop folder ----

const Keys<CollectorSettings<MaildirSettings>>& maildir_keys() {
    using M = MaildirSettings;
    constexpr auto v = kValue<M>;
    static const Keys<CollectorSettings<M>> keys = {
        text_key<v, &M::name>("name", "\"drop\"", entry_name),
        text_key<v, &M::path>("path", "\"/var/mail/reports\"", file_name),
        duration_key<v, &M::rescan>("rescan", 1, kSecondsPerDay),
        texts_key<v, &M::trusted_authserv_ids>("trusted_authserv_ids", "\"mx.example.com\"", authserv_id),
        silence_key<M>(),
    };
    return keys;
}
void check(const Place&, const toml::table&, CollectorSettings<MaildirSettings>&) {}

const Keys<CollectorSettings<FolderSettings>>& folder_keys() {
    using F = FolderSettings;
    constexpr auto v = kValue<F>;
    static const Keys<CollectorSettings<F>> keys = {
        text_key<v, &F::name>("name", "\"dropped\"", entry_name),
        text_key<v, &F::path>("path", "\"/srv/drop\"", file_name),
        duration_key<v, &F::rescan>("rescan", 1, kSecondsPerDay),
        text_key<v, &F::processed>("processed", "\"done\"", maybe_file_name),
        text_key<v, &F::not_a_report>("not_a_report", "\"other\"", maybe_file_name),
        text_key<v, &F::quarantined>("quarantined", "\"quarantined\"", maybe_file_name),
        texts_key<v, &F::trusted_authserv_ids>("trusted_authserv_ids", "\"mx.example.com\"", authserv_id),
        silence_key<F>(),
    };
    return keys;
}
void check(const Place& place, const toml::table& table, CollectorSettings<FolderSettings>& entry) {
    const std::filesystem::path folder(entry.value.path);
    const auto plain = [](const std::filesystem::path& path) { return (path / "").lexically_normal(); };  // with a / at its end
    const std::pair<const char*, const std::string*> targets[] = {{"processed", &entry.value.processed}, {"not_a_report", &entry.value.not_a_report}, {"quarantined", &entry.value.quarantined}};
    for (const auto& [key, target] : targets) {
        if (target->empty() || plain(folder / *target) != plain(folder)) continue;
        place.tell(place.wrong(table.contains(key) ? table.get(key)->source() : table.source(), fmt::format("`{}` is the folder that is collected from", key)));
    }
}

// ---- all of them ----

template <class Value>
std::string& name_in(CollectorSettings<Value>& entry) {
    return entry.value.name;
}
std::string& name_in(CollectorSettings<HttpsSettings>& entry) { return entry.value.intake.name; }

// The key `kind` of [collect]. `required` are the keys without that no such collector can be.
template <auto Member, class Value>
Key<Settings> collector_key(std::string kind, const Keys<CollectorSettings<Value>>& keys, std::initializer_list<std::string_view> required) {
    const std::vector<std::string_view> needs = required;
    return {kind,
            [=, &keys](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
                const std::string name = fmt::format("collect.{}", kind);
                read_tables<CollectorSettings<Value>>(place, name, node, keys, [&](const toml::table& table, CollectorSettings<Value>&& entry, bool good) {
                    const std::size_t before = place.problems.size();
                    require(place, table, fmt::format("[[{}]]", name), needs);
                    entry.where = place.name(table.source());
                    if (good && place.problems.size() == before) check(place, table, entry);
                    if (!good || place.problems.size() > before) return;
                    auto& entries = settings.*Member;
                    for (auto& other : entries) {
                        if (name_in(other) != name_in(entry)) continue;
                        place.tell(place.wrong(table.get("name")->source(), fmt::format("`name`: {}:{} stands at {} already", kind, name_in(entry), other.where)));
                        return;
                    }
                    entries.push_back(std::move(entry));
                });
                return {};
            },
            {},
            names_of(keys)};
}

Keys<Settings> collector_keys() {
    return {
        collector_key<&Settings::imap>("imap", imap_keys(), {"name", "host", "user"}),
        collector_key<&Settings::lmtp>("lmtp", lmtp_keys(), {"name", "recipients"}),
        collector_key<&Settings::https>("https", https_keys(), {"name", "listen"}),
        collector_key<&Settings::maildir>("maildir", maildir_keys(), {"name", "path"}),
        collector_key<&Settings::folders>("folder", folder_keys(), {"name", "path"}),
    };
}

template <class Value>
void append(std::string& out, std::string_view kind, const Keys<CollectorSettings<Value>>& keys, const std::vector<CollectorSettings<Value>>& entries) {
    for (const auto& entry : entries) {
        out += fmt::format("\n[[collect.{}]]  # {}\n", kind, entry.where);
        for (const auto& key : keys) {
            const std::string value = key.show(entry);
            if (!value.empty()) out += fmt::format("{} = {}\n", key.name, value);
        }
    }
}

}  // namespace

Keys<Settings> collect_tables() {
    const Keys<Settings> kinds = collector_keys();
    return {{"collect",
             [kinds](const Place& place, const toml::node& node, Settings& settings) -> Result<void> {
                 const auto* table = node.as_table();
                 if (table == nullptr) return place.wrong(node.source(), fmt::format("`collect` must be tables such as [[collect.imap]], not {}", type_name(node)));
                 read_keys<Settings>(place, *table, "[collect]", kinds, settings);
                 return {};
             },
             {},
             names_of(kinds)}};
}

std::string collectors_to_toml(const Settings& settings) {
    std::string out;
    append(out, "imap", imap_keys(), settings.imap);
    append(out, "lmtp", lmtp_keys(), settings.lmtp);
    append(out, "https", https_keys(), settings.https);
    append(out, "maildir", maildir_keys(), settings.maildir);
    append(out, "folder", folder_keys(), settings.folders);
    return out;
}

}  // namespace whosent::app
