#include <fmt/format.h>

#include <vector>

#include "loaded.hpp"

using namespace whosent;
using namespace whosent::app;
using collect::Disposal;
using collect::ImapSettings;
using net::OAuthSettings;
using net::SecretSource;

namespace {

const std::string kImap = "[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = { file = '/p' }\n";  // 5 lines
const std::string kOAuth = "[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\nlogin = 'xoauth2'\n";            // 5 lines
const std::string kLmtp = "[[collect.lmtp]]\nname = 'a'\nrecipients = { 'd@example.com' = 'any' }\n";                      // 3 lines
const std::string kHttps = "[[collect.https]]\nname = 'a'\nlisten = '127.0.0.1:0'\ninsecure_plain = true\n";               // 4 lines
const std::string kMaildir = "[[collect.maildir]]\nname = 'a'\npath = '/m'\n";
const std::string kFolder = "[[collect.folder]]\nname = 'a'\npath = '/m'\n";

}  // namespace

TEST_CASE("what is wrong with a collector is told with its line") {
    struct Row {
        std::string text;
        std::string says;
    };
    const Row rows[] = {
        // the tables themselves
        {"collect = 5\n", "1: `collect` must be tables such as [[collect.imap]], not a whole number"},
        {"[collect.imap]\nname = 'a'\n", "1: `collect.imap` must be tables [[collect.imap]], not one [table]"},
        {"collect.imap = ['a']\n", "1: `collect.imap` must be tables [[collect.imap]], not text"},
        {"[[collect.pop3]]\nname = 'a'\n", "1: unknown key `pop3` in [collect]; known keys are imap, lmtp, https, maildir, folder"},
        {"[[collect.folders]]\nname = 'a'\n", "1: unknown key `folders` in [collect]; did you mean `folder`?"},
        // names
        {"[[collect.maildir]]\npath = '/m'\n", "1: [[collect.maildir]] lacks `name`"},
        {"[[collect.maildir]]\nname = ''\npath = '/m'\n", "2: `name` must be of at most 64 letters, digits, - and _, such as \"reports\", not \"\""},
        {"[[collect.maildir]]\nname = 'a b'\npath = '/m'\n", "2: `name` must be of"},
        {"[[collect.maildir]]\nname = 'é'\npath = '/m'\n", "2: `name` must be of"},
        {kMaildir + kMaildir, "5: `name`: maildir:a stands at "},
        {kMaildir + "nmae = 'b'\n", "4: unknown key `nmae` in [[collect.maildir]]; did you mean `name`?"},
        {kMaildir + "rescan = 300\n", "4: `rescan` must be text such as \"5s\", not a whole number"},
        {kMaildir + "rescan = '0s'\n", "4: `rescan` must be from 1s to 86400s, not \"0s\""},
        {kMaildir + "silent_after = 'never'\n", "4: `silent_after` must be a duration"},
        {kMaildir + "silent_after = '0s'\n", "4: `silent_after` must be from 1s"},
        {kMaildir + "trusted_authserv_ids = 'mx.example.com'\n", "4: `trusted_authserv_ids` must be a list"},
        {kMaildir + "trusted_authserv_ids = ['mx.example.com',\n'mx example']\n", "5: `trusted_authserv_ids` has \"mx example\", which is not an authserv-id"},
        {kMaildir + "trusted_authserv_ids = ['']\n", "4: `trusted_authserv_ids`"},
        // IMAP
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\npassword = { file = '/p' }\n", "1: [[collect.imap]] lacks `user`"},
        {"[[collect.imap]]\nname = 'a'\nuser = 'u'\npassword = { file = '/p' }\n", "1: [[collect.imap]] lacks `host`"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\n", "1: [[collect.imap]] lacks `password`"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example:993'\nuser = 'u'\npassword = { file = '/p' }\n", "3: `host` has \"h.example:993\", which is neither the name of a host nor an address"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = ''\npassword = { file = '/p' }\n", "4: `user` is empty"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = \"u\\r\\n\"\npassword = { file = '/p' }\n", "4: `user` has control characters"},
        {kImap + "port = 0\n", "6: `port` must be from 1 to 65535, not 0"},
        {kImap + "port = 65536\n", "6: `port` must be from 1 to 65535"},
        {kImap + "security = 'ssl'\n", "6: `security` must be \"tls\", \"starttls\" or \"insecure-plain\", not \"ssl\""},
        {kImap + "security = 'plain'\n", "6: `security` must be"},
        {kImap + "security = 'insecure-plain'\nca_file = '/ca'\n", "7: `ca_file` is of TLS"},
        {kImap + "insecure_skip_verification = 'yes'\n", "6: `insecure_skip_verification` must be true or false, not text"},
        {kImap + "skip_verification = true\n", "6: unknown key `skip_verification` in [[collect.imap]]; did you mean `insecure_skip_verification`?"},
        {kImap + "login = 'plain'\n", "6: `login` must be \"password\", \"xoauth2\" or \"oauthbearer\", not \"plain\""},
        {kImap + "login = 'xoauth2'\n", "1: [[collect.imap]] lacks `oauth`, which its `login` takes"},
        {kImap + "oauth = { grant = 'client-credentials', token_url = 'https://t.example/', client_id = 'c', client_secret = { env = 'S' } }\n", "6: `oauth` is not used with this `login`"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\noauth = { grant = 'client-credentials', token_url = 'https://t.example/', client_id = 'c', client_secret = { env = 'S' } }\n",
         "1: [[collect.imap]] has `oauth`, which takes `login = \"xoauth2\"` or \"oauthbearer\""},
        {kOAuth + "oauth = { grant = 'client-credentials', token_url = 'https://t.example/', client_id = 'c', client_secret = { env = 'S' } }\npassword = { file = '/p' }\n",
         "7: `password` is not used with this `login`"},
        {kImap + "folder = ''\n", "6: `folder` is empty"},
        {kImap + "idle_renew = '30m'\n", "6: `idle_renew` must be from 1s to 1740s, not \"30m\""},
        {kImap + "retry_least = '20m'\n", "1: `retry_least` is longer than `retry_most`"},
        {kImap + "chunk_messages = 0\n", "6: `chunk_messages` must be from 1 to 1000, not 0"},
        {kImap + "chunk_bytes = 3\n", "6: `chunk_bytes` must be from 1024"},
        {kImap + "processed = 'archive'\n", "6: `processed` must be \"leave\", \"seen\", \"keyword:WORD\", \"move:FOLDER\" or \"delete\", not \"archive\""},
        {kImap + "processed = 'move:'\n", "6: `processed`: the name of the folder is empty"},
        {kImap + "quarantined = 'move:INBOX'\n", "6: `quarantined` moves to the folder that is collected from"},
        {kImap + "not_a_report = 'keyword:\\Seen'\n", "6: `not_a_report`: \"\\Seen\" is no keyword of IMAP"},
        {kImap + "not_a_report = 'keyword:a b'\n", "6: `not_a_report`: \"a b\" is no keyword of IMAP"},
        // secrets
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = 'hunter2'\n",
         "5: `password` must say where the secret is: { file = \"/PATH\" }, { env = \"NAME\" } or { credential = \"NAME\" }; the secret itself does not belong in the configuration"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = 17\n", "5: `password` must say where the secret is: { file = \"/PATH\" }, { env = \"NAME\" } or { credential = \"NAME\" }; it is a whole number"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = { }\n", "5: `password` must be one of {"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = { file = '/p', env = 'P' }\n", "5: `password` must be one of {"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = { value = 'hunter2' }\n", "5: `password` must be one of {"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = { file = '' }\n", "5: `password.file` names no file"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = { env = 'A=B' }\n", "5: `password.env` names no variable"},
        {"[[collect.imap]]\nname = 'a'\nhost = 'h.example'\nuser = 'u'\npassword = { credential = '../etc/shadow' }\n", "5: `password.credential` names no credential"},
        // OAuth
        {kOAuth + "oauth = 'token'\n", "6: `oauth` must be a table"},
        {kOAuth + "oauth = { grant = 'password' }\n", "6: `grant` must be \"client-credentials\", \"refresh-token\" or \"service-account\", not \"password\""},
        {kOAuth + "oauth = { grant = 'client-credentials', client_id = 'c', client_secret = { env = 'S' } }\n", "6: `oauth` lacks `token_url`"},
        {kOAuth + "oauth = { grant = 'client-credentials', token_url = 'http://t.example/', client_id = 'c', client_secret = { env = 'S' } }\n", "6: `token_url` must be a URL such as \"https://"},
        {kOAuth + "oauth = { grant = 'client-credentials', token_url = 'https://u:p@t.example/', client_id = 'c', client_secret = { env = 'S' } }\n", "6: `token_url` must be a URL"},
        {kOAuth + "oauth = { grant = 'client-credentials', token_url = 'https://t.example/', client_id = 'c' }\n", "6: `oauth` lacks `client_secret`"},
        {kOAuth + "oauth = { grant = 'client-credentials', token_url = 'https://t.example/', client_id = 'c', client_secret = 'hunter2' }\n", "6: `client_secret` must say where the secret is"},
        {kOAuth + "oauth = { grant = 'client-credentials', token_url = 'https://t.example/', client_id = 'c', client_secret = { env = 'S' }, refresh_token = { env = 'R' } }\n", "6: `oauth.refresh_token` is of another `grant`"},
        {kOAuth + "oauth = { grant = 'refresh-token', token_url = 'https://t.example/', client_id = 'c' }\n", "6: `oauth` lacks `refresh_token`"},
        {kOAuth + "oauth = { grant = 'service-account', service_account = { file = '/k' }, scope = 's' }\n", "6: `oauth` lacks `subject`"},
        {kOAuth + "oauth = { grant = 'service-account', service_acount = { file = '/k' } }\n", "6: unknown key `service_acount` in `oauth`; did you mean `service_account`?"},
        // LMTP
        {"[[collect.lmtp]]\nname = 'a'\n", "1: [[collect.lmtp]] lacks `recipients`"},
        {"[[collect.lmtp]]\nname = 'a'\nrecipients = {}\n", "3: `recipients` is empty"},
        {"[[collect.lmtp]]\nname = 'a'\nrecipients = ['d@example.com']\n", "3: `recipients` must be a table"},
        {"[[collect.lmtp]]\nname = 'a'\nrecipients = { 'nobody' = 'any' }\n", "3: `recipients`: what stands before `=` must be an address"},
        {"[[collect.lmtp]]\nname = 'a'\nrecipients = { 'a b@example.com' = 'any' }\n", "3: `recipients`: what stands before `=` must be an address"},
        {"[[collect.lmtp]]\nname = 'a'\nrecipients = { 'd@example com' = 'any' }\n", "3: `recipients`: what stands before `=` must be an address"},
        {"[[collect.lmtp]]\nname = 'a'\nrecipients = { 'd@example.com' = 'dmarc' }\n", "3: `recipients` must be \"aggregate\", \"failure\", \"feedback\", \"tls\" or \"any\", not \"dmarc\""},
        {"[[collect.lmtp]]\nname = 'a'\nrecipients = { 'd@example.com' = 'any', 'D@Example.COM' = 'tls' }\n", "3: `recipients`: this address stands there already"},
        {kLmtp + "listen = 'localhost:24'\n", "4: `listen` has \"localhost:24\", which is not an address and port such as"},
        {kLmtp + "listen = '127.0.0.1'\n", "4: `listen` has"},
        {kLmtp + "listen = '127.0.0.1:65536'\n", "4: `listen` has"},
        {kLmtp + "listen = '::1:24'\n", "4: `listen` has"},
        {kLmtp + "listen = '[127.0.0.1]:24'\n", "4: `listen` has"},
        {kLmtp + "listen = 'unix:lmtp.sock'\n", "4: `listen` has"},
        {kLmtp + "listen = 'unix:/" + std::string(107, 'x') + "'\n", "4: `listen` has"},
        {kLmtp + "listen = ''\n", "4: `listen` has"},
        {kLmtp + "listen = '192.0.2.1:24'\n", "4: `listen`: 192.0.2.1:24 is beyond loopback"},
        {kLmtp + "listen = '0.0.0.0:24'\n", "4: `listen`: 0.0.0.0:24 is beyond loopback"},
        {kLmtp + "listen = '[::]:24'\nallow_remote = false\n", "4: `listen`: [::]:24 is beyond loopback"},
        {kLmtp + "socket_mode = 660\n", "4: `socket_mode` must be text such as \"0660\""},
        {kLmtp + "socket_mode = '0999'\n", "4: `socket_mode` must be the mode of a file"},
        {kLmtp + "socket_mode = '4755'\n", "4: `socket_mode` must be the mode of a file"},
        {kLmtp + "hostname = 'a b'\n", "4: `hostname`"},
        {kLmtp + "connections = 0\n", "4: `connections` must be from 1"},
        {kLmtp + "pressure = '10m'\n", "4: `pressure` must be from 0s to 300s"},
        // HTTPS
        {"[[collect.https]]\nname = 'a'\ninsecure_plain = true\n", "1: [[collect.https]] lacks `listen`"},
        {"[[collect.https]]\nname = 'a'\nlisten = '127.0.0.1:0'\n", "1: [[collect.https]] lacks `certificate` and `key`; `insecure_plain = true` does without TLS"},
        {"[[collect.https]]\nname = 'a'\nlisten = '127.0.0.1:0'\ncertificate = '/c'\n", "1: [[collect.https]] lacks `key`"},
        {"[[collect.https]]\nname = 'a'\nlisten = '127.0.0.1:0'\nclient_ca = '/c'\n", "1: [[collect.https]] lacks `certificate`"},
        {kHttps + "certificate = '/c'\nkey = '/k'\n", "4: `insecure_plain` is true and there is a `certificate`"},
        {"[[collect.https]]\nname = 'a'\nlisten = '192.0.2.1:443'\ncertificate = '/c'\nkey = '/k'\n", "3: `listen`: 192.0.2.1:443 is beyond loopback"},
        {"[[collect.https]]\nname = 'a'\nlisten = '192.0.2.1:443'\ninsecure_plain = true\n", "3: `listen`: 192.0.2.1:443 is beyond loopback"},
        {kHttps + "path = 'report'\n", "5: `path` must be a path such as \"/report\""},
        {kHttps + "path = '/re?port'\n", "5: `path` must be a path"},
        {kHttps + "body_bytes = 10\n", "5: `body_bytes` must be from 1024"},
        {kHttps + "requests_per_minute = 0\n", "5: `requests_per_minute` must be from 1"},
        {kHttps + "sources = 'acme'\n", "5: `sources` must be a list"},
        {kHttps + "sources = ['acme']\n", "5: `sources` must be a list of tables"},
        {kHttps + "sources = [{ name = 'acme' }]\n", "5: an entry of `sources` lacks `token`"},
        {kHttps + "sources = [{ name = 'acme', token = 'hunter2' }]\n", "5: `token` must say where the secret is"},
        {kHttps + "sources = [{ name = 'acme', token = { env = 'T' } },\n{ name = 'acme', token = { env = 'U' } }]\n", "6: `sources`: the name acme stands there already"},
        // folders
        {"[[collect.folder]]\nname = 'a'\npath = ''\n", "3: `path` names no file"},
        {kFolder + "processed = '.'\n", "4: `processed` is the folder that is collected from"},
        {kFolder + "quarantined = '/m/'\n", "4: `quarantined` is the folder that is collected from"},
        {kFolder + "not_a_report = 'x/..'\n", "4: `not_a_report` is the folder that is collected from"},
        // the daemon
        {"serve = true\n", "1: `serve` must be a table [serve], not true or false"},
        {"[serve]\nlisten = '8480'\n", "2: `listen` has \"8480\", which is not an address and port"},
        {"[serve]\nlisten = '0.0.0.0:8480'\n", "2: `listen`: 0.0.0.0:8480 is beyond loopback, which takes `certificate` and `key`"},
        {"[serve]\ncertificate = '/c'\n", "1: [serve] has `certificate` without `key`"},
        {"[serve]\nkey = '/k'\n", "1: [serve] has `key` without `certificate`"},
        {"[serve]\nclient_ca = '/ca'\n", "2: `client_ca` takes `certificate` and `key`"},
        {"feed = true\n", "1: `feed` must be a table [feed], not true or false"},
        {"[feed]\nat_once = 0\n", "2: `at_once` must be from 1 to 1000, not 0"},
        {"[feed]\nlongest_wait = '1h'\n", "2: `longest_wait` must be from 0s to 300s, not \"1h\""},
        {"[feed]\ntoken = 'hunter2'\n", "2: unknown key `token` in [feed]"},
        {"[serve]\ndrain = '5m'\n", "2: `drain` must be from 1s to 80s"},
        {"[serve]\nport = 80\n", "2: unknown key `port` in [serve]"},
        {"[log]\nlevel = 'verbose'\n", "2: `level` must be \"debug\", \"info\", \"warning\" or \"error\", not \"verbose\""},
        {"[log]\nformat = 'logfmt'\n", "2: `format` must be \"text\" or \"json\""},
        {"[findings]\nreporter_silent_after = 3\n", "2: `reporter_silent_after` must be text"},
    };
    for (const Row& row : rows) {
        const Loaded loaded = load(row.text);
        INFO(row.text << "\n" << fmt::format("{}", fmt::join(loaded.problems, "\n")));
        REQUIRE(loaded.problems.size() == 1);
        CHECK(loaded.problems.front().starts_with(row.says));
        // no secret and no person's address
        CHECK(loaded.problems.front().find("hunter2") == std::string::npos);
        CHECK(loaded.problems.front().find("d@example") == std::string::npos);
    }
}

TEST_CASE("everything that is wrong is told, in the order of the file") {
    const Loaded loaded = load(
        "jobs = 'many'\nstroe = 'x'\n\n[dns]\nmode = 'maybe'\ndeadline = '5'\n\n[[collect.imap]]\nname = 'a b'\nhost = 'h.example'\nport = 0\n\n"
        "[[collect.maildir]]\nname = 'm'\npath = '/m'\n\n[[domain]]\nname = 'exa mple'\nparked = 1\n\n[limits]\nrows = 0\n");
    std::vector<std::string> lines;
    for (const auto& problem : loaded.problems) lines.push_back(problem.substr(0, problem.find(':')));
    CHECK(lines == std::vector<std::string>{"1", "2", "5", "6", "9", "11", "8", "18", "19", "22"});
    CHECK(loaded.settings.imap.empty());
    // what is right is there
    REQUIRE(loaded.settings.maildir.size() == 1);
    CHECK(loaded.settings.maildir[0].value.path == "/m");
    CHECK(loaded.settings.dns.deadline == DnsSettings().deadline);
}

TEST_CASE("a file that cannot be read is the one problem") {
    Flags flags;
    flags.config = "/nonexistent/whosent.toml";
    flags.store = "sqlite:/x.db";
    std::vector<Error> problems;
    (void)load_settings(flags, problems);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].code == ErrorCode::io);
    CHECK(problems[0].where == flags.config);
}

TEST_CASE("what is not said of the daemon") {
    const Settings settings = load("").settings;
    CHECK(settings.serve.listen == "127.0.0.1:8480");
    CHECK(settings.serve.control == "/store/whosent.db.sock");
    CHECK(settings.serve.drain == 10);
    CHECK_FALSE(settings.serve.insecure_plain);
    CHECK(settings.log.level == LogSettings::Level::info);
    CHECK(settings.log.format == LogSettings::Format::text);
    CHECK(settings.findings.reporter_silent_after == 3 * kSecondsPerDay);
    CHECK(settings.imap.empty());
    CHECK((settings.feed.enabled && settings.feed.requests_per_minute == 600 && settings.feed.at_once == 16 && settings.feed.longest_wait.count() == 60));
    CHECK((settings.syslog.empty() && settings.hec.empty() && settings.bulk.empty() && settings.webhooks.empty() && settings.files.empty()));
}

TEST_CASE("what is said of the daemon") {
    const Loaded loaded = load("[serve]\nlisten = '[::1]:0'\nsocket_mode = '0660'\ncertificate = '/c'\nkey = '/k'\nclient_ca = '/ca'\ncontrol = '/run/w.sock'\ndrain = '5s'\n[log]\nlevel = 'warning'\nformat = 'json'\n[findings]\nreporter_silent_after = ''\n");
    REQUIRE(loaded.problems.empty());
    const ServeSettings& serve = loaded.settings.serve;
    CHECK(serve.listen == "[::1]:0");
    CHECK(serve.socket_mode == 0660);
    CHECK((serve.certificate == "/c" && serve.key == "/k" && serve.client_ca == "/ca"));
    CHECK(serve.control == "/run/w.sock");
    CHECK(serve.drain == 5);
    CHECK(loaded.settings.log.level == LogSettings::Level::warning);
    CHECK(loaded.settings.log.format == LogSettings::Format::json);
    CHECK(loaded.settings.findings.reporter_silent_after == 0);
    CHECK(load("[serve]\nlisten = ''\n").settings.serve.listen.empty());
    // beyond loopback: with TLS, or with the word that says so
    CHECK(load("[serve]\nlisten = '192.0.2.1:80'\ncertificate = '/c'\nkey = '/k'\n").problems.empty());
    CHECK(load("[serve]\nlisten = '192.0.2.1:80'\ninsecure_plain = true\n").problems.empty());
    CHECK(load("[serve]\nlisten = '127.1.2.3:80'\n").problems.empty());
    CHECK(load("[serve]\nlisten = 'unix:/run/w.http'\n").problems.empty());
}

TEST_CASE("a mailbox with all its keys") {
    const Loaded loaded = load(R"(
[[collect.imap]]
name = "Reports_1"
host = "IMAP.Example.COM"
port = 1993
security = "starttls"
ca_file = "/ca.pem"
server_name = "mail.example.com"
insecure_skip_verification = true
user = "reports@example.com"
password = { credential = "imap" }
folder = "INBOX/Reports"
idle = false
poll = "1m"
idle_renew = "29m"
deadline = "30s"
retry_least = "1s"
retry_most = "2m"
chunk_messages = 10
chunk_bytes = 1024
processed = "move:Archive/2026"
not_a_report = "keyword:$NotAReport"
quarantined = "seen"
trusted_authserv_ids = ["mx.example.com", "mx2"]
silent_after = "3d"
)");
    REQUIRE(loaded.problems.empty());
    REQUIRE(loaded.settings.imap.size() == 1);
    const auto& [imap, where, silent_after, allow_remote] = loaded.settings.imap[0];
    CHECK(where.ends_with(":2"));
    CHECK(silent_after == 3 * kSecondsPerDay);
    CHECK(imap.name == "Reports_1");
    CHECK(imap.host == "imap.example.com");
    CHECK(imap.port == 1993);
    CHECK(imap.security == ImapSettings::Security::starttls);
    CHECK((imap.tls.ca_file == "/ca.pem" && imap.tls.server_name == "mail.example.com" && imap.tls.insecure_skip_verification));
    CHECK(imap.user == "reports@example.com");
    REQUIRE(imap.password);
    CHECK((imap.password->kind == SecretSource::Kind::credential && imap.password->name == "imap"));
    CHECK(imap.folder == "INBOX/Reports");
    CHECK_FALSE(imap.idle);
    CHECK((imap.poll.count() == 60 && imap.idle_renew.count() == 1740 && imap.deadline.count() == 30 && imap.retry_least.count() == 1 && imap.retry_most.count() == 120));
    CHECK((imap.chunk_messages == 10 && imap.chunk_bytes == 1024));
    CHECK((imap.processed.kind == Disposal::Kind::move && imap.processed.target == "Archive/2026"));
    CHECK((imap.not_a_report.kind == Disposal::Kind::keyword && imap.not_a_report.target == "$NotAReport"));
    CHECK(imap.quarantined.kind == Disposal::Kind::seen);
    CHECK(imap.trusted_authserv_ids == std::vector<std::string>{"mx.example.com", "mx2"});
}

TEST_CASE("a mailbox with what it needs alone") {
    const Loaded loaded = load(kImap + kImap.substr(0, 17) + "name = 'b'\nhost = '192.0.2.1'\nsecurity = 'insecure-plain'\nuser = 'u'\npassword = { env = 'P' }\nprocessed = 'delete'\n");
    REQUIRE(loaded.problems.empty());
    REQUIRE(loaded.settings.imap.size() == 2);
    const ImapSettings& imap = loaded.settings.imap[0].value;
    CHECK((imap.port == 993 && imap.security == ImapSettings::Security::tls && imap.folder == "INBOX" && imap.idle));
    CHECK_FALSE(imap.tls.insecure_skip_verification);
    CHECK((imap.processed.kind == Disposal::Kind::leave && imap.not_a_report.kind == Disposal::Kind::leave && imap.quarantined.kind == Disposal::Kind::leave));
    CHECK(loaded.settings.imap[0].silent_after == 0);
    const ImapSettings& plain = loaded.settings.imap[1].value;
    CHECK((plain.port == 143 && plain.security == ImapSettings::Security::insecure_plain && plain.processed.kind == Disposal::Kind::remove));
    CHECK((plain.password->kind == SecretSource::Kind::environment && plain.password->name == "P"));
}

TEST_CASE("tokens of each grant") {
    const auto oauth = [](const std::string& text) {
        Loaded loaded = load(kOAuth + "oauth = { " + text + " }\n");
        INFO(text << fmt::format("{}", fmt::join(loaded.problems, "\n")));
        REQUIRE(loaded.problems.empty());
        return *loaded.settings.imap.at(0).value.oauth;
    };
    OAuthSettings client = oauth("grant = 'client-credentials', token_url = 'https://t.example:8443/token', client_id = 'c', client_secret = { file = '/s' }, scope = 'https://mail/.default', ca_file = '/ca'");
    CHECK(client.grant == OAuthSettings::Grant::client_credentials);
    CHECK((client.token_url == "https://t.example:8443/token" && client.client_id == "c" && client.client_secret->name == "/s" && client.scope == "https://mail/.default" && client.tls.ca_file == "/ca"));
    OAuthSettings refresh = oauth("grant = 'refresh-token', token_url = 'https://t.example/', client_id = 'c', refresh_token = { env = 'R' }");
    CHECK((refresh.grant == OAuthSettings::Grant::refresh_token && refresh.refresh_token->name == "R" && !refresh.client_secret));
    OAuthSettings service = oauth("grant = 'service-account', service_account = { credential = 'google' }, subject = 'reports@example.com', scope = 'https://mail.google.com/'");
    CHECK((service.grant == OAuthSettings::Grant::service_account && service.service_account->name == "google" && service.subject == "reports@example.com" && service.token_url.empty()));
}

TEST_CASE("listeners and folders") {
    const Loaded loaded = load(R"(
[[collect.lmtp]]
name = "mta"
listen = "192.0.2.7:24"
allow_remote = true
recipients = { "DMARC@Example.com" = "aggregate", "@reports.example.com" = "any" }
deadline = "1m"
data_deadline = "2m"
pressure = "0s"
connections = 3
hostname = "mx.example.com"

[[collect.lmtp]]
name = "local"
listen = "unix:/run/whosent/lmtp.sock"
socket_mode = "0666"
recipients = { "tls@example.com" = "tls" }
silent_after = "12h"

[[collect.https]]
name = "intake"
listen = "[2001:db8::1]:8443"
allow_remote = true
certificate = "/c"
key = "/k"
client_ca = "/ca"
path = "/v1/report"
body_bytes = 2048
requests_per_minute = 5
pressure = "1s"
connections = 4
sources = [{ name = "acme", token = { file = "/t" } }, { name = "bigpost", token = { env = "T" } }]

[[collect.https]]
name = "behind-a-proxy"
listen = "unix:/run/whosent/http.sock"
socket_mode = "0660"

[[collect.maildir]]
name = "intake"
path = "/m"
rescan = "1m"
trusted_authserv_ids = ["mx"]

[[collect.folder]]
name = "intake"
path = "/f"
processed = ""
not_a_report = "/elsewhere"
)");
    INFO(fmt::format("{}", fmt::join(loaded.problems, "\n")));
    REQUIRE(loaded.problems.empty());
    const Settings& settings = loaded.settings;
    REQUIRE((settings.lmtp.size() == 2 && settings.https.size() == 2 && settings.maildir.size() == 1 && settings.folders.size() == 1));
    const auto& lmtp = settings.lmtp[0];
    CHECK((lmtp.allow_remote && lmtp.value.listen == "192.0.2.7:24" && lmtp.value.hostname == "mx.example.com" && lmtp.value.connections == 3));
    CHECK(lmtp.value.recipients == std::map<std::string, std::string>{{"dmarc@example.com", "aggregate"}, {"@reports.example.com", "any"}});
    CHECK((lmtp.value.deadline.count() == 60 && lmtp.value.data_deadline.count() == 120 && lmtp.value.pressure.count() == 0 && lmtp.value.socket_mode == 0660));
    CHECK((settings.lmtp[1].value.socket_mode == 0666 && settings.lmtp[1].silent_after == 12 * 3600 && !settings.lmtp[1].allow_remote));
    const HttpsSettings& https = settings.https[0].value;
    REQUIRE(https.server.tls);
    CHECK((https.server.tls->certificate == "/c" && https.server.tls->key == "/k" && https.server.tls->client_ca == "/ca"));
    CHECK((https.server.listen == "[2001:db8::1]:8443" && https.server.connections == 4));
    CHECK((https.intake.name == "intake" && https.intake.path == "/v1/report" && https.intake.body_bytes == 2048 && https.intake.requests_per_minute == 5 && https.intake.pressure.count() == 1));
    REQUIRE(https.intake.sources.size() == 2);
    CHECK((https.intake.sources[1].name == "bigpost" && https.intake.sources[1].token.kind == SecretSource::Kind::environment));
    CHECK_FALSE(settings.https[1].value.server.tls);
    CHECK(settings.https[1].value.server.socket_mode == 0660);
    CHECK((settings.maildir[0].value.rescan.count() == 60 && settings.maildir[0].value.trusted_authserv_ids.size() == 1));
    const collect::FolderSettings& folder = settings.folders[0].value;
    CHECK((folder.processed.empty() && folder.not_a_report == "/elsewhere" && folder.quarantined == "quarantined"));

    // what is shown is a configuration that says the same
    const std::string shown = to_toml(settings);
    const Loaded again = load(shown);
    INFO(shown << fmt::format("{}", fmt::join(again.problems, "\n")));
    REQUIRE(again.problems.empty());
    const auto without_places = [](std::string text) {
        std::string out;
        while (!text.empty()) {
            const std::size_t end = text.find('\n');
            out += text.substr(0, std::min(end, text.find("  # "))) + "\n";
            text.erase(0, end + 1);
        }
        return out;
    };
    CHECK(without_places(to_toml(again.settings)) == without_places(shown));
}
