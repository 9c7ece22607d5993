#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

std::vector<QuarantineRow> entries(Reader& reader) {
    std::vector<QuarantineRow> rows;
    must(reader.quarantine([&](const QuarantineRow& row) {
        rows.push_back(row);
        return true;
    }));
    return rows;
}

std::vector<std::string> quarantine_events(Reader& reader) {
    std::vector<std::string> reasons;
    must(reader.events({}, [&](const Event& event) {
        if (const auto* entry = std::get_if<QuarantineEvent>(&event.body))
            reasons.push_back(std::to_string(entry->quarantine) + " " + std::string(entry->reason));
        return true;
    }));
    return reasons;
}

}  // namespace

TEST_CASE("what cannot be read is kept whole, with the reason") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    MessageWrite at_origin = quarantined("m2");
    at_origin.quarantine->raw_gzip.clear();
    const auto outcomes = commit(*writer, quarantined("m1"), std::move(at_origin));
    REQUIRE(outcomes[0].quarantine_id == 1);
    REQUIRE(outcomes[1].quarantine_id == 2);
    auto reader = must(store->reader());
    const auto rows = entries(*reader);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].code == "truncated");
    CHECK(rows[0].stage == "unpack");
    CHECK(rows[0].where == "part 2");
    CHECK(rows[0].reason == "the gzip stream ends too early");
    CHECK(rows[0].collector == "files");
    CHECK(rows[0].name == "m1");
    CHECK(rows[0].bytes == 1000);
    CHECK(rows[0].attempts == 1);
    CHECK(rows[0].sha256 == sha256("message m1"));
    CHECK(rows[0].content_kept);
    CHECK_FALSE(rows[1].content_kept);
    CHECK(must(reader->quarantine_content(1)) == "gzip of m1");
    CHECK(reader->quarantine_content(2).error().code == ErrorCode::not_found);
    CHECK(reader->quarantine_content(3).error().code == ErrorCode::not_found);
    CHECK(reader->quarantine_entry(3).error().code == ErrorCode::not_found);
    CHECK(must(reader->quarantine_entry(2)).id == 2);
    CHECK(must(reader->info()).quarantined == 2);
    // the same message again is a duplicate, not a second entry
    CHECK(commit(*writer, quarantined("m1"))[0].duplicate);
    CHECK(entries(*reader).size() == 2);

    must(writer->quarantine_drop(1));
    CHECK(writer->quarantine_drop(1).error().code == ErrorCode::not_found);
    CHECK(entries(*reader).size() == 1);
    // the number is not given again
    CHECK(commit(*writer, quarantined("m3"))[0].quarantine_id == 3);
}

TEST_CASE("a retry replaces the entry by what could be read") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    MessageWrite first = quarantined("m1");
    first.diagnostics = {{Severity::warning, "first", "", "of the first attempt", std::nullopt}};
    commit(*writer, std::move(first), message_of("m0", report_of("r0", {Row{}})));
    auto reader = must(store->reader());

    SECTION("it fails again") {
        MessageWrite again = quarantined("m1", "another reason");
        again.retry_of = 1;
        again.quarantine->raw_gzip.clear();  // what is kept stays
        const auto outcome = commit(*writer, std::move(again))[0];
        CHECK_FALSE(outcome.duplicate);
        CHECK(outcome.quarantine_id == 1);
        const auto rows = entries(*reader);
        REQUIRE(rows.size() == 1);
        CHECK(rows[0].id == 1);
        CHECK(rows[0].attempts == 2);
        CHECK(rows[0].reason == "another reason");
        CHECK(must(reader->quarantine_content(1)) == "gzip of m1");
        CHECK(quarantine_events(*reader) == std::vector<std::string>{"1 the gzip stream ends too early", "1 another reason"});
        CHECK(commit(*writer, quarantined("m1"))[0].kind == MessageKind::quarantined);
    }
    SECTION("it succeeds") {
        MessageWrite again = message_of("m1", report_of("r1", {Row{}, Row{}}));
        again.retry_of = 1;
        const auto outcome = commit(*writer, std::move(again))[0];
        CHECK_FALSE(outcome.duplicate);
        CHECK(outcome.rows_stored == 2);
        CHECK(entries(*reader).empty());
        CHECK(must(reader->report(2)).message_diagnostics.empty());
        // what was told stays told
        CHECK(quarantine_events(*reader).size() == 1);
        const auto met_again = commit(*writer, message_of("m1", report_of("r1", {Row{}})))[0];
        CHECK(met_again.duplicate);
        CHECK(met_again.kind == MessageKind::reports);
    }
    SECTION("it turns out to be known") {
        MessageWrite again = message_of("m1", report_of("r0", {Row{}}));
        again.retry_of = 1;
        const auto outcome = commit(*writer, std::move(again))[0];
        CHECK(outcome.reports_duplicate == 1);
        CHECK(entries(*reader).empty());
    }
    SECTION("the entry was dropped meanwhile") {
        must(writer->quarantine_drop(1));
        MessageWrite again = message_of("m1", report_of("r1", {Row{}}));
        again.retry_of = 1;
        CHECK(commit(*writer, std::move(again))[0].duplicate);
    }
    check_exact(*reader);
}

TEST_CASE("a message that is met again is what it was") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    const auto message = [](std::size_t number) {
        if (number == 0) return quarantined("m0");
        MessageWrite write = message_of("m" + std::to_string(number), report_of("r", {Row{}}));
        if (number == 2) write.reports.clear();
        return write;
    };
    constexpr MessageKind kKinds[] = {MessageKind::quarantined, MessageKind::reports, MessageKind::not_a_report};
    const auto reader = must(store->reader());
    for (const bool again : {false, true}) {
        for (std::size_t i = 0; i < std::size(kKinds); ++i) {
            MessageWrite write = message(i);
            const Sha256Digest digest = write.sha256;
            const MessageOutcome outcome = commit(*writer, std::move(write))[0];
            CHECK(outcome.duplicate == again);
            CHECK((outcome.kind == kKinds[i]));
            CHECK((must(reader->known_message(digest)) == kKinds[i]));
        }
    }
}
