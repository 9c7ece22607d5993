// gzip, zlib and zip, whole, damaged and nested.
#include "builders.hpp"
#include "catch.hpp"

using namespace whosent;
using namespace whosent::unpack::test;

TEST_CASE("damaged compressed streams give what can be read, then the error") {
    const auto whole = report(3000);
    struct Row {
        const char* what;
        std::string bytes;
        ErrorCode code;
    };
    std::vector<Row> rows;
    const auto packed = gzip(whole);
    rows.push_back({"gzip cut", packed.substr(0, packed.size() / 2), ErrorCode::truncated});
    rows.push_back({"gzip without trailer", packed.substr(0, packed.size() - 8), ErrorCode::truncated});
    auto flipped = packed;
    flipped[flipped.size() - 6] ^= 1;
    rows.push_back({"gzip with a wrong checksum", flipped, ErrorCode::corrupt});
    flipped = packed;
    flipped[packed.size() / 2] ^= 0x55;
    rows.push_back({"gzip with damaged data", flipped, ErrorCode::corrupt});
    const auto zlib = zlib_stream(whole);
    rows.push_back({"zlib cut", zlib.substr(0, zlib.size() / 2), ErrorCode::truncated});
    rows.push_back({"zip with a wrong checksum", zip({{.name = "a.xml", .bytes = whole, .crc = 1}}), ErrorCode::corrupt});
    rows.push_back({"stored in a zip with a wrong checksum", zip({{.name = "a.xml", .bytes = whole, .stored = true, .crc = 1}}),
                    ErrorCode::corrupt});
    const auto archive = zip({{"a.xml", whole}});
    rows.push_back({"zip cut", archive.substr(0, archive.size() / 2), ErrorCode::truncated});
    const auto stored = zip({{.name = "a.xml", .bytes = whole, .stored = true}});
    rows.push_back({"stored in a zip that is cut", stored.substr(0, stored.size() / 2), ErrorCode::truncated});
    for (const auto& row : rows) {
        INFO(row.what);
        const auto seen = open_up(row.bytes);
        REQUIRE(seen.payloads.size() == 1);
        CHECK(seen.payloads[0].bytes.size() > 1000);
        REQUIRE(seen.payloads[0].error);
        CHECK(seen.payloads[0].error->code == row.code);
        CHECK(seen.payloads[0].packed == row.bytes);
        CHECK(seen.taken);
        if (row.what != std::string("gzip with damaged data")) CHECK(whole.starts_with(seen.payloads[0].bytes));
    }
}

TEST_CASE("compressed streams that give nothing are failures") {
    struct Row {
        const char* what;
        std::string bytes;
        ErrorCode code;
    };
    const auto row =
        GENERATE(Row{"gzip header only", gzip("x").substr(0, 10), ErrorCode::truncated},
                 Row{"gzip of one byte less", gzip("x").substr(0, 3), ErrorCode::truncated},
                 Row{"unknown gzip method", "\x1f\x8b\x09" + gzip("x").substr(3), ErrorCode::corrupt},
                 Row{"unknown zip method", zip({{.name = "a.xml", .bytes = report(), .method = 12}}), ErrorCode::unsupported},
                 Row{"encrypted zip", zip({{.name = "a.xml", .bytes = report(), .flags = 1}}), ErrorCode::unsupported},
                 Row{"zip signature only", "PK\3\4", ErrorCode::corrupt},
                 Row{"zip cut within a name", zip({{"a.xml", "x"}}).substr(0, 32), ErrorCode::truncated});
    INFO(row.what);
    const auto seen = open_up(row.bytes);
    CHECK(seen.payloads.empty());
    REQUIRE(seen.result.failures.size() == 1);
    CHECK(seen.result.failures[0].code == row.code);
    CHECK(seen.result.failures[0].stage == Stage::unpack);
    CHECK_FALSE(seen.result.failures[0].message.empty());
}

TEST_CASE("streams with something after them") {
    for (const auto& junk : {std::string("\r\n\r\n"), std::string(512, '\0')}) {
        const auto seen = open_up(gzip(report()) + junk);
        REQUIRE(seen.payloads.size() == 1);
        CHECK(seen.payloads[0].bytes == report());
        CHECK(seen.result.diagnostics.empty());
    }
    for (const auto* junk : {"junk after it", "\x1f\x8b junk"}) {
        const auto seen = open_up(gzip(report()) + junk);
        REQUIRE(seen.payloads.size() == 1);
        CHECK(seen.payloads[0].bytes == report());
        CHECK_FALSE(seen.payloads[0].error);
        CHECK(seen.has_diagnostic("gzip.trailing"));
    }
}

TEST_CASE("a gzip file of several members is one document") {
    const auto whole = report(500);
    const auto seen =
        open_up(gzip(whole.substr(0, 1000)) + gzip("") + gzip(whole.substr(1000, 20000)) + gzip(whole.substr(21000)));
    REQUIRE(seen.payloads.size() == 1);
    CHECK(seen.payloads[0].bytes == whole);
    CHECK_FALSE(seen.payloads[0].error);
}

TEST_CASE("archives that libzip refuses are read by their local headers") {
    const auto whole = zip({{"a.xml", report(3, "a.example")}, {"b.xml", report(3, "b.example")}});
    const auto with_descriptors = zip({{.name = "a.xml", .bytes = report(3, "a.example"), .descriptor = true},
                                       {.name = "b.xml", .bytes = report(3, "b.example"), .descriptor = true}});
    struct Row {
        const char* what;
        std::string bytes;
    };
    auto bad_directory = whole;
    bad_directory[bad_directory.rfind("PK\1\2") + 1] = 'X';
    auto bad_local = whole;
    bad_local[1] = 'X';
    const std::vector<Row> rows = {
        {"no directory", whole.substr(0, whole.find("PK\1\2"))},
        {"end record cut off", whole.substr(0, whole.size() - 20)},
        {"no directory, descriptors", with_descriptors.substr(0, with_descriptors.find("PK\1\2"))},
        {"damaged directory entry", bad_directory},
        {"offsets beyond the end",
         zip({{"a.xml", report(3, "a.example")}, {"b.xml", report(3, "b.example")}}, {.offset = 100'000})},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        const auto seen = open_up(row.bytes);
        REQUIRE(seen.payloads.size() == 2);
        CHECK(seen.payloads[0].bytes == report(3, "a.example"));
        CHECK(seen.payloads[1].bytes == report(3, "b.example"));
        CHECK(seen.payloads[1].name == "b.xml");
        CHECK(seen.has_diagnostic("zip.salvaged"));
        CHECK(seen.result.failures.empty());
    }
    SECTION("junk before it") {
        const auto seen = open_up("#!/bin/sh\nexit 0\n" + whole);
        REQUIRE(seen.payloads.size() == 2);
        CHECK(seen.payloads[0].bytes == report(3, "a.example"));
        CHECK(seen.has_diagnostic("archive.prefixed"));
    }
}

TEST_CASE("sizes that an archive claims are not trusted") {
    const auto row = GENERATE(std::uint32_t{0}, std::uint32_t{1}, std::uint32_t{0x7fff'ffff}, std::uint32_t{0xffff'fffe});
    const auto seen = open_up(zip({{.name = "a.xml", .bytes = report(), .size = row}}));
    REQUIRE(seen.payloads.size() == 1);
    CHECK(seen.payloads[0].bytes == report());
    CHECK(seen.taken);
}

TEST_CASE("containers within containers") {
    struct Row {
        const char* what;
        std::string bytes;
        std::vector<std::string> containers;
    };
    const auto row = GENERATE(Row{"gzip in zip", zip({{"a.xml.gz", gzip(report())}}), {"zip", "member \"a.xml.gz\"", "gzip"}},
                              Row{"gzip in gzip", gzip(gzip(report())), {"gzip", "gzip"}},
                              Row{"zip in zip",
                                  zip({{.name = "b.zip", .bytes = zip({{"a.xml", report()}}), .stored = true}}),
                                  {"zip", "member \"b.zip\"", "zip", "member \"a.xml\""}},
                              Row{"zip in gzip", gzip(zip({{"a.xml", report()}})), {"gzip", "zip", "member \"a.xml\""}},
                              Row{"zlib in gzip", gzip(zlib_stream(report())), {"gzip", "zlib"}});
    INFO(row.what);
    const auto seen = open_up(row.bytes, "x.bin");
    REQUIRE(seen.payloads.size() == 1);
    CHECK(seen.payloads[0].bytes == report());
    CHECK(seen.payloads[0].containers == row.containers);
    CHECK(seen.payloads[0].packed == row.bytes);
    CHECK(seen.result.bytes_unpacked == report().size());
    CHECK(seen.result.mark.empty());
    CHECK(seen.result.failures.empty());
}

TEST_CASE("bare documents") {
    for (const auto& bytes : {report(), "\xef\xbb\xbf" + report(), " \r\n" + report(), "junk " + report(),
                              report().substr(report().find("<feedback")), "\xff\xfe" + utf16_le(report()), utf16_le(report())}) {
        const auto seen = open_up(bytes, "x");
        REQUIRE(seen.payloads.size() == 1);
        CHECK(seen.payloads[0].kind == PayloadKind::xml);
        CHECK(seen.payloads[0].bytes == bytes);
        CHECK(seen.payloads[0].packed == bytes);
        CHECK(seen.payloads[0].chunks == 1);
        CHECK_FALSE(seen.result.is_message);
    }
    const auto declaration_lost = open_up("?xml version=1.0?>\n" + report().substr(50));
    REQUIRE(declaration_lost.payloads.size() == 1);
    CHECK(declaration_lost.payloads[0].kind == PayloadKind::text);
    const auto json = open_up(R"({"organization-name":"x","policies":[]})");
    REQUIRE(json.payloads.size() == 1);
    CHECK(json.payloads[0].kind == PayloadKind::json);
    CHECK_FALSE(json.taken);
}

TEST_CASE("small documents come as one chunk, large ones in several") {
    CHECK(open_up(gzip(report(100))).payloads.at(0).chunks == 1);
    CHECK(open_up(zlib_stream(report(100))).payloads.at(0).chunks == 1);
    CHECK(open_up(zip({{"a.xml", report(100)}})).payloads.at(0).chunks == 1);
    const auto large = report(30'000);
    REQUIRE(large.size() > 8 * kMiB);
    for (const auto& bytes : {gzip(large), zlib_stream(large), zip({{"a.xml", large}}), large}) {
        const auto seen = open_up(bytes);
        REQUIRE(seen.payloads.size() == 1);
        CHECK(seen.payloads[0].chunks > 10);
        CHECK(seen.payloads[0].bytes == large);
        CHECK(seen.payloads[0].last);
    }
}

TEST_CASE("what is kept can be expanded again, within its limit") {
    const auto bytes = report(100) + noise(1000);
    const auto kept = unpack::compress_for_keeping(bytes);
    CHECK(kept.size() < bytes.size() / 2);
    const auto refused = unpack::expand_kept(kept, bytes.size() - 1);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::limit);
    CHECK_FALSE(unpack::expand_kept(kept.substr(0, kept.size() / 2), 1 << 20));
    CHECK_FALSE(unpack::expand_kept("no gzip", 1 << 20));
    const auto expanded = unpack::expand_kept(kept, bytes.size());
    REQUIRE(expanded);
    CHECK(*expanded == bytes);
    CHECK(unpack::expand_kept(unpack::compress_for_keeping(""), 0).value_or("x").empty());
}
