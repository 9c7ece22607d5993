// What is thought of streams, as it is asked for: by stream, source, conclusion and selector; and what judgements rest on.
#include <algorithm>
#include <map>
#include <set>

#include "attribution_support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

TEST_CASE("streams are listed by domain, address, day and whether they wait") {
    AttributionFixture fixture;
    commit(*fixture.writer, message_of("m1", report_of("r1", rows_of(0, 3))), message_of("m2", report_of("r2", rows_of(2, 4), kNovember + 40 * kSecondsPerDay)),
           message_of("m3", report_of("r3", {row_of(1)}, kNovember, "sub.example.com")), message_of("m4", report_of("r4", {row_of(1)}, kNovember, "other.example")));
    fixture.settle({1, 2}, "second");
    const auto ids = [&](const StreamQuery& query) {
        std::vector<std::int64_t> found;
        for (const StreamRow& row : all_streams(*fixture.reader, query)) found.push_back(row.id);
        return found;
    };
    using Ids = std::vector<std::int64_t>;
    CHECK(ids({}) == Ids{1, 2, 3, 4, 5, 6});
    CHECK(ids({.domain = "example.com"}) == Ids{1, 2, 3, 4, 5});
    CHECK(ids({.domain = "none.example"}).empty());
    CHECK(ids({.ip = IpAddress::parse("192.0.2.1")}) == Ids{2, 5, 6});
    CHECK(ids({.domain = "example.com", .ip = IpAddress::parse("192.0.2.1")}) == Ids{2, 5});
    CHECK(ids({.ip = IpAddress::parse("192.0.2.1"), .after_id = 2}) == Ids{5, 6});
    CHECK(ids({.ip = IpAddress::parse("2001:db8::1")}).empty());
    CHECK(ids({.since = kNovember + 40 * kSecondsPerDay}) == Ids{3, 4});
    CHECK(ids({.since = kNovember + 41 * kSecondsPerDay}).empty());
    CHECK(ids({.unsettled = true}) == Ids{3, 4, 5, 6});
    CHECK(ids({.ip = IpAddress::parse("192.0.2.1"), .unsettled = true}) == Ids{5, 6});
    CHECK(ids({.after_id = 2, .limit = 3}) == Ids{3, 4, 5});
    const StreamRow row = all_streams(*fixture.reader)[4];
    CHECK(row.domain == "sub.example.com");
    CHECK(row.stream.header_from == "example.com");
    CHECK(row.stream.alignment == Alignment{true, true, Judgement::pass});
    CHECK(row.stream.dkim == "example.com\ts0\tpass\n");
}

TEST_CASE("sources are filtered by verdict and sender, and told with what is thought of most of their messages") {
    AttributionFixture fixture;
    const auto row = [](int source, int selector, std::int64_t count, bool fails = false) {
        Row made = row_of(source, count);
        made.dkim = "example.com\ts" + std::to_string(selector) + "\t" + (fails ? "fail" : "pass") + "\n";
        if (fails) made.alignment = {false, false, Judgement::fail};
        return made;
    };
    commit(*fixture.writer, message_of("m1", report_of("r1", {row(1, 0, 10), row(1, 1, 30), row(1, 2, 5), row(2, 0, 100, true), row(3, 0, 1)})),
           message_of("m2", report_of("r2", {row(1, 1, 4)}, kNovember + 70 * kSecondsPerDay)),
           message_of("m3", arf_of("a1", ArfKind::failure, kNovember, "example.com", row(1, 0, 1))),
           message_of("m4", arf_of("a2", ArfKind::complaint, kNovember, "example.com", row(1, 1, 1))));
    // streams: 1.0, 1.1, 1.2, 2.0, 3.0
    must(fixture.writer->settle(std::vector<Settlement>{{1, conclusion_of("a", VerdictKind::spoofed)},
                                                        {2, conclusion_of("b", VerdictKind::authorized), AttributionState::provisional},
                                                        {3, conclusion_of("c", VerdictKind::spoofed)},
                                                        {4, conclusion_of("a", VerdictKind::unapproved_sender)},
                                                        {5, Conclusion{}}},
                                Cause::answers, kDeadline));
    const auto one = [&](SourceQuery query) {
        const std::vector<SourceRow> rows = must(fixture.reader->sources(query));
        REQUIRE(rows.size() == 1);
        return rows[0];
    };
    const std::vector<SourceRow> all = must(fixture.reader->sources({}));
    REQUIRE(all.size() == 3);
    CHECK(all[1].ip->to_string() == "192.0.2.1");
    CHECK(all[1].conclusion->sender == "b");
    CHECK(all[1].state == AttributionState::provisional);
    using Verdicts = std::vector<std::pair<VerdictKind, std::int64_t>>;
    CHECK(all[1].verdicts == Verdicts{{VerdictKind::authorized, 34}, {VerdictKind::spoofed, 15}});
    CHECK(all[1].failures == 1);
    CHECK(all[1].complaints == 1);
    CHECK(all[0].conclusion->sender == "a");
    CHECK(all[0].state == AttributionState::final);
    CHECK(*all[2].conclusion == Conclusion{});

    SourceRow found = one({.verdict = VerdictKind::spoofed});
    CHECK(found.totals.messages == 15);
    CHECK(found.conclusion->sender == "a");
    CHECK(found.selectors == std::vector<std::string>{"s0._domainkey.example.com", "s2._domainkey.example.com"});
    CHECK(found.failures == 1);
    CHECK(found.complaints == 0);
    CHECK(found.last_day == day_of(kNovember));
    CHECK(one({.failing = true, .sender = "a"}).totals.messages == 100);
    CHECK(must(fixture.reader->sources({.sender = "a"})).size() == 2);
    CHECK(one({.verdict = VerdictKind::unapproved_sender, .sender = "a"}).ip->to_string() == "192.0.2.2");
    CHECK(one({.sender = "unknown"}).ip->to_string() == "192.0.2.3");
    CHECK(one({.since = kNovember + 60 * kSecondsPerDay, .sender = "b"}).totals.messages == 4);
    CHECK(one({.until = kNovember + 60 * kSecondsPerDay, .sender = "b"}).totals.messages == 30);
    CHECK(must(fixture.reader->sources({.sender = "nobody"})).empty());
    CHECK(must(fixture.reader->sources({.domain = "other.example", .sender = "a"})).empty());
}

TEST_CASE("conclusions and selectors add up what streams did") {
    AttributionFixture fixture;
    const auto row = [](int source, const std::string& dkim, std::int64_t count) {
        Row made = row_of(source, count);
        made.dkim = dkim;
        return made;
    };
    commit(*fixture.writer,
           message_of("m1", report_of("r1", {row(1, "example.com\ts0\tpass\n", 10), row(1, "example.com\ts0\tfail\nvendor.example\tk1\tpass\n", 20),
                                             row(2, "example.com\ts0\tpass\n", 5)})),
           message_of("m2", report_of("r2", {row(3, "example.com\ts0\tpass\n", 7)}, kNovember + 3 * kSecondsPerDay, "other.example")),
           message_of("m3", arf_of("a1", ArfKind::complaint, kNovember + 9 * kSecondsPerDay, "example.com", row(2, "example.com\ts0\tpass\n", 1))));
    fixture.settle({1, 2}, "a");
    fixture.settle({3, 4}, "b");
    std::vector<ConclusionRow> rows = must(fixture.reader->conclusions({}));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].domain == "example.com");
    CHECK(rows[0].conclusion == conclusion_of("a"));
    CHECK(rows[0].totals.messages == 30);
    CHECK(rows[0].streams == 2);
    CHECK(rows[0].sources == 1);
    CHECK(rows[1].totals.messages == 5);
    CHECK(rows[1].complaints == 1);
    CHECK(rows[1].first_day == day_of(kNovember));
    CHECK(rows[1].last_day == day_of(kNovember) + 9);
    CHECK(rows[2].domain == "other.example");
    rows = must(fixture.reader->conclusions({.domain = "other.example"}));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].totals.messages == 7);
    rows = must(fixture.reader->conclusions({.domain = {}, .since = kNovember + kSecondsPerDay}));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].totals.messages == 0);
    CHECK(rows[0].complaints == 1);

    const std::vector<SelectorRow> selectors = must(fixture.reader->selectors("example.com"));
    REQUIRE(selectors.size() == 2);
    CHECK(selectors[0].selector == "s0");
    CHECK(selectors[0].messages == 35);
    CHECK(selectors[0].passed == 15);
    CHECK(selectors[0].senders == std::vector<std::string>{"a", "b"});
    CHECK(selectors[1].domain == "vendor.example");
    CHECK(selectors[1].messages == 20);
    CHECK(selectors[1].senders == std::vector<std::string>{"a"});
    CHECK(must(fixture.reader->selectors("none.example")).empty());
}

TEST_CASE("answers of DNS are kept as often as they change") {
    AttributionFixture fixture;
    const auto answer_of = [](const std::string& text, Seconds read, dns::Status status = dns::Status::found) {
        dns::Answer answer;
        answer.question = {"example.org", dns::Type::txt};
        answer.status = status;
        if (status == dns::Status::found) answer.texts = {text, std::string("a\0b\n\t\\", 6)};
        if (status == dns::Status::failed) answer.problem = text;
        answer.chain = {"alias.example"};
        answer.addresses = {*IpAddress::parse("2001:db8::1"), *IpAddress::parse("192.0.2.1")};
        answer.read = read;
        answer.ttl = 300;
        return answer;
    };
    const auto put = [&](const dns::Answer& answer) { must(fixture.writer->put_answers({&answer, 1})); };
    const auto kept = [&] { return must(fixture.reader->answers("example.org", dns::Type::txt)); };
    CHECK_FALSE(must(fixture.reader->answer("example.org", dns::Type::txt)));
    put(answer_of("one", 100));
    dns::Answer turned = answer_of("one", 200);
    std::swap(turned.texts[0], turned.texts[1]);
    std::swap(turned.addresses[0], turned.addresses[1]);
    put(turned);
    REQUIRE(kept().size() == 1);
    CHECK(kept()[0].first_read == 100);
    CHECK(kept()[0].answer.read == 200);
    CHECK(kept()[0].answer.same_content(answer_of("one", 0)));
    CHECK(kept()[0].answer.ttl == 300);
    CHECK_FALSE(must(fixture.reader->answer("example.org", dns::Type::a)));
    put(answer_of("no answer within 5 s", 300, dns::Status::failed));
    put(answer_of("no answer within 5 s", 310, dns::Status::failed));
    REQUIRE(kept().size() == 2);
    CHECK(must(fixture.reader->answer("example.org", dns::Type::txt))->problem == "no answer within 5 s");
    CHECK(kept()[0].first_read == 300);
    put(answer_of("one", 400));  // it has not changed
    REQUIRE(kept().size() == 1);
    CHECK(kept()[0].first_read == 100);
    CHECK(kept()[0].answer.read == 400);
    for (int i = 0; i < 30; ++i) put(answer_of("text " + std::to_string(i), 500 + i));
    const auto all = kept();
    REQUIRE(all.size() == 10);
    CHECK(all[0].answer.same_content(answer_of("text 29", 0)));
    CHECK(all[9].answer.same_content(answer_of("text 20", 0)));
    must(fixture.writer->purge_older_than(DataKind::aggregate, 525, [](const PurgeResult&) { return true; }));
    CHECK(kept().size() == 5);
}

TEST_CASE("approvals and what judged last are kept, also through a purge and a backup") {
    AttributionFixture fixture;
    CHECK(must(fixture.reader->judged_by()) == Key128{});
    must(fixture.writer->approve({"example.org", "sendgrid", ApprovedBy::dkim, true, 5}));
    must(fixture.writer->approve({"example.org", "ses", ApprovedBy::any, true, 0}));
    must(fixture.writer->approve({"example.org", "sendgrid", ApprovedBy::spf, true, 7}));
    const Key128 key = key128("catalogue and all");
    must(fixture.writer->set_judged_by(key));
    must(fixture.writer->purge_older_than(DataKind::aggregate, fixture.clock.time + 1, [](const PurgeResult&) { return true; }));
    must(fixture.reader->backup(fixture.folder.file("copy.db"), [](double) {}));
    auto copy = must(sqlite::open_sqlite_store(fixture.folder.file("copy.db"), OpenMode::existing, fixture.clock, {}));
    for (Store* store : {fixture.store.get(), copy.get()}) {
        auto reader = must(store->reader());
        const std::vector<Approval> approvals = must(reader->approvals());
        REQUIRE(approvals.size() == 2);
        CHECK(approvals[0] == Approval{"example.org", "sendgrid", ApprovedBy::spf, true, 7});
        CHECK(approvals[1].since == fixture.clock.time);
        CHECK(must(reader->judged_by()) == key);
    }
    CHECK_FALSE(must(fixture.writer->revoke("example.com", "ses")));
    CHECK(must(fixture.writer->revoke("example.org", "ses")));
    CHECK(must(fixture.reader->approvals()).size() == 1);
}
