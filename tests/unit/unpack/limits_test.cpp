// Bombs, at the scale of smaller limits.
#include <fmt/format.h>

#include "builders.hpp"
#include "catch.hpp"

using namespace whosent;
using namespace whosent::unpack::test;

namespace {

bool is_limit(const Seen& seen, std::string_view name) {
    for (const auto& failure : seen.result.failures) {
        if (failure.code == ErrorCode::limit && failure.message.find(name) != std::string::npos) return true;
    }
    return false;
}

std::string nested_multiparts(std::size_t depth) {
    std::string out;
    for (std::size_t i = 0; i < depth; ++i) out += fmt::format("Content-Type: multipart/mixed; boundary=b{}\n\n--b{}\n", i, i);
    return out + "Content-Type: text/xml\n\n" + report();
}

std::string nested_messages(std::size_t depth) {
    std::string out;
    for (std::size_t i = 0; i < depth; ++i) out += "MIME-Version: 1.0\nContent-Type: message/rfc822\n\n";
    return out + "MIME-Version: 1.0\nContent-Type: text/xml\n\n" + report();
}

}  // namespace

TEST_CASE("each limit is a failure that names it, and its bound still passes") {
    Limits limits;
    SECTION("message_bytes") {
        const auto bytes = mail(kPlainSubject, "\r\n" + report());
        limits.message_bytes = bytes.size() - 1;
        CHECK(is_limit(open_up(bytes, "", limits), "message_bytes"));
        limits.message_bytes = bytes.size();
        CHECK(open_up(bytes, "", limits).taken);
    }
    SECTION("message_bytes does not bound a bare document, which goes by in chunks") {
        const std::string document = report() + std::string(3'000'000, ' ');
        limits.message_bytes = 1'000'000;
        const auto seen = open_up(document, "", limits);
        CHECK(seen.taken);
        CHECK(seen.result.bytes_unpacked == document.size());
        limits.payload_bytes = 2'000'000;
        CHECK(is_limit(open_up("<other>" + std::string(3'000'000, ' '), "", limits), "payload_bytes"));
    }
    SECTION("header_bytes") {
        limits.header_bytes = 1000;
        CHECK(is_limit(open_up(mail(kPlainSubject, "X: " + std::string(1000, 'x') + "\r\n\r\n" + report()), "", limits),
                       "header_bytes"));
        const auto part = open_up(
            mail(kPlainSubject, multipart({{"X: " + std::string(1000, 'x'), report()}, {"Content-Type: text/xml", report()}})),
            "", limits);
        CHECK(is_limit(part, "header_bytes"));
        CHECK(part.taken);
    }
    SECTION("mime_parts") {
        limits.mime_parts = 50;
        std::vector<Attachment> parts(49, human_text());
        CHECK(open_up(mail(kPlainSubject, multipart(parts)), "", limits).result.failures.empty());
        parts.push_back({"Content-Type: text/xml", report()});
        const auto seen = open_up(mail(kPlainSubject, multipart(parts)), "", limits);
        CHECK(is_limit(seen, "mime_parts"));
        CHECK_FALSE(seen.taken);
    }
    SECTION("mime_depth") {
        limits.mime_depth = 5;
        CHECK(open_up(mail(kPlainSubject, nested_multiparts(5)), "", limits).taken);
        CHECK(is_limit(open_up(mail(kPlainSubject, nested_multiparts(6)), "", limits), "mime_depth"));
        CHECK(open_up(mail(kPlainSubject, nested_messages(5)), "", limits).taken);
        CHECK(is_limit(open_up(mail(kPlainSubject, nested_messages(6)), "", limits), "mime_depth"));
    }
    SECTION("nesting") {
        std::string bytes = report();
        for (std::size_t i = 0; i < limits.nesting; ++i) bytes = gzip(bytes);
        CHECK(open_up(bytes, "", limits).taken);
        CHECK(is_limit(open_up(gzip(bytes), "", limits), "nesting"));
    }
    SECTION("archive_members") {
        limits.archive_members = 10;
        std::vector<ZipMember> members(10, {"a.xml", report()});
        CHECK(open_up(zip(members), "", limits).result.failures.empty());
        members.push_back({"b.xml", report()});
        const auto seen = open_up(zip(members), "", limits);
        CHECK(seen.payloads.size() == 10);
        CHECK(is_limit(seen, "archive_members"));
        const auto salvaged = open_up(zip(members, {.directory = false}), "", limits);
        CHECK(salvaged.payloads.size() == 10);
        CHECK(is_limit(salvaged, "archive_members"));
    }
}

TEST_CASE("what inflates beyond payload_bytes is given up to there, then the error") {
    const auto whole = report(2000);
    Limits limits;
    const auto bytes = GENERATE_COPY(
        gzip(whole), zlib_stream(whole), zip({{"a.xml", whole}}), gzip(whole.substr(0, 1000)) + gzip(whole.substr(1000)), whole,
        zip({{.name = "a.xml", .bytes = whole, .size = 100}}), zip({{.name = "a.xml", .bytes = whole, .stored = true}}));
    for (const auto limit : {std::size_t{1}, std::size_t{256 * kKiB}, std::size_t{256 * kKiB + 1}, whole.size() - 1}) {
        limits.payload_bytes = limit;
        const auto seen = open_up(bytes, "", limits);
        if (limit > 1) {
            REQUIRE(seen.payloads.size() == 1);
            CHECK(seen.payloads[0].bytes == whole.substr(0, limit));
            REQUIRE(seen.payloads[0].error);
            CHECK(seen.payloads[0].error->code == ErrorCode::limit);
            CHECK(seen.payloads[0].error->message.find("payload_bytes") != std::string::npos);
        } else {
            CHECK((is_limit(seen, "payload_bytes") || seen.payloads.at(0).error));
        }
    }
    limits.payload_bytes = whole.size();
    const auto seen = open_up(bytes, "", limits);
    REQUIRE(seen.payloads.size() == 1);
    CHECK_FALSE(seen.payloads[0].error);
    CHECK(seen.payloads[0].bytes == whole);
}

TEST_CASE("a stream that inflates too well is a bomb once the floor is passed") {
    const auto zeros = std::string(4 * kMiB, ' ');
    Limits limits;
    limits.ratio = 100;
    limits.ratio_floor_bytes = kMiB;
    for (const auto& bomb : {gzip(zeros), zlib_stream(zeros), zip({{"a.xml", zeros}}), gzip("<?xml version=\"1.0\"?>" + zeros),
                             zip({{.name = "a.xml", .bytes = zeros, .size = 10}}), gzip(gzip(zeros))}) {
        const auto seen = open_up(bomb, "", limits);
        CHECK_FALSE(seen.taken);
        CHECK(is_limit(seen, "ratio"));
        CHECK(seen.result.bytes_unpacked < 2 * kMiB);
    }
    limits.ratio_floor_bytes = 5 * kMiB;
    CHECK(open_up(gzip("<?xml version=\"1.0\"?>" + zeros), "", limits).result.failures.empty());
}

TEST_CASE("the same bytes many times over are bounded") {
    // 200 members of a zip in each of 200 members of a zip
    const std::vector<ZipMember> inner(200, {"a.txt", "hello"});
    const std::vector<ZipMember> outer(200, {"b.zip", zip(inner)});
    const auto seen = open_up(zip(outer));
    CHECK(is_limit(seen, "mime_parts"));
    CHECK(seen.result.failures.size() < 100);
}

TEST_CASE("a million parts, 14 MB of headers and 100,000 nested multiparts are refused quickly") {
    std::string parts = mail(kPlainSubject, "Content-Type: multipart/mixed; boundary=b\n\n");
    while (parts.size() < 10'000'000) parts += "--b\n\nx\n";
    CHECK(is_limit(open_up(parts), "mime_parts"));
    std::string headers = "Received: x\n";
    while (headers.size() < 14'000'000) headers += "X-Padding: yes\n";
    CHECK(is_limit(open_up(headers + "\n" + report()), "header_bytes"));
    CHECK(is_limit(open_up(mail(kPlainSubject, nested_multiparts(100'000))), "mime_depth"));
    CHECK(is_limit(open_up(mail(kPlainSubject, nested_messages(100'000))), "mime_depth"));
}
