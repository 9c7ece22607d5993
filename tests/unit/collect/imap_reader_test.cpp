#include "collect/imap/reader.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "collect/imap/fetched.hpp"

using namespace whosent;
using namespace whosent::collect::imap;

namespace {

constexpr std::size_t kLiteralBytes = 1000;

std::string show(const Value& value) {
    switch (value.kind) {
        case Value::Kind::nil: return "NIL";
        case Value::Kind::atom: return value.text;
        case Value::Kind::string: return "'" + value.text + "'";
        case Value::Kind::too_large: return fmt::format("<{} bytes>", value.size);
        case Value::Kind::list: break;
    }
    std::string text = "(";
    for (const Value& item : value.list) text += (text.size() > 1 ? " " : "") + show(item);
    return text + ")";
}

std::string show(const Response& response) {
    static constexpr std::string_view kStatus[] = {"", "OK", "NO", "BAD", "BYE", "PREAUTH"};
    std::string text = response.kind == Response::Kind::tagged ? response.tag : response.kind == Response::Kind::untagged ? "*" : "+";
    if (response.number) text += fmt::format(" {}", *response.number);
    if (!response.name.empty()) text += " " + response.name;
    if (response.status != Response::Status::none) text += fmt::format(" {}", kStatus[static_cast<int>(response.status)]);
    for (const Value& value : response.values) text += " " + show(value);
    if (!response.code.empty()) text += " [" + response.code;
    for (const Value& value : response.code_values) text += " " + show(value);
    if (!response.code.empty()) text += "]";
    if (!response.text.empty()) text += " " + response.text;
    return text;
}

// One line a response, "error: …" at the end where there is one, "…" where more is needed.
std::string read(std::string_view bytes, std::size_t step = SIZE_MAX) {
    ResponseReader reader(kLiteralBytes);
    std::string out;
    while (!bytes.empty()) {
        std::string_view part = bytes.substr(0, step);
        bytes.remove_prefix(part.size());
        for (;;) {
            const auto response = reader.next(part);
            if (!response) return out + "error: " + std::string(error_code_name(response.error().code)) + "\n";
            if (!*response) break;
            out += show(**response) + "\n";
        }
    }
    return reader.at_start() ? out : out + "…\n";
}

struct Row {
    std::string_view name, bytes, read;
};

const Row kRows[] = {
    // bad ones first
    {"a tagged line without a status", "a1 HELLO\r\n", "error: corrupt\n"},
    {"a word alone", "HTTP/1.1\r\n", "error: corrupt\n"},
    {"FETCH without a number", "* FETCH (UID 1)\r\n", "error: corrupt\n"},
    {"FETCH without a list", "* 1 FETCH\r\n", "error: corrupt\n"},
    {"FETCH with two lists", "* 1 FETCH (UID 1) (UID 2)\r\n", "error: corrupt\n"},
    {"a list that does not end", "* 1 FETCH (UID 1\r\n", "error: corrupt\n"},
    {"a list that did not begin", "* 1 FETCH (UID 1))\r\n", "error: corrupt\n"},
    {"a string that does not end", "* 1 FETCH (X \"a b)\r\n", "error: corrupt\n"},
    {"a string that ends in a backslash", "* 1 FETCH (X \"a\\\r\n", "error: corrupt\n"},
    {"a section that does not end", "* 1 FETCH (BODY[ {1}\r\nx)\r\n", "error: corrupt\n"},
    {"a literal that is stuck to an atom", "* 1 FETCH (BODY[]{1}\r\nx)\r\n", "error: corrupt\n"},
    {"two announcements on one line", "* 1 FETCH (X {3} {1}\r\nx)\r\n", "error: corrupt\n"},
    {"an announcement in the middle", "* 1 FETCH (X {3} Y)\r\n", "error: corrupt\n"},
    {"a literal larger than any", "* 1 FETCH (X {4294967296}\r\n", "error: limit\n"},
    {"a literal of a number that is none", "* 1 FETCH (X {99999999999999999999999}\r\n", "error: limit\n"},
    {"cut in a literal", "* 1 FETCH (BODY[] {5}\r\nab", "…\n"},
    {"cut behind a literal", "* 1 FETCH (BODY[] {2}\r\nab", "…\n"},
    {"cut in a line", "* OK hel", "…\n"},
    // what real servers send
    {"greeting", "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready.\r\n", "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready.\n"},
    {"a greeting without text", "* OK\r\n", "* OK\n"},
    {"PREAUTH", "* preauth hi\r\n", "* PREAUTH hi\n"},
    {"a bare line feed, any case, spaces", "*   ok   hi there  \n", "* OK hi there\n"},
    {"empty lines", "\r\n\r\n* OK a\r\n \r\n", "* OK a\n"},
    {"tagged", "a1 OK [READ-WRITE] done\r\na2 NO [TRYCREATE] no such folder\r\na3 bad\r\n", "a1 OK [READ-WRITE] done\na2 NO [TRYCREATE] no such folder\na3 BAD\n"},
    {"continuation", "+ idling\r\n+\r\n+ eyJzdGF0dXMiOiI0MDAifQ==\r\n", "+ idling\n+\n+ eyJzdGF0dXMiOiI0MDAifQ==\n"},
    {"codes with values", "* OK [UIDVALIDITY 3857529045] x\r\n* OK [PERMANENTFLAGS (\\Seen \\*)]\r\n", "* OK [UIDVALIDITY 3857529045] x\n* OK [PERMANENTFLAGS (\\Seen \\*)]\n"},
    {"a code that cannot be read is only a code", "* OK [WHAT (a] x\r\n", "* OK [WHAT] x\n"},
    {"a code with brackets in quotes", "* OK [BADCHARSET \"a]b\"] x\r\n", "* OK [BADCHARSET 'a]b'] x\n"},
    {"a bracket that does not end is text", "* NO [ALERT oops\r\n", "* NO [ALERT oops\n"},
    {"text that looks like a literal", "* OK see {5}\r\na1 NO {3}\r\n+ {7}\r\n", "* OK see {5}\na1 NO {3}\n+ {7}\n"},
    {"numbers", "* 18 EXISTS\r\n* 0 RECENT\r\n* 4 expunge\r\n", "* 18 EXISTS\n* 0 RECENT\n* 4 EXPUNGE\n"},
    {"unknown names are passed over", "* XAPPLEPUSH (\"a\" \r\n* LIST (\\X) \"/\" {3}\r\na)b\r\n* VANISHED 1:5\r\n", "* XAPPLEPUSH\n* LIST\n* VANISHED\n"},
    {"a body", "* 12 FETCH (UID 7 BODY[] {6}\r\na\r\nb)\n)\r\n", "* 12 FETCH (UID 7 BODY[] 'a\r\nb)\n')\n"},
    {"a body that holds a tag", "* 1 FETCH (BODY[] {11}\r\n\r\na1 OK x\r\n)\r\n", "* 1 FETCH (BODY[] '\r\na1 OK x\r\n')\n"},
    {"a body without bytes", "* 1 FETCH (BODY[] {0}\r\n UID 3)\r\n", "* 1 FETCH (BODY[] '' UID 3)\n"},
    {"literal8 and a plus", "* 1 FETCH (BINARY[] ~{2}\r\nab X {1+}\r\nc)\r\n", "* 1 FETCH (BINARY[] 'ab' X 'c')\n"},
    {"quoted and NIL", "* 1 FETCH (A \"q \\\"\\\\ x\" B nil C ())\r\n", "* 1 FETCH (A 'q \"\\ x' B NIL C ())\n"},
    {"a section with a list and origin", "* 1 FETCH (BODY[HEADER.FIELDS (\"FROM\" DATE)]<0> \"x\" FLAGS (\\Seen $a))\r\n", "* 1 FETCH (BODY[HEADER.FIELDS (\"FROM\" DATE)]<0> 'x' FLAGS (\\Seen $a))\n"},
    {"no space before a list", "* 1 FETCH(UID 2)\r\n* 2 FETCH (UID 3 )\r\n", "* 1 FETCH (UID 2)\n* 2 FETCH (UID 3)\n"},
};

}  // namespace

TEST_CASE("responses are taken apart") {
    for (const Row& row : kRows) {
        INFO(row.name);
        CHECK(read(row.bytes) == row.read);
    }
}

TEST_CASE("responses are the same however the bytes arrive") {
    std::string all;
    for (const Row& row : kRows)
        if (row.read.find("error") == std::string_view::npos && row.read.find("…") == std::string_view::npos) all += row.bytes;
    const std::string whole = read(all);
    REQUIRE(whole.find("error") == std::string::npos);
    for (std::size_t step = 1; step < 40; ++step) {
        INFO("in steps of " << step);
        CHECK(read(all, step) == whole);
    }
    for (const Row& row : kRows) {
        INFO(row.name);
        CHECK(read(row.bytes, 1) == row.read);
    }
}

TEST_CASE("a literal over the limit is skipped by count") {
    const std::string large(kLiteralBytes + 1, 'x');
    CHECK(read(fmt::format("* 1 FETCH (BODY[] {{{}}}\r\n{} UID 4)\r\na1 OK\r\n", large.size(), large)) == "* 1 FETCH (BODY[] <1001 bytes> UID 4)\na1 OK\n");
    SECTION("also when it is the second of one response") {
        const std::string half(kLiteralBytes / 2 + 1, 'y');
        const std::string bytes = fmt::format("* 1 FETCH (A {{{0}}}\r\n{1} B {{{0}}}\r\n{1})\r\n", half.size(), half);
        CHECK(read(bytes, 7) == "* 1 FETCH (A '" + half + "' B <501 bytes>)\n");
    }
    SECTION("its bytes may look like anything") {
        std::string tags;
        while (tags.size() <= kLiteralBytes) tags += "\r\na1 OK done {5}\r\n";
        CHECK(read(fmt::format("* 1 FETCH (BODY[] {{{}}}\r\n{})\r\na1 NO\r\n", tags.size(), tags), 13) == fmt::format("* 1 FETCH (BODY[] <{} bytes>)\na1 NO\n", tags.size()));
    }
}

TEST_CASE("lines and lists are bounded") {
    CHECK(read("* OK " + std::string(kMaxLine, 'x') + "\r\n") == "error: limit\n");
    CHECK(read("* OK " + std::string(kMaxLine, 'x'), 100) == "error: limit\n");
    CHECK(read("* 1 FETCH " + std::string(200, '(') + std::string(200, ')') + "\r\n") == "error: limit\n");
    CHECK(read("* 1 FETCH " + std::string(50, '(') + std::string(50, ')') + "\r\n").starts_with("* 1 FETCH (((("));
    // Many small literals on one long line
    std::string many = "* 1 FETCH (";
    for (int i = 0; i < 30'000; ++i) many += "{0}\r\n ";
    CHECK(read(many + ")\r\n") == "error: limit\n");
}

TEST_CASE("what a FETCH tells of a message") {
    const auto fetched = [](std::string_view bytes) {
        ResponseReader reader(kLiteralBytes);
        auto response = reader.next(bytes);
        REQUIRE(response);
        REQUIRE(*response);
        return read_fetched(std::move(**response));
    };
    SECTION("nothing that could be used") {
        const Fetched none = fetched("* 1 FETCH (UID 0 RFC822.SIZE -1 INTERNALDATE \"yesterday\" BODY[] NIL FLAGS)\r\n");
        CHECK_FALSE(none.uid);
        CHECK_FALSE(none.size);
        CHECK_FALSE(none.internal_date);
        CHECK_FALSE(none.body);
        CHECK_FALSE(none.too_large);
        CHECK_FALSE(fetched("* 1 FETCH (UID 4294967296)\r\n").uid);
        CHECK_FALSE(fetched("* 1 FETCH (BODY[TEXT] \"x\" (UID) 5)\r\n").body);
    }
    SECTION("in any order and case") {
        const Fetched all = fetched("* 1 FETCH (body[] {1}\r\nx FLAGS (\\Seen) internaldate \" 7-Feb-1994 22:43:04 -0800\" rfc822.size 17 Uid 4294967295)\r\n");
        CHECK(all.uid == 4294967295U);
        CHECK(all.size == 17U);
        CHECK(all.internal_date == 760'689'784);
        CHECK(all.body == "x");
    }
    SECTION("an origin, other names") {
        CHECK(fetched("* 1 FETCH (BODY[]<0> \"x\")\r\n").body == "x");
        CHECK(fetched("* 1 FETCH (RFC822 \"\")\r\n").body == "");
        CHECK(fetched("* 1 FETCH (BODY[] {1001}\r\n" + std::string(1001, 'x') + ")\r\n").too_large == 1001U);
    }
}

TEST_CASE("internal dates") {
    for (const char* bad : {"", "7-Feb-1994", "30-Feb-1994 00:00:00 +0000", "07-Fbe-1994 22:43:04 -0800", "07-Feb-94 22:43:04 -0800", "07-Feb-1994 24:43:04 -0800", "07-Feb-1994 22:43:04",
                            "07-Feb-1994 22:43:04 0800", "07-Feb-1994 22:43:04 +08", "07-Feb-1994 22:43:04 +0800 x", "07-Feb-1994 22:43:04 +0860"})
        CHECK_FALSE(parse_internal_date(bad));
    CHECK(parse_internal_date("01-Jan-1970 00:00:00 +0000") == 0);
    CHECK(parse_internal_date("22-Nov-2026 01:30:00 +0130") == 1'795'305'600);
}
