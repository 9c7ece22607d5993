#include "hostile.hpp"
#include "sample_documents.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

Outcome read_flat(ByteSource& source, const Limits& limits = {}) {
    const long before = peak_kib();
    Outcome outcome = read_all(source, limits);
    CHECK(peak_kib() - before < kMostKiB);
    return outcome;
}

const std::string kHead = "<feedback>" + metadata() + policy() + record_xml(1);

}  // namespace

TEST_CASE("A limit of rows is an error") {
    Limits limits;
    limits.rows = 2;
    const Outcome outcome = read_all(feedback(record_xml(1) + record_xml(2) + record_xml(3)), limits);
    REQUIRE(outcome.error);
    CHECK(outcome.error->code == ErrorCode::limit);
    CHECK(outcome.error->message.find("rows") != std::string::npos);
    CHECK_FALSE(read_all(feedback(record_xml(1) + record_xml(2)), limits).error);
}

TEST_CASE("Too many elements, too deep ones and too many DKIM results are left out") {
    std::string many = "<x>";
    for (int i = 0; i < 25'000; ++i) many += "<a/>";
    many += "</x>";
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "<a>";
    for (int i = 0; i < 100'000; ++i) deep += "</a>";
    std::string deeper_than_allowed;
    for (int i = 0; i < 100; ++i) deeper_than_allowed += "<a>";
    for (int i = 0; i < 100; ++i) deeper_than_allowed += "</a>";
    std::string dkim;
    for (int i = 0; i < 101; ++i) dkim += "<dkim><domain>a.example</domain><selector>s</selector><result>pass</result></dkim>";
    SECTION("nodes") {
        const Outcome outcome = read_all(feedback(record_xml(1) + record_xml(2, many) + record_xml(3)));
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.counts == std::vector<std::uint64_t>{1, 3});
        CHECK(outcome.parsed.records_lost == 1);
        CHECK(outcome.find("xml.limit")->message.find("xml_nodes") != std::string::npos);
    }
    SECTION("a hundred thousand levels") {
        const Outcome outcome = read_all(feedback(record_xml(1) + record_xml(2, deep) + record_xml(3)));
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.counts == std::vector<std::uint64_t>{1, 3});
        CHECK(outcome.has("xml.limit"));
    }
    SECTION("levels within the limit of nodes") {
        const Outcome outcome = read_all(feedback(record_xml(1) + record_xml(2, deeper_than_allowed) + record_xml(3)));
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.counts == std::vector<std::uint64_t>{1, 2, 3});
        CHECK(outcome.find("xml.limit")->message.find("xml_depth") != std::string::npos);
    }
    SECTION("levels in a record that must be mended") {
        const Outcome outcome = read_all(feedback(record_xml(1) + record_xml(2, "</b>" + deeper_than_allowed) + record_xml(3)));
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.counts == std::vector<std::uint64_t>{1, 3});
        CHECK(outcome.has("xml.limit"));
    }
    SECTION("DKIM results") {
        const Outcome outcome = read_all(feedback("<record>" + row("192.0.2.1", "1") + "<auth_results>" + dkim + "</auth_results></record>"));
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.dkim_results == std::vector<std::size_t>{100});
        REQUIRE(outcome.has("dmarc.dkim.limit"));
        CHECK(outcome.find("dmarc.dkim.limit")->severity == Severity::error);
    }
}

TEST_CASE("Memory and time stay flat on what is made to exhaust them") {
    struct Row {
        const char* name;
        std::string head, unit, tail;
        std::size_t counts;  // records that are given; 0: an error instead
    };
    const std::string end = "</feedback>";
    const std::string last = record_xml(9) + end;
    const auto row = GENERATE_COPY(values<Row>({
        {"elements within feedback", kHead, "<a>", last, 2},
        {"elements before feedback", "", "<a>", kHead + end, 1},
        {"elements alone", "", "<a>", "", 0},
        {"elements within a record", kHead + "<record>", "<a>", last, 2},
        {"unclosed records", kHead, "<record>", last, 2},
        {"unclosed records with text", kHead, "<record>text text text text text", last, 2},
        {"records closed by another prefix", kHead, "<record></x:record><record>", last, 2},
        {"empty unknown elements", kHead, "<a>b</a>", last, 2},
        {"extension names", kHead, "<extension><" + std::string(5000, 'n') + "><m/></" + std::string(5000, 'n') + "></extension>", last, 2},
        {"unfinished comments", kHead, "<!--", "", 1},
        {"a comment", kHead + "<!--", "x", "-->" + last, 2},
        {"unfinished CDATA", kHead, "<![CDATA[", "", 1},
        {"unfinished declarations", kHead, "<!X [", "", 1},
        {"a document type", "<!DOCTYPE feedback [", "<!ENTITY a 'b'>", "]>" + kHead + end, 1},
        {"unfinished instructions", kHead, "<?", "", 1},
        {"an unfinished tag", kHead + "<a ", "b ", last, 1},
        {"tags without end", kHead, "<a ", last, 2},
        {"stray ends", kHead, "</", last, 2},
        {"ends of records", kHead, "</record>", last, 2},
        {"ampersands within a record", kHead + "<record>", "&", "</record>" + last, 2},
        {"text without markup", "", "text ", "", 0},
        {"white space", kHead, "  \n", last, 2},
        {"metadata again and again", kHead, metadata(), last, 2},
        {"errors", kHead, "<error>e</error>", last, 2},
        {"spaces around a value", "<feedback>" + metadata() + "<record><row><source_ip>", " ", "192.0.2.1</source_ip></row></record>" + last, 1},
    }));
    CAPTURE(row.name);
    RepeatingSource source(row.head, row.unit, kHostileBytes, row.tail);
    const Outcome outcome = read_flat(source);
    if (row.counts == 0) {
        CHECK(outcome.error);
    } else {
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.counts.size() == row.counts);
    }
}

TEST_CASE("Ever new prefixes do not make the scan start over") {
    std::string records;
    for (int i = 0; i < 50'000; ++i) {
        const std::string prefix = "p" + std::to_string(i);
        records += "<" + prefix + ":record>" + row("192.0.2.1", "1") + "</" + prefix + ":record><" + prefix + ":record></x:record>";
    }
    const Outcome outcome = read_all(feedback(records));
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.counts.size() == 50'000);
    CHECK(outcome.parsed.records_lost == 50'000);
}

TEST_CASE("A document of 70 MB is read in flat memory") {
    RepeatingSource source(kHead, record_xml(5), 70'000'000, "</feedback>");
    const long before = peak_kib();
    AggregateReader reader{Limits{}};
    std::uint64_t records = 0;
    const auto parsed = reader.read(source, [&](const AggregateRecord&, const AggregateReport&) { ++records; });
    REQUIRE(parsed);
    CHECK(records > 150'000);
    CHECK(parsed->report.records == records);
    CHECK(parsed->diagnostics.empty());
    CHECK(peak_kib() - before < kMostKiB);
}
