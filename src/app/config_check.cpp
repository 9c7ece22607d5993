#include "app/config_check.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "app/attribution_setup.hpp"
#include "app/listen_address.hpp"
#include "app/pseudonym_keys.hpp"
#include "whosent/net/tls.hpp"

namespace whosent::app {
namespace {

namespace fs = std::filesystem;
using net::SecretSource;

class Checker {
public:
    explicit Checker(const Settings& settings) : settings_(settings) {}

    ConfigCheck run() {
        attribution();
        store();
        serve();
        for (const auto& entry : settings_.imap) imap(entry);
        for (const auto& entry : settings_.lmtp) {
            const std::string what = "lmtp:" + entry.value.name;
            listen(entry.where, what, entry.value.listen);
        }
        for (const auto& entry : settings_.https) https(entry);
        for (const auto& entry : settings_.maildir) {
            const std::string what = "maildir:" + entry.value.name;
            // messages are renamed from new to cur
            for (const char* part : {"new", "cur"}) folder(entry.where, what, fs::path(entry.value.path) / part, W_OK);
        }
        for (const auto& entry : settings_.folders) {
            const std::string what = "folder:" + entry.value.name;
            folder(entry.where, what, entry.value.path, W_OK);
            for (const auto* target : {&entry.value.processed, &entry.value.not_a_report, &entry.value.quarantined}) {
                if (fs::path(*target).is_absolute()) folder(entry.where, what, *target, W_OK);
            }
        }
        for (const auto& entry : settings_.syslog) client_tls(entry.where, entry.value.sink.name, entry.value.tls);
        for (const auto& entry : settings_.hec) {
            maybe_secret(entry.where, entry.value.sink.name + ": `token`", entry.value.token);
            client_tls(entry.where, entry.value.sink.name, entry.value.tls);
        }
        for (const auto& entry : settings_.bulk) {
            maybe_secret(entry.where, entry.value.sink.name + ": `api_key`", entry.value.api_key);
            maybe_secret(entry.where, entry.value.sink.name + ": `password`", entry.value.password);
            client_tls(entry.where, entry.value.sink.name, entry.value.tls);
        }
        for (const auto& entry : settings_.webhooks) {
            maybe_secret(entry.where, entry.value.sink.name + ": `hmac_key`", entry.value.hmac_key);
            maybe_secret(entry.where, entry.value.sink.name + ": `bearer`", entry.value.bearer);
            client_tls(entry.where, entry.value.sink.name, entry.value.tls);
        }
        for (const auto& entry : settings_.files) {
            const fs::path path = entry.value.path;
            folder(entry.where, entry.value.sink.name, path.has_parent_path() ? path.parent_path() : fs::path("."), W_OK);
        }
        return std::move(found_);
    }

private:
    void problem(std::string where, std::string message) {
        found_.problems.push_back({.code = ErrorCode::invalid_argument, .stage = Stage::app, .where = std::move(where), .message = std::move(message)});
    }
    [[nodiscard]] std::string origin(std::string_view key) const {
        const auto found = settings_.origins.find(key);
        return found == settings_.origins.end() ? std::string() : found->second;
    }

    void attribution() {
        const auto catalogue = load_catalogue(settings_);
        if (!catalogue) {
            found_.problems.push_back(catalogue.error());
        } else {
            for (const auto& [approval, where] : settings_.approvals) {
                if (!(*catalogue)->find(approval.sender)) problem(where, unknown_sender(**catalogue, approval.sender));
            }
        }
        if (!settings_.asn_file.empty()) {
            if (const auto hosts = identify::HostDatabases::open(settings_.asn_file, {}); !hosts) problem(origin("hosts.asn_file"), to_string(hosts.error()));
        }
        if (!settings_.country_file.empty()) {
            if (const auto hosts = identify::HostDatabases::open({}, settings_.country_file); !hosts) problem(origin("hosts.country_file"), to_string(hosts.error()));
        }
    }

    void store() {
        constexpr std::string_view kSqlite = "sqlite:";
        const std::string where = origin("store");
        if (!settings_.store.starts_with(kSqlite) || settings_.store.size() == kSqlite.size()) {
            problem(where, "`store`: a store is named as sqlite:FILE");
            return;
        }
        const fs::path file = settings_.store.substr(kSqlite.size());
        const fs::path parent = file.has_parent_path() ? file.parent_path() : fs::path(".");
        std::error_code none;
        // the folders of the default place are made when they are needed
        if (!settings_.store_is_default || fs::exists(parent, none)) folder(where, "`store`", parent, W_OK);
        if (fs::exists(file, none)) {
            if (!fs::is_regular_file(file, none)) {
                problem(where, fmt::format("`store`: {} is not a file", file.string()));
            } else if (::access(file.c_str(), R_OK | W_OK) != 0) {
                problem(where, fmt::format("`store`: {} cannot be written: {}", file.string(), std::strerror(errno)));
            }
        }
        if (settings_.privacy_mode == PrivacyMode::pseudonymous) {
            const auto keys = load_keys(settings_.key_file);
            if (!keys && keys.error().code != ErrorCode::not_found) problem(origin("privacy.key_file"), fmt::format("`key_file`: {}", to_string(keys.error())));
        }
    }

    void serve() {
        const ServeSettings& serve = settings_.serve;
        if (!serve.listen.empty()) listen(origin("serve.listen"), "`serve.listen`", serve.listen);
        if (!serve.certificate.empty()) certificate(origin("serve.certificate"), "[serve]", {serve.certificate, serve.key, serve.client_ca});
        if (serve.listen.empty() && settings_.feed.enabled && !origin("feed.enabled").empty()) problem(origin("feed.enabled"), "`feed.enabled`: there is no server to ask: `listen` in [serve] is empty");
        const std::string where = origin("serve.control");
        if (serve.control.size() > kMostSocketPath) {
            problem(where, fmt::format("`serve.control`: {} is longer than a socket's path may be, {} bytes; set a shorter one in [serve]", serve.control, kMostSocketPath));
        } else if (!where.empty()) {
            socket_folder(where, "`serve.control`", serve.control);
        }
    }

    void imap(const CollectorSettings<collect::ImapSettings>& entry) {
        const auto& imap = entry.value;
        const std::string what = "imap:" + imap.name;
        maybe_secret(entry.where, what + ": `password`", imap.password);
        authorities(entry.where, what, imap.tls);
        if (!imap.oauth) return;
        authorities(entry.where, what + ": `oauth`", imap.oauth->tls);
        maybe_secret(entry.where, what + ": `oauth.client_secret`", imap.oauth->client_secret);
        maybe_secret(entry.where, what + ": `oauth.refresh_token`", imap.oauth->refresh_token);
        maybe_secret(entry.where, what + ": `oauth.service_account`", imap.oauth->service_account);
    }

    void https(const CollectorSettings<HttpsSettings>& entry) {
        const std::string what = "https:" + entry.value.intake.name;
        listen(entry.where, what, entry.value.server.listen);
        if (entry.value.server.tls) certificate(entry.where, what, *entry.value.server.tls);
        for (const auto& source : entry.value.intake.sources) secret(entry.where, fmt::format("{}: `token` of {}", what, source.name), source.token);
    }

    void secret(const std::string& where, const std::string& what, const SecretSource& source) {
        // The service has an environment and credentials of its own, which need not be there where this runs.
        const bool is_here = source.kind == SecretSource::Kind::file || (source.kind == SecretSource::Kind::environment && std::getenv(source.name.c_str()) != nullptr) ||
                             (source.kind == SecretSource::Kind::credential && std::getenv("CREDENTIALS_DIRECTORY") != nullptr);
        if (!is_here) {
            found_.remarks.push_back(fmt::format("{}: {}: {} is not there where this is run; the service must have it", where, what, source.to_string()));
        } else if (const auto value = source.read(); !value) {
            problem(where, fmt::format("{}: {}", what, to_string(value.error())));
        }
    }

    void maybe_secret(const std::string& where, const std::string& what, const std::optional<SecretSource>& source) {
        if (source) secret(where, what, *source);
    }

    // Authorities, certificate and key of a client.
    void client_tls(const std::string& where, const std::string& what, const net::TlsClientOptions& options) {
        if (options.ca_file.empty() && options.certificate.empty()) return;
        if (const auto context = net::make_client_tls(options); !context) problem(where, fmt::format("{}: {}", what, to_string(context.error())));
        if (!options.key.empty()) private_key(where, what, options.key);
    }

    void private_key(const std::string& where, const std::string& what, const std::string& file) {
        struct stat key {};
        if (::stat(file.c_str(), &key) == 0 && (key.st_mode & S_IROTH) != 0) {
            problem(where, fmt::format("{}: everybody may read the key {}: chmod o-r makes it one", what, file));
        }
    }

    void authorities(const std::string& where, const std::string& what, const net::TlsClientOptions& options) {
        if (options.ca_file.empty()) return;
        if (const auto context = net::make_client_tls(options); !context) problem(where, fmt::format("{}: `ca_file`: {}", what, to_string(context.error())));
    }

    void certificate(const std::string& where, const std::string& what, const net::TlsServerOptions& options) {
        if (const auto context = net::make_server_tls(options); !context) problem(where, fmt::format("{}: {}", what, to_string(context.error())));
        private_key(where, what, options.key);
    }

    void listen(const std::string& where, const std::string& what, const std::string& text) {
        const auto address = parse_listen_address(text);
        if (!address) return;  // told where it was read
        if (!address->path.empty()) socket_folder(where, what, address->path);
        if (address->path.empty() && address->port == 0) return;
        const auto [other, fresh] = listening_.emplace(text, what);
        if (!fresh) problem(where, fmt::format("{}: {} listens on {} already", what, other->second, text));
    }

    void socket_folder(const std::string& where, const std::string& what, const std::string& path) {
        const fs::path parent = fs::path(path).parent_path();
        std::error_code none;
        if (!fs::exists(parent, none) && parent.string().starts_with("/run/")) {
            found_.remarks.push_back(fmt::format("{}: {}: {} is not there now; RuntimeDirectory= of systemd makes it when the service starts", where, what, parent.string()));
        } else {
            folder(where, what, parent, W_OK);
        }
    }

    void folder(const std::string& where, const std::string& what, const fs::path& path, int mode) {
        struct stat found {};
        if (::stat(path.c_str(), &found) != 0) {
            problem(where, fmt::format("{}: {}: {}", what, path.string(), std::strerror(errno)));
        } else if (!S_ISDIR(found.st_mode)) {
            problem(where, fmt::format("{}: {} is not a folder", what, path.string()));
        } else if (::access(path.c_str(), R_OK | X_OK | mode) != 0) {
            problem(where, fmt::format("{}: the folder {}: {}", what, path.string(), std::strerror(errno)));
        }
    }

    const Settings& settings_;
    ConfigCheck found_;
    std::map<std::string, std::string> listening_;  // address -> what listens there
};

}  // namespace

ConfigCheck check_config(const Settings& settings) { return Checker(settings).run(); }

}  // namespace whosent::app
