#include "hostile.hpp"
#include "sample_documents.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

std::vector<std::string> golden_inputs() { return parse::golden_inputs("dmarc", "input"); }

void require_same(const std::string& document, const std::vector<std::size_t>& sizes) {
    require_same_in_chunks(document, sizes, [](const std::string& text, std::size_t size) { return render(text, {}, size); });
}

}  // namespace

TEST_CASE("The size of the chunks never changes what is read") {
    const auto inputs = golden_inputs();
    REQUIRE(inputs.size() > 50);
    std::mt19937 random(11);
    for (const std::string& input : inputs) require_same(input, {1, 2, 3, 64, 1 + random() % 200, 1 + random() % 2000});
}

TEST_CASE("The window's read-ahead is no border either") {
    // Longer than what is fetched at once, with the odd forms near to every place where a chunk may end.
    std::string records;
    for (std::size_t i = 1; i < 400; ++i) {
        records += record_xml(i);
        if (i % 7 == 0) records += "<!-- <record> -->";
        if (i % 11 == 0) records += "<record>" + row("192.0.2.1", std::to_string(i)) + "<identities></record>";
        if (i % 13 == 0) records += "\n<d:record>" + row("192.0.2.1 ", "1 & 2") + "</d:record>";
    }
    const std::string document = feedback(records);
    CHECK(render(document).diagnostics.find("xml.unclosed_element") != std::string::npos);
    require_same(document, {1, 97, 4096, 16383, 16384, 16385, 50000});
}

TEST_CASE("A document cut at any byte keeps every complete record") {
    const std::string document = feedback(record_xml(1) + record_xml(2, "<!-- </record> -->") + "<extension><a>b</a></extension>" + record_xml(3));
    std::vector<std::size_t> ends;
    for (std::size_t at = document.find("</record>\n"); at != std::string::npos; at = document.find("</record>\n", at + 1)) ends.push_back(at + 9);
    REQUIRE(ends.size() == 3);
    const std::size_t comment = document.find("<!--");
    const std::size_t metadata_end = document.find("</report_metadata>") + 18;
    const std::size_t feedback_end = document.find("</feedback>") + 11;
    for (std::size_t size = 0; size < document.size(); ++size) {
        CAPTURE(size);
        const std::string cut = document.substr(0, size);
        MemorySource source(cut, size % 3 == 0 ? 0 : size % 50);
        const Outcome outcome = read_all(source);
        if (size < metadata_end) {
            REQUIRE(outcome.error);
            REQUIRE(outcome.error->code == ErrorCode::truncated);
            continue;
        }
        REQUIRE_FALSE(outcome.error);
        // An unfinished comment is text, and the end tag in it counts: the record is whole by then.
        const bool in_comment = size >= comment + 14 && size < comment + 18;
        const auto complete = in_comment ? std::size_t{2}
                                         : static_cast<std::size_t>(std::ranges::count_if(ends, [&](std::size_t end) { return end <= size; }));
        REQUIRE(outcome.counts.size() == complete);
        for (std::size_t i = 0; i < complete; ++i) REQUIRE(outcome.counts[i] == i + 1);
        REQUIRE(outcome.has("xml.truncated") == (size < feedback_end));
        REQUIRE(outcome.parsed.records_lost <= 1);
    }
}

TEST_CASE("Flipped, removed and doubled bytes never crash, and most records stay") {
    const auto inputs = golden_inputs();
    std::mt19937 random(5);
    std::size_t kept = 0;
    std::size_t rounds = 0;
    const std::string good = feedback(record_xml(1) + record_xml(2) + record_xml(3));
    for (int i = 0; i < 6000; ++i) {
        const bool from_good = i % 2 == 0;
        std::string document = from_good ? good : inputs[random() % inputs.size()];
        if (document.empty()) continue;
        damage(document, random, from_good ? 1 : 1 + random() % 20, {"<>/&!?\"'=-[]: \0", 15});
        MemorySource source(document, i % 5 == 0 ? 1 + random() % 100 : 0);
        const Outcome outcome = read_all(source);
        if (from_good) {
            ++rounds;
            if (!outcome.error) kept += std::min<std::size_t>(outcome.counts.size(), 3);
            // One change never makes a report look like something else.
            if (outcome.error) REQUIRE(outcome.error->code != ErrorCode::not_a_report);
        }
        // Whatever was lost or mended is told.
        if (!outcome.error && outcome.parsed.records_lost > 0) REQUIRE(outcome.parsed.repaired);
    }
    CHECK(kept > rounds * 3 * 9 / 10);
}
