#include "catch.hpp"
#include "sample_documents.hpp"

using namespace whosent;
using namespace whosent::parse;

TEST_CASE("A document that is no report is told from a broken report") {
    struct Row {
        std::string document;
        ErrorCode code;
    };
    const auto row = GENERATE(values<Row>({
        {"", ErrorCode::truncated},
        {"  \r\n", ErrorCode::truncated},
        {"<", ErrorCode::truncated},
        {"<?xml version=\"1.0\"", ErrorCode::truncated},
        {"<?xml version=\"1.0\"?>", ErrorCode::truncated},
        {"<feed", ErrorCode::truncated},
        {"<feedback", ErrorCode::truncated},
        {"<feedback>", ErrorCode::truncated},
        {"<feedback><report_metadata><org_name>a</org_name>", ErrorCode::truncated},
        {"<feedback></feedback>", ErrorCode::corrupt},
        {"<feedback/>", ErrorCode::corrupt},
        {"<x><policy_evaluated/></x>", ErrorCode::corrupt},
        {"<feedback><policy_published><p>none</p></policy_published></feedback>", ErrorCode::corrupt},
        {"unused", ErrorCode::not_a_report},
        {"a < b", ErrorCode::not_a_report},
        {"{\"organization-name\": 1}", ErrorCode::not_a_report},
        {"<html><body>feedback</body></html>", ErrorCode::not_a_report},
        {"<rss><record><title>x</title></record></rss>", ErrorCode::not_a_report},
        {std::string("\x7f" "ELF\0\0\1", 7), ErrorCode::unrecognised},
    }));
    CAPTURE(row.document);
    const Outcome outcome = read_all(row.document);
    REQUIRE(outcome.error);
    CHECK(error_code_name(outcome.error->code) == error_code_name(row.code));
    CHECK(outcome.error->stage == Stage::parse);
    CHECK_FALSE(outcome.error->message.empty());
}

TEST_CASE("Only the damaged record is lost, and its diagnostic names it") {
    const Limits defaults;
    Limits limits;
    limits.xml_section_bytes = 2000;
    const std::string huge = record_xml(2, "<x>" + std::string(3000, 'x') + "</x>");
    const Outcome outcome = read_all(feedback(record_xml(1) + huge + record_xml(3) + huge + record_xml(5)), limits);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.counts == std::vector<std::uint64_t>{1, 3, 5});
    CHECK(outcome.parsed.records_lost == 2);
    CHECK(outcome.parsed.report.records == 3);
    CHECK(outcome.parsed.repaired);
    CHECK(outcome.has("xml.limit"));
    const Diagnostic* lost = outcome.find("xml.record_lost");
    REQUIRE(lost != nullptr);
    CHECK(lost->severity == Severity::error);
    CHECK(lost->message.find("record 1 ") != std::string::npos);
    CHECK_FALSE(read_all(feedback(record_xml(1) + huge), defaults).parsed.repaired);
}

TEST_CASE("Comments and CDATA that hold tags do not mislead the scan") {
    const std::string document = feedback("<!-- <record> </record> </feedback> -->" + record_xml(1, "<!-- </record> -->") +
                                          record_xml(2, "<note><![CDATA[</record><record>]]></note>") + "<?pi </record> ?>" + record_xml(3));
    const Outcome outcome = read_all(document);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.counts == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(outcome.parsed.records_lost == 0);
    CHECK_FALSE(outcome.parsed.repaired);
}

TEST_CASE("An unclosed record does not swallow the next") {
    std::string open = record_xml(2);
    open.resize(open.find("</auth_results>"));
    const Outcome outcome = read_all(feedback(record_xml(1) + open + record_xml(3)));
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.counts == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(outcome.has("xml.unclosed_element"));
}

TEST_CASE("The policy that comes late can be given on the second reading") {
    const std::string document = "<feedback>" + record_xml(1) + policy() + metadata() + record_xml(2) + "</feedback>";
    AggregateReader reader{Limits{}};
    std::vector<std::string> domains;
    const auto note = [&](const AggregateRecord&, const AggregateReport& report) { domains.push_back(report.policy_published.domain); };
    MemorySource first(document);
    const auto parsed = reader.read(first, note);
    REQUIRE(parsed);
    CHECK(parsed->policy_came_late);
    CHECK(domains == std::vector<std::string>{"", "shop.example"});
    domains.clear();
    MemorySource second(document);
    const auto again = reader.read(second, note, &parsed->report);
    REQUIRE(again);
    CHECK_FALSE(again->policy_came_late);
    CHECK(domains == std::vector<std::string>{"shop.example", "shop.example"});
}

TEST_CASE("What odd rows have in common is one diagnostic with a count") {
    std::string records;
    for (int i = 0; i < 500; ++i) {
        records += "<record>" + row("", "-1") + "<identifiers><header_from>a.example</header_from></identifiers><auth_results><dkim><result/></dkim>"
                   "</auth_results></record>";
    }
    const Outcome outcome = read_all(feedback(records));
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.counts.size() == 500);
    CHECK(outcome.parsed.diagnostics.size() < 10);
    CHECK(outcome.parsed.diagnostics_dropped == 0);
    const Diagnostic* negative = outcome.find("dmarc.count.negative");
    REQUIRE(negative != nullptr);
    CHECK(negative->row == std::optional<std::uint64_t>(0));
    CHECK(negative->where == "record/row/count");
    CHECK(negative->message.find("and 499 more") != std::string::npos);
}

TEST_CASE("Diagnostics beyond the limit are only counted") {
    Limits limits;
    limits.diagnostics = 3;
    std::string lost;
    for (int i = 0; i < 10; ++i) lost += "</record>";
    const Outcome outcome = read_all(feedback(lost + record_xml(1)), limits);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.parsed.diagnostics.size() == 3);
    CHECK(outcome.parsed.diagnostics_dropped == 7);
    CHECK(outcome.parsed.records_lost == 10);
    CHECK(outcome.parsed.repaired);
}

TEST_CASE("No diagnostic names a person's address") {
    const std::string address = "jane.roe@mail.example";
    const std::string header_from = "<header_from>" + address + "</header_from>";
    std::string document = feedback(record_xml(1) + "<record>" + row(address, address) + "<identifiers>" + header_from + header_from + "</identifiers>" +
                                    auth_results() + "</record>");
    document.replace(document.find("1767225600"), 10, address);
    document.replace(document.find("none"), 4, "\"Jane Roe\"@mail.example");
    const Outcome outcome = read_all(document);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.parsed.diagnostics.size() >= 5);
    for (const Diagnostic& diagnostic : outcome.parsed.diagnostics) {
        CAPTURE(diagnostic.message);
        CHECK(diagnostic.message.find("jane") == std::string::npos);
        CHECK(diagnostic.message.find("Jane") == std::string::npos);
    }
}

TEST_CASE("A source that fails gives what came before, or its error") {
    const std::string whole = feedback(record_xml(1) + record_xml(2));
    const Error failure{ErrorCode::corrupt, Stage::unpack, Persistence::permanent, "member 1", "the checksum does not match", {}};
    SECTION("before anything could be read") {
        MemorySource source(whole.substr(0, 60), 10, failure);
        const Outcome outcome = read_all(source);
        REQUIRE(outcome.error);
        CHECK(outcome.error->message == failure.message);
    }
    SECTION("within the second record") {
        MemorySource source(whole.substr(0, whole.size() - 30), 100, failure);
        const Outcome outcome = read_all(source);
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.counts == std::vector<std::uint64_t>{1});
        CHECK(outcome.parsed.records_lost == 1);
        CHECK(outcome.has("xml.source_failed"));
        CHECK(outcome.has("xml.truncated"));
    }
    SECTION("after the document, when only the checksum is wrong") {
        MemorySource source(whole, 100, failure);
        const Outcome outcome = read_all(source);
        REQUIRE_FALSE(outcome.error);
        CHECK(outcome.counts == std::vector<std::uint64_t>{1, 2});
        CHECK(outcome.has("xml.source_failed"));
        CHECK_FALSE(outcome.has("xml.truncated"));
    }
}

TEST_CASE("A reader can be used again, and nothing of the last document stays") {
    AggregateReader reader{Limits{}};
    const auto ignore = [](const AggregateRecord&, const AggregateReport&) {};
    MemorySource odd(feedback("<d:record>x</record>" + record_xml(7)) + "\xff");
    REQUIRE(reader.read(odd, ignore));
    MemorySource source(feedback(record_xml(1)));
    const auto parsed = reader.read(source, ignore);
    REQUIRE(parsed);
    CHECK(parsed->diagnostics.empty());
    CHECK_FALSE(parsed->repaired);
    CHECK(parsed->records_lost == 0);
    CHECK(parsed->report.records == 1);
}

TEST_CASE("Values of a legacy encoding stay within the limit of bytes and are UTF-8") {
    Limits limits;
    limits.value_bytes = 10;
    const std::string document = "<feedback>" + metadata() + "<version>" + std::string(40, '\xe4') + "</version></feedback>";
    const Outcome outcome = read_all(document, limits);
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.parsed.report.version == "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    CHECK(outcome.has("dmarc.value.long"));
    CHECK(outcome.has("xml.encoding.windows1252"));
}
