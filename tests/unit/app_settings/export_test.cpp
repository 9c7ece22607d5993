#include <fmt/format.h>

#include "loaded.hpp"

using namespace whosent;
using namespace whosent::app;
using encode::Encoding;
using sink::SyslogSettings;

namespace {

const std::string kSyslog = "[[export.syslog]]\nname = 'soc'\nhost = 'siem.example'\n";                                          // 3 lines
const std::string kHec = "[[export.hec]]\nname = 'splunk'\nurl = 'https://splunk.example:8088'\ntoken = { file = '/t' }\n";      // 4 lines
const std::string kBulk = "[[export.bulk]]\nname = 'elastic'\nurl = 'https://es.example:9200'\n";                                // 3 lines
const std::string kWebhook = "[[export.webhook]]\nname = 'hook'\nurl = 'https://hooks.example/x'\n";                             // 3 lines
const std::string kFile = "[[export.file]]\nname = 'archive'\npath = '/e'\n";                                                    // 3 lines

}  // namespace

TEST_CASE("what is wrong with a sink is told with its line") {
    struct Row {
        std::string text;
        std::string says;
    };
    const Row rows[] = {
        // the tables themselves
        {"export = 5\n", "1: `export` must be tables such as [[export.syslog]], not a whole number"},
        {"[export.syslog]\nname = 'a'\n", "1: `export.syslog` must be tables [[export.syslog]], not one [table]"},
        {"[[export.splunk]]\nname = 'a'\n", "1: unknown key `splunk` in [export]; known keys are syslog, hec, bulk, webhook, file"},
        {"[[export.files]]\nname = 'a'\n", "1: unknown key `files` in [export]; did you mean `file`?"},
        // names
        {"[[export.syslog]]\nhost = 'siem.example'\n", "1: [[export.syslog]] lacks `name`"},
        {"[[export.syslog]]\nname = 'a:b'\nhost = 'h'\n", "2: `name` must be of at most 64 letters"},
        {kSyslog + kSyslog, "5: `name`: syslog:soc stands at "},
        {kSyslog + "nmae = 'b'\n", "4: unknown key `nmae` in [[export.syslog]]; did you mean `name`?"},
        // what every sink has
        {kFile + "select = 'bad'\n", "4: `select` must be \"failing\", \"all\" or \"findings\", not \"bad\""},
        {kFile + "domains = 'example.com'\n", "4: `domains` must be a list"},
        {kFile + "domains = ['exa mple']\n", "4: `domains` has \"exa mple\", which is not a domain name"},
        {kFile + "verdicts = ['spoof']\n", "4: `verdicts` has \"spoof\", which is none; did you mean \"spoofed\"?"},
        {kFile + "verdicts = ['x']\n", "4: `verdicts` has \"x\", which is none; there are authorized, unapproved-pass, forwarded"},
        {kFile + "verdicts = [1]\n", "4: `verdicts` must be a list of texts"},
        {kFile + "classes = ['dmarc.record',\n'dmarc.recrod']\n", "5: `classes` has \"dmarc.recrod\", which is none; did you mean \"dmarc.record\"?"},
        {kFile + "min_severity = 11\n", "4: `min_severity` must be from 0 to 10, not 11"},
        {kFile + "aggregate = 'hourly'\n", "4: `aggregate` must be \"none\" or \"daily\", not \"hourly\""},
        {kFile + "begin = '2026-11-01'\n", "4: `begin` must be \"now\" or \"beginning\""},
        {kFile + "batch_events = 0\n", "4: `batch_events` must be from 1"},
        {kFile + "batch_bytes = 100\n", "4: `batch_bytes` must be from 1024"},
        {kFile + "batch_age = 1\n", "4: `batch_age` must be text such as \"5s\""},
        {kFile + "deadline = '0s'\n", "4: `deadline` must be from 1s"},
        {kFile + "retry_least = '10m'\n", "1: `retry_least` is longer than `retry_most`"},
        // syslog
        {"[[export.syslog]]\nname = 'a'\n", "1: [[export.syslog]] lacks `host`"},
        {"[[export.syslog]]\nname = 'a'\nhost = 'h:514'\n", "3: `host` has \"h:514\", which is neither the name of a host nor an address"},
        {kSyslog + "port = 0\n", "4: `port` must be from 1 to 65535, not 0"},
        {kSyslog + "transport = 'ssl'\n", "4: `transport` must be \"tcp\", \"udp\" or \"tls\", not \"ssl\""},
        {kSyslog + "framing = 'nul'\n", "4: `framing` must be \"octet-counting\" or \"lf\", not \"nul\""},
        {kSyslog + "transport = 'udp'\nframing = 'octet-counting'\n", "5: `framing` is of TCP"},
        {kSyslog + "transport = 'udp'\nconfirm = true\n", "5: `confirm` is of TCP and TLS"},
        {kSyslog + "transport = 'tls'\nframing = 'lf'\n", "5: `framing`: over TLS messages are counted"},
        {kSyslog + "message_bytes = 2048\n", "4: `message_bytes` is of UDP"},
        {kSyslog + "transport = 'udp'\nmessage_bytes = 100\n", "5: `message_bytes` must be from 480 to 65507, not 100"},
        {kSyslog + "ca_file = '/ca'\n", "4: `ca_file` is of TLS, which `transport = \"tcp\"` does without"},
        {kSyslog + "transport = 'udp'\ninsecure_skip_verification = true\n", "5: `insecure_skip_verification` is of TLS, which `transport = \"udp\"` does without"},
        {kSyslog + "transport = 'tls'\ncertificate = '/c'\n", "1: [[export.syslog]] has `certificate` without `key`"},
        {kSyslog + "transport = 'tls'\nkey = '/k'\n", "1: [[export.syslog]] has `key` without `certificate`"},
        {kSyslog + "format = 'leef'\n", "4: `format` must be \"cef\", \"json\" or \"ecs\", not \"leef\""},
        {kSyslog + "facility = 24\n", "4: `facility` must be from 0 to 23, not 24"},
        {kSyslog + "hostname = 'a b'\n", "4: `hostname` must be of at most 255 printable characters"},
        {kSyslog + "app_name = ''\n", "4: `app_name` must be of 1 to 48 printable characters"},
        {kSyslog + "app_name = '" + std::string(49, 'a') + "'\n", "4: `app_name` must be"},
        // HTTP
        {"[[export.hec]]\nname = 'a'\nurl = 'https://h.example'\n", "1: [[export.hec]] lacks `token`"},
        {"[[export.hec]]\nname = 'a'\ntoken = { file = '/t' }\n", "1: [[export.hec]] lacks `url`"},
        {"[[export.hec]]\nname = 'a'\nurl = 'https://h.example'\ntoken = 'hunter2'\n", "4: `token` must say where the secret is"},
        {kHec + "acknowledge_deadline = '0s'\n", "5: `acknowledge_deadline` must be from 1s"},
        {kHec + "format = 'ndjson'\n", "5: `format` must be \"json\", \"cef\" or \"ecs\""},
        {kHec + "source = \"a\\nb\"\n", "5: `source` has control characters"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'hooks.example'\n", "3: `url` must be a URL such as"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'ftp://hooks.example'\n", "3: `url` must be a URL such as"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'https://'\n", "3: `url` must be a URL such as"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'https://u:hunter2@hooks.example'\n", "3: `url` must be a URL such as"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'https://hooks.example:port/'\n", "3: `url` must be a URL such as"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'https://hooks.example/#x'\n", "3: `url` must be a URL such as"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'https://[192.0.2.1'\n", "3: `url` must be a URL such as"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'http://hooks.example/'\n", "3: `url`: http:// beyond loopback"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'http://192.0.2.1/'\n", "3: `url`: http:// beyond loopback"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'http://localhost.example/'\n", "3: `url`: http:// beyond loopback"},
        {"[[export.webhook]]\nname = 'a'\nurl = 'http://127.0.0.1/'\nca_file = '/ca'\n", "4: `ca_file` is of TLS, which a `url` with http:// does without"},
        {kWebhook + "key = '/k'\n", "1: [[export.webhook]] has `key` without `certificate`"},
        {kWebhook + "headers = ['X-A: b']\n", "4: `headers` must be a table"},
        {kWebhook + "headers = { 'X A' = 'b' }\n", "4: `headers`: what stands before `=` must be the name of a header"},
        {kWebhook + "headers = { 'X-A' = \"b\\r\\nX-B: c\" }\n", "4: `headers`: X-A has control characters"},
        {kWebhook + "headers = { 'authorization' = 'hunter2' }\n", "4: `headers`: authorization is set by whosent itself; `bearer` is for a token"},
        {kWebhook + "headers = { 'Content-Length' = '1' }\n", "4: `headers`: Content-Length is set by whosent itself"},
        {kWebhook + "headers = { 'X-A' = '1', 'x-a' = '2' }\n", "4: `headers`: x-a stands there already"},
        {kWebhook + "hmac_key = 'hunter2'\n", "4: `hmac_key` must say where the secret is"},
        {kBulk + "format = 'cef'\n", "4: `format` must be \"ecs\" or \"json\", not \"cef\""},
        {kBulk + "index = 'Logs'\n", "4: `index` has \"Logs\", which is not the name of an index"},
        {kBulk + "index = '_bulk'\n", "4: `index` has"},
        {kBulk + "index = 'a/b'\n", "4: `index` has"},
        {kBulk + "index = ''\n", "4: `index` has"},
        {kBulk + "user = 'u'\n", "1: [[export.bulk]] has `user` without `password`"},
        {kBulk + "password = { file = '/p' }\n", "1: [[export.bulk]] has `password` without `user`"},
        {kBulk + "user = 'u:v'\npassword = { file = '/p' }\n", "4: `user` has a colon"},
        {kBulk + "api_key = { file = '/k' }\nuser = 'u'\n", "5: `user` stands beside `api_key`"},
        {kBulk + "api_key = 'hunter2'\n", "4: `api_key` must say where the secret is"},
        // file
        {"[[export.file]]\nname = 'a'\npath = ''\n", "3: `path` names no file"},
        {kFile + "[[export.file]]\nname = 'other'\npath = '/e'\n", "6: `path`: file:archive writes there already"},
        {kFile + "rotate_bytes = 1000\n", "4: `rotate_bytes` must be 0, which is never, or at least 4096"},
        {kFile + "mode = '0040'\n", "4: `mode` takes reading and writing away"},
        {kFile + "mode = 640\n", "4: `mode` must be text"},
        {kFile + "ca_file = '/ca'\n", "4: unknown key `ca_file` in [[export.file]]"},
    };
    for (const Row& row : rows) {
        const Loaded loaded = load(row.text);
        INFO(row.text << "\n" << fmt::format("{}", fmt::join(loaded.problems, "\n")));
        REQUIRE(loaded.problems.size() == 1);
        CHECK(loaded.problems.front().starts_with(row.says));
        CHECK(loaded.problems.front().find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a sink with what it has to say") {
    const Loaded loaded = load(kSyslog + kHec + kBulk + kWebhook + kFile);
    REQUIRE(loaded.problems.empty());
    const Settings& settings = loaded.settings;
    const SyslogSettings& syslog = settings.syslog.at(0).value;
    CHECK(settings.syslog.at(0).where.ends_with(":1"));
    CHECK(syslog.sink.name == "syslog:soc");
    CHECK(syslog.sink.encoding == Encoding::cef);
    CHECK(syslog.sink.filter == EventFilter{.selection = EventFilter::Selection::failing, .classes = {}, .domains = {}, .verdicts = {}});
    CHECK_FALSE((syslog.sink.aggregate_daily || syslog.sink.from_beginning));
    CHECK((syslog.sink.retry_least.count() == 1'000 && syslog.sink.retry_most.count() == 300'000));
    CHECK((syslog.transport == SyslogSettings::Transport::tcp && syslog.port == 514 && syslog.facility == 13 && syslog.confirm));
    CHECK((settings.hec.at(0).value.sink.name == "hec:splunk" && settings.hec[0].value.sink.encoding == Encoding::json && settings.hec[0].value.acknowledge));
    CHECK((settings.bulk.at(0).value.sink.name == "bulk:elastic" && settings.bulk[0].value.sink.encoding == Encoding::ecs && settings.bulk[0].value.index == "logs-whosent-default"));
    CHECK((settings.webhooks.at(0).value.sink.name == "webhook:hook" && settings.webhooks[0].value.sink.encoding == Encoding::json));
    CHECK((settings.files.at(0).value.sink.name == "file:archive" && settings.files[0].value.mode == 0640 && settings.files[0].value.rotate_bytes == 100 * kMiB));
}

TEST_CASE("a sink with all its keys") {
    const Loaded loaded = load(R"(
[[export.syslog]]
name = "soc"
host = "SIEM.Example.COM"
transport = "tls"
format = "json"
facility = 16
hostname = "reports.example.com"
app_name = "dmarc"
confirm = false
ca_file = "/ca"
server_name = "siem"
insecure_skip_verification = true
certificate = "/c"
key = "/k"
select = "all"
domains = ["Example.COM", "example.org"]
verdicts = ["spoofed", "misaligned"]
classes = ["dmarc.record", "finding.opened"]
min_severity = 5
aggregate = "daily"
begin = "beginning"
batch_events = 7
batch_bytes = 4096
batch_age = "0s"
deadline = "5s"
retry_least = "2s"
retry_most = "1m"
)");
    REQUIRE(loaded.problems.empty());
    const SyslogSettings& syslog = loaded.settings.syslog.at(0).value;
    CHECK(syslog.host == "siem.example.com");
    CHECK(syslog.port == 6514);
    CHECK((syslog.facility == 16 && syslog.hostname == "reports.example.com" && syslog.app_name == "dmarc" && !syslog.confirm));
    CHECK((syslog.tls.ca_file == "/ca" && syslog.tls.server_name == "siem" && syslog.tls.insecure_skip_verification && syslog.tls.certificate == "/c" && syslog.tls.key == "/k"));
    const EventFilter wanted{.selection = EventFilter::Selection::all,
                             .classes = {EventClass::dmarc_record, EventClass::finding_opened},
                             .min_severity = 5,
                             .domains = {"example.com", "example.org"},
                             .verdicts = {VerdictKind::spoofed, VerdictKind::misaligned}};
    CHECK(syslog.sink.filter == wanted);
    CHECK((syslog.sink.encoding == Encoding::json && syslog.sink.aggregate_daily && syslog.sink.from_beginning));
    CHECK((syslog.sink.batch_events == 7 && syslog.sink.batch_bytes == 4096 && syslog.sink.batch_age.count() == 0 && syslog.sink.deadline.count() == 5'000));
    CHECK((syslog.sink.retry_least.count() == 2'000 && syslog.sink.retry_most.count() == 60'000));
    CHECK(load(kSyslog + "transport = 'tls'\nport = 514\n").settings.syslog.at(0).value.port == 514);
    // plain HTTP: on loopback, or with the word that says so
    for (const char* url : {"http://127.0.0.1:8088", "http://[::1]:8088/x", "http://localhost"}) CHECK(load(fmt::format("[[export.webhook]]\nname = 'a'\nurl = '{}'\n", url)).problems.empty());
    CHECK(load("[[export.webhook]]\nname = 'a'\nurl = 'http://hooks.example'\ninsecure_plain = true\n").problems.empty());
    const auto webhook = load(kWebhook + "headers = { 'X-B' = '2', 'X-A' = '1' }\nhmac_key = { env = 'K' }\nlines = true\n").settings.webhooks.at(0).value;
    CHECK(webhook.headers == std::vector<std::pair<std::string, std::string>>{{"X-B", "2"}, {"X-A", "1"}});
    CHECK((webhook.hmac_key && webhook.hmac_key->name == "K" && webhook.lines));
}

TEST_CASE("sinks as config show prints them are the same when they are read again") {
    const std::string text = kSyslog + "transport = 'udp'\nmessage_bytes = 1000\n[[export.syslog]]\nname = 't'\nhost = 'h'\ntransport = 'tls'\n[[export.syslog]]\nname = 'lf'\nhost = 'h'\nframing = 'lf'\n" + kHec +
                             kBulk + "api_key = { file = '/k' }\n[[export.bulk]]\nname = 'basic'\nurl = 'http://[::1]:9200'\nuser = 'u'\npassword = { file = '/p' }\n" + kWebhook +
                             "headers = { 'X-A' = 'a\"b' }\n" + kFile + "verdicts = ['spoofed']\nclasses = ['dmarc.failure']\nrotate_bytes = 0\n";
    const Loaded first = load(text);
    REQUIRE(first.problems.empty());
    const std::string shown = to_toml(first.settings);
    const Loaded second = load(shown);
    INFO(shown << "\n" << fmt::format("{}", fmt::join(second.problems, "\n")));
    REQUIRE(second.problems.empty());
    REQUIRE(second.settings.syslog.size() == 3);
    CHECK((second.settings.bulk.size() == 2 && second.settings.hec.size() == 1 && second.settings.webhooks.size() == 1 && second.settings.files.size() == 1));
    // but for the comments, which tell lines
    const auto without_comments = [](const std::string& toml) {
        std::string out;
        for (std::size_t begin = 0; begin < toml.size();) {
            const std::size_t end = std::min(toml.find('\n', begin), toml.size());
            const std::string line = toml.substr(begin, end - begin);
            out += line.substr(0, line.find("  # ")) + "\n";
            begin = end + 1;
        }
        return out;
    };
    CHECK(without_comments(to_toml(second.settings)) == without_comments(shown));
    CHECK(second.settings.webhooks[0].value.headers.at(0).second == "a\"b");
}
