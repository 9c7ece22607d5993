#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

Row numbered(int i) {
    Row row;
    row.ip = i % 3 == 0 ? "" : i % 3 == 1 ? "198.51.100." + std::to_string(i % 250) : "2001:db8::" + std::to_string(i);
    row.detail = std::string(static_cast<std::size_t>(i % 400), 'd');
    row.reasons = i % 5 == 0 ? "forwarded\tcomment\n" : "";
    row.count = i % 7 == 0 ? std::nullopt : std::optional<std::int64_t>(i - 50);
    row.disposition = i % 4 == 0 ? std::nullopt : std::optional(static_cast<Disposition>(i % 4));
    row.evaluated_dkim = i % 2 == 0 ? std::nullopt : std::optional(DmarcResult::fail);
    row.alignment = {i % 2 == 0, i % 3 == 0, static_cast<Judgement>(i % 4)};
    return row;
}

void check_rows(const RowSpool& spool, int rows) {
    int i = 0;
    must(spool.for_each([&](const RowView& row) -> Result<void> {
        const Row expected = numbered(i++);
        const RowView view = expected.view();
        REQUIRE(row.stream.key == view.stream.key);
        REQUIRE(row.stream.ip == view.stream.ip);
        REQUIRE(row.stream.dkim == expected.dkim);
        REQUIRE(row.stream.spf_result == expected.spf_result);
        REQUIRE(row.stream.alignment.dkim == expected.alignment.dkim);
        REQUIRE(row.stream.alignment.spf == expected.alignment.spf);
        REQUIRE(row.stream.alignment.judgement == expected.alignment.judgement);
        REQUIRE(row.count == expected.count);
        REQUIRE(row.disposition == expected.disposition);
        REQUIRE(row.evaluated_dkim == expected.evaluated_dkim);
        REQUIRE(row.evaluated_spf == expected.evaluated_spf);
        REQUIRE(row.reasons == expected.reasons);
        REQUIRE(row.detail == expected.detail);
        return {};
    }));
    CHECK(i == rows);
}

}  // namespace

TEST_CASE("a spool gives back its rows, also those that went to a file") {
    const std::size_t memory = GENERATE(std::size_t{0}, std::size_t{1000}, std::size_t{100'000}, RowSpool::kMemoryBytes);
    CAPTURE(memory);
    RowSpool spool(memory);
    for (int i = 0; i < 5000; ++i) must(spool.append(numbered(i).view()));
    CHECK(spool.rows() == 5000);
    if (memory < 200'000) CHECK(spool.memory() < 400'000);
    check_rows(spool, 5000);
    const RowSpool moved = std::move(spool);
    check_rows(moved, 5000);
}

TEST_CASE("a spool stops at the first error of its reader") {
    RowSpool spool(100);
    for (int i = 0; i < 10; ++i) must(spool.append(numbered(i).view()));
    int seen = 0;
    const auto result = spool.for_each([&](const RowView&) -> Result<void> {
        if (++seen == 3)
            return std::unexpected(Error{ErrorCode::internal, Stage::store, Persistence::permanent, "", "enough", ""});
        return {};
    });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().message == "enough");
    CHECK(seen == 3);
}

TEST_CASE("the canonical hash is of the rows, whatever their order") {
    const auto hash_of = [](const std::vector<Row>& rows) {
        RowSpool spool(100);
        for (const Row& row : rows) must(spool.append(row.view()));
        return spool.canonical_hash();
    };
    const Row a = numbered(1), b = numbered(2);
    CHECK(hash_of({}) != hash_of({a}));
    CHECK(hash_of({a}) != hash_of({b}));
    CHECK(hash_of({a}) != hash_of({a, a}));
    CHECK(hash_of({a, a}) != hash_of({a, b}));
    CHECK(hash_of({a, b}) == hash_of({b, a}));
    // alignment is ours to judge, not the report's
    RowView judged = a.view();
    judged.stream.alignment = {true, true, Judgement::pass};
    REQUIRE(judged.stream.alignment != a.alignment);
    RowSpool spool;
    must(spool.append(judged));
    CHECK(spool.canonical_hash() == hash_of({a}));
    const auto differs = [&](auto change) {
        Row other = a;
        change(other);
        return hash_of({other}) != hash_of({a});
    };
    CHECK(differs([](Row& row) { row.count = 17; }));
    CHECK(differs([](Row& row) { row.count = std::nullopt; }));
    CHECK(differs([](Row& row) { row.disposition = std::nullopt; }));
    CHECK(differs([](Row& row) { row.disposition = Disposition::pass; }));
    CHECK(differs([](Row& row) { row.evaluated_dkim = DmarcResult::pass; }));
    CHECK(differs([](Row& row) { row.evaluated_spf = std::nullopt; }));
    CHECK(differs([](Row& row) { row.reasons = "other\t\n"; }));
    CHECK(differs([](Row& row) { row.envelope_to = "x.example"; }));
    CHECK(differs([](Row& row) { row.detail = "{}"; }));
    CHECK(differs([](Row& row) { row.ip = "192.0.2.200"; }));
    // what is in one text is not in its neighbour
    Row left = a, right = a;
    left.reasons = "xy";
    left.envelope_to = "z";
    right.reasons = "x";
    right.envelope_to = "yz";
    CHECK(hash_of({left}) != hash_of({right}));
}
