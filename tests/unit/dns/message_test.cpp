#include "dns/message.hpp"

#include "catch.hpp"
#include "message_writer.hpp"

using namespace whosent;
using namespace whosent::dns;
using namespace message_writer;

namespace {

struct Read {
    Answer answer;
    std::string next;
};
Read read(const std::string& bytes, std::string_view asked = "example.org", Type type = Type::txt) {
    Read out;
    out.answer.question = {std::string(asked), type};
    out.answer.ttl = kMaxTtl;
    out.next = read_reply(span_of(bytes), wire_name(asked), out.answer);
    return out;
}
Message message(Type type = Type::txt, std::string_view question = "example.org") {
    Message out;
    out.question = name(question);
    out.type = static_cast<unsigned>(type);
    return out;
}

}  // namespace

TEST_CASE("a reply that cannot be read is a failure that says so") {
    struct Row {
        const char* what;
        std::string bytes;
        const char* problem;
    };
    const auto with = [](auto change, Type type = Type::txt) {
        Message out = message(type);
        change(out);
        return out.bytes();
    };
    std::string half = with([](Message& m) { m.answers = {txt("example.org", {"text"})}; });
    half.resize(half.size() - 2);
    const std::vector<Row> rows = {
        {"nothing", "", "cannot be read"},
        {"half a header", std::string(11, '\0'), "cannot be read"},
        {"a query", with([](Message& m) { m.flags = 0x0100; }), "no answer to a query"},
        {"another operation", with([](Message& m) { m.flags = 0xA180; }), "no answer to a query"},
        {"FORMERR", with([](Message& m) { m.flags = 0x8181; }), "FORMERR"},
        {"SERVFAIL", with([](Message& m) { m.flags = 0x8182; }), "SERVFAIL"},
        {"NOTIMP", with([](Message& m) { m.flags = 0x8184; }), "NOTIMP"},
        {"REFUSED", with([](Message& m) { m.flags = 0x8185; }), "REFUSED"},
        {"a code without words", with([](Message& m) { m.flags = 0x818B; }), "code 11"},
        {"cut off", with([](Message& m) { m.flags = 0x8380; }), "cut off"},
        {"no question", with([](Message& m) { m.question.clear(); }), "another question"},
        {"another name", with([](Message& m) { m.question = name("example.net"); }), "another question"},
        {"another type", with([](Message& m) { m.type = 1; }), "another question"},
        {"half a record", half, "damaged answer section"},
        {"records that are not there", with([](Message& m) { m.more_answers = 3; }), "damaged answer section"},
        {"a pointer to itself", with([](Message& m) { m.answers = {{pointer(12 + 13 + 4), 16, 300, ""}}; }), "damaged answer section"},
        {"a pointer ahead", with([](Message& m) { m.answers = {{pointer(200), 16, 300, ""}}; }), "damaged answer section"},
        {"a pointer into the header", with([](Message& m) { m.answers = {{pointer(4), 16, 300, ""}}; }), "damaged answer section"},
        {"a label and a pointer back to it", with([](Message& m) { m.answers = {{"\x01" "a" + pointer(12 + 13 + 4), 16, 300, ""}}; }), "damaged answer section"},
        {"a label of an unknown kind", with([](Message& m) { m.answers = {{std::string("\x41" "a\0", 3), 16, 300, ""}}; }), "damaged answer section"},
        {"a name too long", with([](Message& m) { m.answers = {{std::string(200, '\x01') + std::string(60, '\x01') + std::string(1, '\0'), 16, 300, ""}}; }), "damaged answer section"},
        {"a string beyond its record", with([](Message& m) { m.answers = {{name("example.org"), 16, 300, "\x05" "abc"}, txt("example.org", {"more"})}; }), "damaged record"},
        {"an address of 5 bytes", with([](Message& m) { m.answers = {{name("example.org"), 1, 300, "12345"}}; }, Type::a), "damaged record"},
        {"an address of 4 bytes for 16", with([](Message& m) { m.answers = {{name("example.org"), 28, 300, "1234"}}; }, Type::aaaa), "damaged record"},
        {"MX of one byte", with([](Message& m) { m.answers = {{name("example.org"), 15, 300, "1"}}; }, Type::mx), "damaged record"},
        {"a name beyond its record", with([](Message& m) { m.answers = {{name("example.org"), 12, 300, "\x07" "exam"}, ptr("example.org", "a.example")}; }, Type::ptr), "damaged record"},
        {"a damaged CNAME", with([](Message& m) { m.answers = {{name("example.org"), 5, 300, "\x07"}}; }), "damaged CNAME"},
        {"two CNAMEs", with([](Message& m) { m.answers = {cname("example.org", "a.example"), cname("example.org", "b.example")}; }), "two CNAME"},
        {"a circle of one", with([](Message& m) { m.answers = {cname("example.org", "EXAMPLE.org")}; }), "circle"},
        {"a circle of three", with([](Message& m) { m.answers = {cname("example.org", "a.example"), cname("a.example", "b.example"), cname("b.example", "a.example")}; }), "circle"},
        {"a damaged SOA", with([](Message& m) { m.authority = {{name("example.org"), 6, 300, "x"}}; }), "damaged authority"},
        {"a referral", with([](Message& m) { m.authority = {ns("org", "ns.example")}; }), "refers to others"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const Read got = read(row.bytes, "example.org", row.bytes.size() > 26 ? static_cast<Type>(row.bytes[26]) : Type::txt);
        if (std::string_view(row.what) == "another type") continue;
        CHECK(got.answer.status == Status::failed);
        CHECK(got.answer.problem.find(row.problem) != std::string::npos);
        CAPTURE(got.answer.problem);
        CHECK(got.answer.ttl == kFailureTtl);
        CHECK(got.answer.texts.empty());
        CHECK(got.answer.addresses.empty());
        CHECK(got.next.empty());
    }
    // the type is read from the message above; here it differs
    CHECK(read(with([](Message& m) { m.type = 1; })).answer.problem == "the reply is to another question");
}

TEST_CASE("records of other names and classes are not taken") {
    Message m = message();
    m.answers = {txt("example.net", {"foreign"}), txt("sub.example.org", {"below"}), cname("example.net", "example.org"), txt("example.org", {"own"})};
    m.answers.push_back(txt("example.org", {"chaos"}));
    m.answers.back().record_class = 3;
    const Read got = read(m.bytes());
    CHECK(got.answer.status == Status::found);
    CHECK(got.answer.texts == std::vector<std::string>{"own"});
    CHECK(got.answer.chain.empty());

    // a dot inside of a label is not the dot between two
    Message inside = message(Type::txt, "a.b");
    inside.answers = {{std::string("\x03" "a.b\0", 5), 16, 300, "\x01x"}};
    CHECK(read(inside.bytes(), "a.b").answer.status == Status::no_data);
}

TEST_CASE("records come in an order of their own, each once") {
    SECTION("TXT: the strings of a record are one text, any bytes") {
        Message m = message();
        m.answers = {txt("EXAMPLE.org", {"v=spf1 ", "-all"}), txt("example.org", {std::string("\0\xFF", 2)}), txt("example.org", {"v=spf1 -", "all"}), txt("example.org", {}, 60)};
        const Read got = read(m.bytes());
        CHECK(got.answer.texts == std::vector<std::string>{"", std::string("\0\xFF", 2), "v=spf1 -all"});
        CHECK(got.answer.ttl == 60);
    }
    SECTION("A, by pointers to the question's name") {
        Message m = message(Type::a);
        for (const char* address : {"203.0.113.9", "192.0.2.1", "203.0.113.9"}) {
            m.answers.push_back(a("example.org", address));
            m.answers.back().owner = pointer(12);
        }
        const Read got = read(m.bytes(), "example.org", Type::a);
        CHECK(got.answer.addresses == std::vector<IpAddress>{*IpAddress::parse("192.0.2.1"), *IpAddress::parse("203.0.113.9")});
    }
    SECTION("AAAA") {
        Message m = message(Type::aaaa);
        m.answers = {a("example.org", "2001:db8::1")};
        CHECK(read(m.bytes(), "example.org", Type::aaaa).answer.addresses == std::vector<IpAddress>{*IpAddress::parse("2001:db8::1")});
    }
    SECTION("MX by preference; the root is no host") {
        Message m = message(Type::mx);
        m.answers = {mx("example.org", 1000, "C.example"), mx("example.org", 20, "b.example"), mx("example.org", 20, "a.example"), mx("example.org", 0, "")};
        const Read got = read(m.bytes(), "example.org", Type::mx);
        CHECK(got.answer.status == Status::found);
        CHECK(got.answer.texts == std::vector<std::string>{"a.example", "b.example", "c.example"});
    }
    SECTION("PTR with bytes that no host name has") {
        Message m = message(Type::ptr);
        m.answers = {ptr("example.org", "Mail-1.Example.net"), ptr("example.org", std::string("a b\\\x01.example")), {name("example.org"), 12, 300, std::string("\x0B" "evil.sender\x07" "example\0", 21)}};
        const Read got = read(m.bytes(), "example.org", Type::ptr);
        CHECK(got.answer.texts == std::vector<std::string>{"a\\032b\\092\\001.example", "evil\\046sender.example", "mail-1.example.net"});
    }
}

TEST_CASE("a chain of CNAME records is followed from the question's name, in whatever order it comes") {
    Message m = message();
    m.answers = {txt("c.example", {"end"}, 500), cname("b.example", "c.example", 400), cname("x.example", "y.example", 1), txt("b.example.org", {"foreign"}), cname("example.org", "B.example", 900)};
    const Read got = read(m.bytes());
    CHECK(got.answer.status == Status::found);
    CHECK(got.answer.chain == std::vector<std::string>{"b.example", "c.example"});
    CHECK(got.answer.texts == std::vector<std::string>{"end"});
    CHECK(got.answer.ttl == 400);
    CHECK(got.next.empty());
}

TEST_CASE("a chain that leads to nothing") {
    Message m = message();
    m.answers = {cname("example.org", "gone.example", 30)};
    SECTION("of which the server knows that it is not there") {
        m.flags = 0x8183;
        m.authority = {soa("example", 900, 60)};
        const Read got = read(m.bytes());
        CHECK(got.answer.status == Status::no_name);
        CHECK(got.answer.chain == std::vector<std::string>{"gone.example"});
        CHECK(got.answer.ttl == 30);
        CHECK(got.next.empty());
    }
    SECTION("of which the server knows that it has no such record") {
        m.authority = {soa("example", 900, 10)};
        const Read got = read(m.bytes());
        CHECK(got.answer.status == Status::no_data);
        CHECK(got.answer.ttl == 10);
        CHECK(got.next.empty());
    }
    SECTION("of which the server says nothing: it is to be asked for") {
        const Read got = read(m.bytes());
        CHECK(got.next == name("gone.example"));
        CHECK(got.answer.chain == std::vector<std::string>{"gone.example"});
    }
}

TEST_CASE("a chain has 16 records at most, over several replies too") {
    const auto chained = [](int from, int count) {
        Message m = message(Type::txt, from == 0 ? "example.org" : "n" + std::to_string(from) + ".example");
        for (int i = from; i < from + count; ++i) {
            m.answers.push_back(cname(i == 0 ? "example.org" : "n" + std::to_string(i) + ".example", "n" + std::to_string(i + 1) + ".example"));
        }
        m.answers.push_back(txt("n" + std::to_string(from + count) + ".example", {"end"}));
        return m;
    };
    CHECK(read(chained(0, 16).bytes()).answer.texts == std::vector<std::string>{"end"});
    const Read longer = read(chained(0, 17).bytes());
    CHECK(longer.answer.status == Status::failed);
    CHECK(longer.answer.problem == "a chain of more than 16 CNAME records");
    CHECK(longer.answer.chain.size() == 16);

    Answer answer;
    answer.question = {"example.org", Type::txt};
    answer.ttl = kMaxTtl;
    Message first = chained(0, 10);
    first.answers.pop_back();
    std::string next = read_reply(span_of(first.bytes()), name("example.org"), answer);
    REQUIRE(next == name("n10.example"));
    Answer again = answer;
    CHECK(read_reply(span_of(chained(10, 6).bytes()), next, again).empty());
    CHECK(again.status == Status::found);
    CHECK(read_reply(span_of(chained(10, 7).bytes()), next, answer).empty());
    CHECK(answer.status == Status::failed);

    // back to the beginning, by a second reply
    Answer round;
    round.question = {"example.org", Type::txt};
    Message back = message(Type::txt, "a.example");
    back.answers = {cname("a.example", "example.org")};
    round.chain = {"a.example"};
    CHECK(read_reply(span_of(back.bytes()), name("a.example"), round).empty());
    CHECK(round.problem == "CNAME records in a circle");
}

TEST_CASE("how long an answer holds") {
    struct Row {
        const char* what;
        unsigned flags;
        std::vector<Record> answers, authority;
        Status status;
        std::uint32_t ttl;
    };
    const std::vector<Row> rows = {
        {"a negative time is none", 0x8180, {txt("example.org", {"x"}, 0x8000'0001)}, {}, Status::found, 0},
        {"a week is a day", 0x8180, {txt("example.org", {"x"}, 604'800)}, {}, Status::found, kMaxTtl},
        {"the least of several", 0x8180, {txt("example.org", {"x"}, 600), txt("example.org", {"y"}, 6)}, {}, Status::found, 6},
        {"NXDOMAIN: the SOA record's minimum", 0x8183, {}, {soa("example.org", 3600, 77)}, Status::no_name, 77},
        {"NXDOMAIN: the SOA record's own time", 0x8183, {}, {soa("example.org", 44, 3600)}, Status::no_name, 44},
        {"NXDOMAIN: three hours at most", 0x8183, {}, {soa("example.org", 86'400, 86'400)}, Status::no_name, kMaxNegativeTtl},
        {"NXDOMAIN without SOA", 0x8183, {}, {}, Status::no_name, kFailureTtl},
        {"no data", 0x8180, {}, {ns("example.org", "ns.example"), soa("example.org", 3600, 55)}, Status::no_data, 55},
        {"no data without SOA", 0x8180, {}, {}, Status::no_data, kFailureTtl},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Message m = message();
        m.flags = row.flags;
        m.answers = row.answers;
        m.authority = row.authority;
        const Read got = read(m.bytes());
        CHECK(got.answer.status == row.status);
        CHECK(got.answer.ttl == row.ttl);
        CHECK(got.answer.problem.empty());
    }
}

TEST_CASE("of thousands of records 512 are kept, and of texts 64 KiB, and the answer says so") {
    Message m = message(Type::a);
    for (int i = 0; i < 4000; ++i) {
        m.answers.push_back({pointer(12), 1, 300, std::string{'\x0A', static_cast<char>(i >> 8), static_cast<char>(i & 0xFF), '\x01'}});
    }
    const Read got = read(m.bytes(), "example.org", Type::a);
    CHECK(got.answer.status == Status::found);
    CHECK(got.answer.addresses.size() == kMaxRecords);
    CHECK(got.answer.problem.find("the rest is left out") != std::string::npos);

    // names that are short in the message and long as text
    Message names = message(Type::ptr);
    std::string odd;
    for (int i = 0; i < 3; ++i) odd += '\x3F' + std::string(63, '\x01');
    names.answers.push_back({pointer(12), 12, 300, odd + std::string(1, '\0')});
    for (int i = 0; i < 300; ++i) {
        const std::string label{static_cast<char>('a' + i % 26), static_cast<char>('a' + i / 26)};
        names.answers.push_back({pointer(12), 12, 300, "\x02" + label + pointer(12 + 13 + 4 + 2 + 10)});
    }
    const Read cut = read(names.bytes(), "example.org", Type::ptr);
    CHECK(cut.answer.status == Status::found);
    std::size_t bytes = 0;
    for (const std::string& text : cut.answer.texts) bytes += text.size();
    CHECK(bytes <= kMaxTextBytes);
    CHECK(bytes > kMaxTextBytes - 1024);
    CHECK_FALSE(cut.answer.problem.empty());
}

TEST_CASE("a name in a question stands for its bytes") {
    CHECK(wire_name("Example.ORG") == std::string("\x07" "example\x03org\0", 13));
    CHECK(wire_name(std::string("a\\b\0c.d", 7)) == std::string("\x05" "a\\b\0c\x01" "d\0", 9));
    CHECK(text_of(wire_name("a_b-1.example")) == "a_b-1.example");
    CHECK(text_of(std::string(1, '\0')) == ".");
    const std::string query = make_query(wire_name("example.org"), Type::mx, 0xABCD);
    CHECK(query == std::string("\xAB\xCD\x01\0\0\x01\0\0\0\0\0\x01", 12) + wire_name("example.org") + u16(15) + u16(1) + std::string("\0\0\x29\x04\xD0\0\0\0\0\0\0", 11));
}
