// What may be asked of the feed: what is refused first.
#include "catch.hpp"
#include "serve/feed/request.hpp"

using namespace whosent;
using namespace whosent::serve;

namespace {

const FeedSettings kSettings;
constexpr const char* kCursor = "0123456789abcdef-42";

Request get(const std::string& query, std::vector<std::pair<std::string, std::string>> headers = {}) {
    Request request;
    request.method = "GET";
    request.path = "/v1/events";
    request.query = query;
    request.headers = std::move(headers);
    return request;
}
FeedRequest read(const std::string& query, std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto result = read_feed_request(get(query, std::move(headers)), kSettings);
    INFO(query);
    REQUIRE(result);
    return *result;
}

}  // namespace

TEST_CASE("wrong parameters are named") {
    struct Row {
        std::string query, parameter;
    };
    const std::string cursor = std::string("cursor=") + kCursor;
    const std::vector<Row> rows = {
        {"limits=5", "limits"},
        {"=5", ""},
        {"x%zz=5", "x%zz"},
        {"token=whosent_x", "token"},
        {"access_token=x", "access_token"},
        {"LIMIT=5", "LIMIT"},
        {"limit", "limit"},
        {"limit=", "limit"},
        {"limit=0", "limit"},
        {"limit=-1", "limit"},
        {"limit=+1", "limit"},
        {"limit=1.5", "limit"},
        {"limit=1x", "limit"},
        {"limit=0x10", "limit"},
        {"limit=%205", "limit"},
        {"limit=5%00", "limit"},
        {"limit=1000001", "limit"},
        {"limit=99999999999999999999999", "limit"},
        {"limit=5&limit=5", "limit"},
        {"limit=5&%6cimit=5", "limit"},
        {"limit=%zz", "limit"},
        {"limit=5%", "limit"},
        {"cursor=", "cursor"},
        {"cursor=x", "cursor"},
        {cursor + "x", "cursor"},
        {cursor + "&" + cursor, "cursor"},
        {cursor + "&since=2026-01-01", "since"},
        {"since=yesterday", "since"},
        {"since=2026-13-01", "since"},
        {"since=2026-02-30", "since"},
        {"since=1700000000", "since"},
        {"since=30d", "since"},
        {"since=2026-11-22T10:00:00", "since"},
        {"until=tomorrow", "until"},
        {"until=2026-11-22T25:00:00Z", "until"},
        {"until=2026-11-22&until=2026-11-22", "until"},
        {"class=dmarc", "class"},
        {"class=DMARC.RECORD", "class"},
        {"class=dmarc.record,", "class"},
        {"class=dmarc.record,,tls.failure", "class"},
        {"class=dmarc.record&class=spoofed", "class"},
        {"verdict=bad", "verdict"},
        {"verdict=unapproved_pass", "verdict"},
        {"min_severity=11", "min_severity"},
        {"min_severity=-1", "min_severity"},
        {"min_severity=high", "min_severity"},
        {"min_severity=5&min_severity=5", "min_severity"},
        {"domain=a..b", "domain"},
        {"domain=example.com,", "domain"},
        {"domain=exa%20mple.com", "domain"},
        {"domain=-", "domain"},
        {"domain=" + std::string(300, 'x'), "domain"},
        {"format=xml", "format"},
        {"format=JSON", "format"},
        {"format=json,cef", "format"},
        {"format=json&format=cef", "format"},
        {"wait=-1", "wait"},
        {"wait=1s", "wait"},
        {"wait=0.5", "wait"},
        {"wait=99999999999999", "wait"},
    };
    for (const Row& row : rows) {
        INFO(row.query);
        const auto result = read_feed_request(get(row.query), kSettings);
        REQUIRE(!result);
        const Response& response = result.error();
        CHECK(response.status == 400);
        CHECK(response.type == "application/problem+json");
        CHECK(response.body.starts_with("{\"status\":400,"));
        if (!row.parameter.empty()) CHECK(response.body.find("\"parameter\":\"" + row.parameter + "\"") != std::string::npos);
        CHECK(response.body.size() < 500);
    }
    std::string many = "domain=a.example";
    for (int i = 0; i < 100; ++i) many += ",d" + std::to_string(i) + ".example";
    CHECK(!read_feed_request(get(many), kSettings));
    // What is told of a parameter that is none is printable and short
    const auto strange = read_feed_request(get("%1b%22" + std::string(5000, 'x') + "=1"), kSettings);
    REQUIRE(!strange);
    CHECK(strange.error().body.size() < 500);
    CHECK(strange.error().body.find('\x1b') == std::string::npos);
}

TEST_CASE("parameters are read") {
    const FeedRequest plain = read("");
    CHECK(!plain.cursor);
    CHECK(plain.limit == 1000);
    CHECK(plain.filter.is_empty());
    CHECK(plain.format == FeedFormat::json);
    CHECK(plain.wait.count() == 0);
    CHECK(!plain.gzip);
    CHECK(plain.kept.empty());
    const FeedRequest all = read(std::string("&cursor=") + kCursor +
                                 "&until=2026-11-22T10:00:00%2B01:00&limit=1000000&class=dmarc.record,tls.failure&class=dmarc.record&min_severity=10&domain=Example.COM.,b%C3%BCcher.example"
                                 "&verdict=spoofed&verdict=unapproved-pass,spoofed&format=ecs&wait=3600&");
    REQUIRE(all.cursor);
    CHECK(all.cursor->sequence == 42);
    CHECK(all.until == parse_iso_time("2026-11-22T09:00:00Z"));
    CHECK(all.limit == 1'000'000);
    CHECK(all.filter.classes == std::vector{EventClass::dmarc_record, EventClass::tls_failure});
    CHECK(all.filter.min_severity == 10);
    CHECK(all.filter.domains == std::vector<std::string>{"example.com", "xn--bcher-kva.example"});
    CHECK(all.filter.verdicts == std::vector{VerdictKind::spoofed, VerdictKind::unapproved_pass});
    CHECK(all.format == FeedFormat::ecs);
    CHECK(all.wait == kSettings.longest_wait);
    CHECK(read("since=2026-11-22").since == parse_iso_time("2026-11-22T00:00:00Z"));
    CHECK(read("since=2026-11-22T10:00:00+01:00").since == parse_iso_time("2026-11-22T09:00:00Z"));
    CHECK(read("since=2026-11-22T10:00:00.5Z").since == parse_iso_time("2026-11-22T10:00:00Z"));
    // Each class and verdict has its word
    for (const EventClass value : kEventClasses) CHECK(read("class=" + std::string(name_of(value))).filter.classes == std::vector{value});
    for (const VerdictKind value : kVerdicts) CHECK(read("verdict=" + std::string(name_of(value))).filter.verdicts == std::vector{value});
}

TEST_CASE("the address of the next page asks for the same") {
    const std::string query = "until=2026-11-22T10:00:00%2B01:00&limit=7&class=dmarc.record,tls.failure&class=finding.opened&domain=b%C3%BCcher.example&verdict=spoofed&format=cef&wait=5";
    FeedRequest request = read("since=2026-01-01&" + query);
    const std::string link = link_to(request, kCursor);
    REQUIRE(link.starts_with("</v1/events?"));
    REQUIRE(link.ends_with(">; rel=\"next\""));
    const std::string inside = link.substr(12, link.find('>') - 12);
    for (const char c : inside) CHECK(static_cast<unsigned char>(c) > 0x20);
    const FeedRequest next = read(inside);
    REQUIRE(next.cursor);
    CHECK(next.cursor->to_string() == kCursor);
    CHECK(!next.since);
    CHECK(next.until == request.until);
    CHECK(next.limit == 7);
    CHECK(next.filter == request.filter);
    CHECK(next.format == FeedFormat::cef);
    CHECK(next.wait.count() == 5);
    CHECK(next.kept == request.kept);
}

TEST_CASE("formats are negotiated") {
    CHECK(!read_feed_request(get("", {{"accept", "image/png"}}), kSettings));
    const auto refused = read_feed_request(get("", {{"accept", "image/png, application/json;q=0"}}), kSettings);
    REQUIRE(!refused);
    CHECK(refused.error().status == 406);
    struct Row {
        std::string accept;
        std::optional<FeedFormat> format;
    };
    const std::vector<Row> rows = {
        {"text/html", std::nullopt},
        {"application/xml, image/*", std::nullopt},
        {"*/*;q=0", std::nullopt},
        {"application/json;q=0", std::nullopt},
        {"application/json;q=1.5", std::nullopt},
        {"application/json;q=x", std::nullopt},
        {"application/json;q=0.0001", std::nullopt},
        {"json", std::nullopt},
        {"", FeedFormat::json},
        {" ", FeedFormat::json},
        {"*/*", FeedFormat::json},
        {"application/*", FeedFormat::json},
        {"Application/JSON", FeedFormat::json},
        {"application/json; charset=utf-8", FeedFormat::json},
        {"application/x-ndjson", FeedFormat::ndjson},
        {"application/ndjson", FeedFormat::ndjson},
        {"text/plain", FeedFormat::cef},
        {"text/*", FeedFormat::cef},
        {"text/plain;q=0.5, application/x-ndjson;q=0.6", FeedFormat::ndjson},
        {"text/plain, application/json;q=0.999", FeedFormat::cef},
        {"application/json;q=0, */*", FeedFormat::ndjson},
        {"*/*;q=0.1, text/plain;Q=0.2", FeedFormat::cef},
        {"text/html, application/x-ndjson;q=0.001", FeedFormat::ndjson},
        {",,application/json,", FeedFormat::json},
    };
    for (const Row& row : rows) {
        INFO(row.accept);
        CHECK(negotiate_format(row.accept) == row.format);
    }
    // The parameter goes before
    CHECK(read("format=cef", {{"accept", "application/json"}}).format == FeedFormat::cef);
    CHECK(read("format=json", {{"accept", "image/png"}}).format == FeedFormat::json);
    CHECK(read("", {{"accept", "image/png"}, {"accept", "text/plain"}}).format == FeedFormat::cef);
}

TEST_CASE("gzip is given to whom it suits") {
    struct Row {
        std::string accept;
        bool gzip;
    };
    const std::vector<Row> rows = {
        {"", false},          {"br", false},           {"gzip;q=0", false},      {"gzip;q=0.000", false}, {"*;q=0", false},
        {"identity", false},  {"gzipped", false},      {"identity;q=1, gzip;q=0.5", false},               {"gzip;q=0, *", false},
        {"gzip;q=2", false},  {"identity;q=1, *;q=0", false},
        {"gzip", true},       {"GZIP", true},          {"x-gzip", true},         {"deflate, gzip, br", true},
        {"gzip;q=0.001", true}, {"*", true},           {"br;q=1, gzip; q=0.8", true}, {"identity;q=0.5, gzip;q=1.0", true}, {"identity;q=0, gzip;q=0.1", true},
    };
    for (const Row& row : rows) {
        INFO(row.accept);
        CHECK(accepts_gzip(row.accept) == row.gzip);
        CHECK(read("", {{"accept-encoding", row.accept}}).gzip == row.gzip);
    }
}
