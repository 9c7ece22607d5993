#include "hostile.hpp"
#include "memory_source.hpp"
#include "render_tls.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

std::vector<std::string> golden_inputs() { return parse::golden_inputs("tlsrpt", "input.json"); }

void require_same(const std::string& document, const std::vector<std::size_t>& sizes) {
    require_same_in_chunks(document, sizes, [](const std::string& text, std::size_t size) { return render_tls(text, {}, size); });
}

std::string detail(std::string_view count = "3", std::string_view type = "\"certificate-expired\"") {
    return R"({"result-type":)" + std::string(type) + R"(,"sending-mta-ip":"192.0.2.1","failed-session-count":)" + std::string(count) + "}";
}
std::string policy(std::string_view details = detail(), std::string_view total = "7") {
    return R"({"policy":{"policy-type":"sts","policy-domain":"example.com"},"summary":{"total-successful-session-count":)" + std::string(total) +
           R"(,"total-failure-session-count":3},"failure-details":[)" + std::string(details) + "]}";
}
std::string report(std::string_view policies = policy(), std::string_view start = "\"2026-11-02T00:00:00Z\"") {
    return R"({"organization-name":"Mailhaven","date-range":{"start-datetime":)" + std::string(start) +
           R"(,"end-datetime":"2026-11-02T23:59:59Z"},"contact-info":"tls@mailhaven.example","report-id":"r1","policies":[)" + std::string(policies) +
           "]}";
}

Result<ParsedTls> read(std::string document, const Limits& limits = {}, std::size_t chunk = 0, std::optional<Error> failure = {}) {
    MemorySource source(std::move(document), chunk, std::move(failure));
    return read_tls_report(source, limits);
}

bool has(const ParsedTls& parsed, std::string_view code) {
    for (const Diagnostic& diagnostic : parsed.diagnostics) {
        if (diagnostic.code == code) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("TLS: what is no report is refused, and says why") {
    struct Row {
        std::string document;
        ErrorCode code;
    };
    const Row rows[] = {
        {"", ErrorCode::truncated},
        {"\xEF\xBB\xBF", ErrorCode::truncated},
        {"\xEF\xBB", ErrorCode::truncated},
        {"\xEF\xBBx", ErrorCode::not_a_report},
        {" \n", ErrorCode::not_a_report},
        {"5", ErrorCode::not_a_report},
        {"null", ErrorCode::not_a_report},
        {"\"report-id\"", ErrorCode::not_a_report},
        {"[]", ErrorCode::not_a_report},
        {"{}", ErrorCode::not_a_report},
        {"{", ErrorCode::not_a_report},
        {"<feedback/>", ErrorCode::not_a_report},
        {std::string("\0\0\0\0", 4), ErrorCode::not_a_report},
        {R"({"policies":[{"name":"x"}],"contact-info":"x"})", ErrorCode::not_a_report},
        {R"({"notificationType":"Complaint"})", ErrorCode::not_a_report},
        {R"({"report-id":)", ErrorCode::truncated},
        {R"({"organization-name":"a","report-id":"b","policies":[)", ErrorCode::truncated},
        {R"({"report-id":"b"})", ErrorCode::corrupt},
        {R"({"report-id":"b" "policies":[]})", ErrorCode::corrupt},
        {R"([{"report-id":"b","organization-name":"a","policies":[]}])", ErrorCode::corrupt},
    };
    for (const Row& row : rows) {
        CAPTURE(row.document);
        const auto result = read(row.document);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == row.code);
        CHECK(result.error().stage == Stage::parse);
        CHECK_FALSE(result.error().message.empty());
    }
    CHECK(read(R"({"organization-name":"a","report-id":"b","policies":[]})"));
    CHECK(read(report()));
}

TEST_CASE("TLS: counts") {
    struct Row {
        std::string text;
        std::optional<std::uint64_t> count;
        std::string code;
    };
    const Row rows[] = {
        {"-1", {}, "tlsrpt.count.negative"},
        {"\"-1\"", {}, "tlsrpt.count.negative"},
        {"-18446744073709551617", {}, "tlsrpt.count.absurd"},
        {"1.5", {}, "tlsrpt.count.unreadable"},
        {"\"1.\"", {}, "tlsrpt.count.unreadable"},
        {"\".5\"", {}, "tlsrpt.count.unreadable"},
        {"\"-\"", {}, "tlsrpt.count.unreadable"},
        {"1e3", {}, "tlsrpt.count.unreadable"},
        {"\"0x10\"", {}, "tlsrpt.count.unreadable"},
        {"\"1,000\"", {}, "tlsrpt.count.unreadable"},
        {"\"\"", {}, "tlsrpt.missing_required"},
        {"null", {}, "tlsrpt.missing_required"},
        {"true", {}, "tlsrpt.wrong_type"},
        {"{}", {}, "tlsrpt.wrong_type"},
        {"[7]", {}, "tlsrpt.wrong_type"},
        {"1000000000001", {}, "tlsrpt.count.absurd"},
        {"99999999999999999999999999999999999999999999999999999999999999999999999999999999", {}, "tlsrpt.count.absurd"},
        {"7.000", 7, "tlsrpt.count.fraction"},
        {"\"7\"", 7, "tlsrpt.count.text"},
        {"-0", 0, ""},
        {"1000000000000", 1'000'000'000'000, ""},
        {"0", 0, ""},
        {"7", 7, ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto result = read(report(policy(detail(row.text), row.text)));
        REQUIRE(result);
        REQUIRE(result->report.policies.size() == 1);
        const TlsPolicy& found = result->report.policies[0];
        REQUIRE(found.failure_details.size() == 1);
        CHECK(found.total_successful_session_count == row.count);
        CHECK(found.failure_details[0].failed_session_count == row.count);
        if (row.code.empty()) {
            CHECK(result->diagnostics.empty());
            CHECK_FALSE(result->repaired);
        } else {
            CHECK(has(*result, row.code));
            CHECK(result->repaired);
        }
        CHECK(result->complete);
    }
}

TEST_CASE("TLS: dates") {
    constexpr Seconds kDay = 1'793'577'600;  // 2026-11-02
    struct Row {
        std::string text;
        std::optional<Seconds> time;
        std::string code;
    };
    const Row rows[] = {
        {"\"2026-13-02T00:00:00Z\"", {}, "tlsrpt.date.unreadable"},
        {"\"2026-11-02T25:00:00Z\"", {}, "tlsrpt.date.unreadable"},
        {"\"2026-11-02T00:00:00+2\"", {}, "tlsrpt.date.unreadable"},
        {"\"02.11.2026\"", {}, "tlsrpt.date.unreadable"},
        {"\"Z\"", {}, "tlsrpt.date.unreadable"},
        {"-1793577600", {}, "tlsrpt.date.unreadable"},
        {"1.7935776e9", {}, "tlsrpt.date.unreadable"},
        {"\"1969-12-31T23:59:59Z\"", {}, "tlsrpt.date.absurd"},
        {"1", {}, "tlsrpt.date.absurd"},
        {"99999999999999999999999999", {}, "tlsrpt.date.absurd"},
        {"\"\"", {}, "tlsrpt.missing_required"},
        {"null", {}, "tlsrpt.missing_required"},
        {"{}", {}, "tlsrpt.wrong_type"},
        {"1793577600", kDay, "tlsrpt.date.epoch"},
        {"\"1793577600.9\"", kDay, "tlsrpt.date.epoch"},
        {"1793577600123", kDay, "tlsrpt.date.scale"},
        {"1793577600123456789", kDay, "tlsrpt.date.scale"},
        {"\"2026-11-02\"", kDay, "tlsrpt.date.zone"},
        {"\"2026-11-02T00:00\"", kDay, "tlsrpt.date.zone"},
        {"\"2026-11-02 00:00:00\"", kDay, "tlsrpt.date.zone"},
        {"\" 2026-11-02T00:00:00Z \"", kDay, "tlsrpt.whitespace"},
        {"\"2026-11-02t00:00:00.123z\"", kDay, ""},
        {"\"2026-11-02T05:30:00+05:30\"", kDay, ""},
        {"\"2026-11-01T19:00:00-05:00\"", kDay, ""},
        {"\"2026-11-02T00:00:00Z\"", kDay, ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto result = read(report(policy(), row.text));
        REQUIRE(result);
        CHECK(result->report.start_datetime == row.time);
        CHECK(result->report.policies.size() == 1);
        if (row.code.empty()) {
            CHECK(result->diagnostics.empty());
        } else {
            CHECK(has(*result, row.code));
        }
    }
}

TEST_CASE("TLS: the size of the chunks never changes what is read") {
    const auto inputs = golden_inputs();
    REQUIRE(inputs.size() > 60);
    std::mt19937 random(7);
    for (const std::string& input : inputs) require_same(input, {1, 2, 3, 7, 64, 1 + random() % 200, 1 + random() % 2000});
}

TEST_CASE("TLS: a document cut at any byte keeps every complete policy and detail") {
    const std::string last = policy(detail("11") + "," + detail("12"), "2");
    const std::string document = report(policy("", "0") + "," + policy(detail("10"), "1") + "," + last);
    // Ends of the policies, and what makes the last one worth keeping
    std::vector<std::size_t> ends;
    std::size_t at = 0;
    for (const std::string& text : {policy("", "0"), policy(detail("10"), "1"), last}) {
        at = document.find(text, at) + text.size();
        ends.push_back(at);
    }
    std::vector<std::size_t> summaries;
    for (std::size_t found = document.find(R"("summary")"); found != std::string::npos; found = document.find(R"("summary")", found + 1)) {
        summaries.push_back(document.find('}', found) + 1);
    }
    REQUIRE(summaries.size() == 3);
    std::vector<std::size_t> detail_ends;
    for (const std::string_view count : {"10", "11", "12"}) detail_ends.push_back(document.find(detail(count)) + detail(count).size());
    for (std::size_t size = 0; size < document.size(); ++size) {
        CAPTURE(size);
        const auto result = read(document.substr(0, size), {}, size % 3 == 0 ? 0 : size % 50);
        const auto kept = static_cast<std::size_t>(std::ranges::count_if(summaries, [&](std::size_t end) { return end <= size; }));
        if (kept == 0) {
            REQUIRE_FALSE(result);
            const bool marked = size >= document.find("organization-name") + 18;
            REQUIRE(result.error().code == (size == 0 || marked ? ErrorCode::truncated : ErrorCode::not_a_report));
            continue;
        }
        REQUIRE(result);
        REQUIRE_FALSE(result->complete);
        REQUIRE(result->repaired);
        REQUIRE(has(*result, "json.truncated"));
        REQUIRE(result->report.policies.size() == kept);
        std::size_t details = 0;
        for (std::size_t i = 0; i < kept; ++i) {
            const TlsPolicy& found = result->report.policies[i];
            REQUIRE(found.total_successful_session_count == i);
            for (const TlsFailureDetails& one : found.failure_details) REQUIRE(one.failed_session_count == 10 + details++);
        }
        REQUIRE(details == static_cast<std::size_t>(std::ranges::count_if(detail_ends, [&](std::size_t end) { return end <= size; })));
        const bool between = std::ranges::any_of(ends, [&](std::size_t end) { return size >= end; }) &&
                             kept == static_cast<std::size_t>(std::ranges::count_if(ends, [&](std::size_t end) { return end <= size; }));
        if (!between) REQUIRE((has(*result, "tlsrpt.policy_cut") || has(*result, "tlsrpt.policy_lost")));
    }
    CHECK(read(document)->complete);
}

TEST_CASE("TLS: an error of the source is told, and what came before is kept") {
    const Error corrupt{ErrorCode::corrupt, Stage::unpack, Persistence::permanent, "gzip", "the checksum is wrong", {}};
    const std::string document = report();
    for (const std::size_t chunk : {std::size_t{0}, std::size_t{1}, std::size_t{13}}) {
        CAPTURE(chunk);
        const auto nothing = read("{\"report-id\":", {}, chunk, corrupt);
        REQUIRE_FALSE(nothing);
        CHECK(nothing.error().message == corrupt.message);
        const auto cut = read(document.substr(0, document.size() - 2), {}, chunk, corrupt);
        REQUIRE(cut);
        CHECK_FALSE(cut->complete);
        CHECK(has(*cut, "json.source_failed"));
        CHECK_FALSE(has(*cut, "json.truncated"));
        const auto whole = read(document, {}, chunk, corrupt);
        REQUIRE(whole);
        CHECK(whole->complete);
        CHECK(whole->repaired);
        CHECK(has(*whole, "json.source_failed"));
    }
}

TEST_CASE("TLS: the limits hold") {
    SECTION("what is kept") {
        std::string details = detail();
        for (int i = 0; i < 5000; ++i) details += "," + detail();
        Limits limits;
        limits.tls_report_bytes = 100 * kKiB;
        const auto result = read(report(policy(details) + "," + policy()), limits, 1000);
        REQUIRE(result);
        CHECK_FALSE(result->complete);
        CHECK(has(*result, "tlsrpt.limit"));
        REQUIRE(result->report.policies.size() == 1);
        const std::size_t kept = result->report.policies[0].failure_details.size();
        CHECK(kept > 100);
        CHECK(kept * sizeof(TlsFailureDetails) <= limits.tls_report_bytes);
    }
    SECTION("items of an array, and empty ones") {
        std::string many = "\"mx\"";
        for (int i = 0; i < 50'000; ++i) many += ",\"mx\",\"\",[],{}";
        const std::string document = report(R"({"policy":{"policy-type":"sts","policy-domain":"example.com","mx-host":[)" + many + "]}}");
        Limits limits;
        limits.tls_report_bytes = 100 * kKiB;
        const auto result = read(document, limits);
        REQUIRE(result);
        CHECK_FALSE(result->complete);
        CHECK(result->report.policies[0].mx_host.size() * sizeof(std::string) <= limits.tls_report_bytes);
        CHECK(result->diagnostics.size() < 20);
    }
    SECTION("a long value is cut between characters") {
        Limits limits;
        limits.value_bytes = 100;
        for (std::size_t before = 0; before < 8; ++before) {
            std::string name(before, 'a');
            for (int i = 0; i < 60; ++i) name += "€";
            std::string document = report();
            document.replace(document.find("Mailhaven"), 9, name);
            for (const std::size_t chunk : {std::size_t{0}, std::size_t{1}}) {
                const auto result = read(document, limits, chunk);
                REQUIRE(result);
                CAPTURE(before, result->report.organization_name);
                CHECK(has(*result, "tlsrpt.value.long"));
                CHECK_FALSE(has(*result, "json.windows1252"));
                CHECK(result->report.organization_name.size() > 97);
                CHECK(result->report.organization_name.size() <= 100);
                CHECK(name.starts_with(result->report.organization_name));
            }
        }
    }
    SECTION("nesting") {
        Limits limits;
        const std::string open(limits.json_depth + 1, '[');
        std::string document = report();
        document.insert(document.size() - 1, ",\"x\":" + open + std::string(open.size(), ']'));
        const auto result = read(document, limits);
        REQUIRE(result);
        CHECK_FALSE(result->complete);
        CHECK(has(*result, "json.limit"));
        CHECK(result->report.policies.size() == 1);
        CHECK_FALSE(read(std::string(2'000'000, '[')));
    }
    SECTION("diagnostics") {
        Limits limits;
        limits.diagnostics = 2;
        const auto result = read(R"({"report-id":7,"organization-name":" a","policies":[{},{}]})", limits);
        REQUIRE(result);
        CHECK(result->diagnostics.size() == 2);
        CHECK(result->diagnostics_dropped > 2);
        CHECK(result->repaired);
    }
}

TEST_CASE("TLS: memory does not follow the document") {
    const std::string document = report();
    const std::size_t name = document.find("Mailhaven");
    const std::size_t key = document.find("organization-name");
    struct Row {
        std::size_t at;
        std::string repeated;
    };
    // 64 MB each: a value, a name, a number, an unknown array, policies beyond the limit
    const Row rows[] = {
        {name, std::string(64 * kKiB, 'a')},
        {key, std::string(64 * kKiB, 'a')},
        {document.find("7,"), std::string(64 * kKiB, '1')},
        {document.find("\"policies\":[") + 12, policy() + "," + std::string(60 * kKiB, ' ')},
    };
    const long before = peak_kib();
    Limits limits;
    limits.tls_report_bytes = 64 * kKiB;
    for (const Row& row : rows) {
        CAPTURE(row.repeated.substr(0, 40));
        RepeatingSource source(document.substr(0, row.at), row.repeated, 64 * kMiB, document.substr(row.at));
        const auto result = read_tls_report(source, limits);
        REQUIRE(result);
        CHECK(result->report.organization_name.size() <= limits.value_bytes);
        CHECK(result->report.policies.size() < 1000);
        for (const Diagnostic& diagnostic : result->diagnostics) CHECK(diagnostic.message.size() < 500);
    }
    CHECK(peak_kib() - before < kMostKiB);
}

TEST_CASE("TLS: flipped, removed and doubled bytes never crash, and policies stay") {
    const auto inputs = golden_inputs();
    std::mt19937 random(5);
    const std::string good = report(policy() + "," + policy() + "," + policy());
    for (int i = 0; i < 6000; ++i) {
        const bool from_good = i % 2 == 0;
        std::string document = from_good ? good : inputs[random() % inputs.size()];
        if (document.empty()) continue;
        damage(document, random, from_good ? 1 : 1 + random() % 20, {"{}[],:\"\\0-.e tnf\xC3", 17});
        CAPTURE(document);
        require_same(document, {1 + random() % 40});
        const auto result = read(document);
        // One change never makes a report look like something else, once its first member was read.
        if (from_good && !result && document.starts_with("{\"organization-name\":")) REQUIRE(result.error().code != ErrorCode::not_a_report);
        if (result && !result->complete) REQUIRE(result->repaired);
    }
}
