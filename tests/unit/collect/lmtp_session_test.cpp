#include "collect/lmtp/session.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include "catch.hpp"
#include "whosent/base/limits.hpp"

using namespace whosent;
using namespace whosent::collect::lmtp;

namespace {

const std::map<std::string, std::string> kRecipients = {{"dmarc@example.com", "aggregate"}, {"tls@example.com", "tls"}, {"@reports.example.com", "any"}};

Rules make_rules(std::size_t message_bytes = 1000, std::size_t budget = 1 * kMiB) {
    return {"mx.example.com", Recipients(kRecipients), message_bytes, std::make_shared<Budget>(budget)};
}

struct Heard {
    std::string replies;
    std::vector<std::string> messages;
    std::vector<std::size_t> recipients;
    bool ended = false, receiving = false;
};

// Gives the input in the pieces that `next` chooses, and answers each message with `answer`.
template <class Next>
Heard listen(const Rules& rules, std::string_view input, Next&& next, std::string_view answer = "250 2.0.0 Stored") {
    Session session(rules);
    Heard heard;
    while (!input.empty() && !session.ended()) {
        std::string_view piece = input.substr(0, std::max<std::size_t>(1, next(input.size())));
        input.remove_prefix(piece.size());
        while (!piece.empty() && !session.ended()) {
            const std::size_t taken = session.take(piece);
            piece.remove_prefix(taken);
            if (session.message()) {
                heard.messages.emplace_back(session.message()->body->bytes());
                heard.recipients.push_back(session.message()->recipients);
                session.answer(answer);
            } else if (taken == 0) {
                break;
            }
        }
        heard.replies += std::exchange(session.replies, {});
    }
    heard.ended = session.ended();
    heard.receiving = session.receiving();
    return heard;
}
Heard listen(const Rules& rules, std::string_view input) {
    return listen(rules, input, [](std::size_t all) { return all; });
}

// The codes, "250 2.1.0" or "354"; lines of one reply are one.
std::string codes(std::string_view replies) {
    std::string out;
    while (!replies.empty()) {
        const auto end = replies.find("\r\n");
        REQUIRE(end != std::string_view::npos);
        const std::string_view line = replies.substr(0, end);
        replies.remove_prefix(end + 2);
        REQUIRE(line.size() > 4);
        CHECK(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }));
        if (line[3] == '-') continue;
        if (!out.empty()) out += ' ';
        out += line.substr(0, 3);
        if (line.size() > 9 && line[5] == '.') out += "/" + std::string(line.substr(4, line.find(' ', 4) - 4));
    }
    return out;
}

const std::string kHello = "LHLO client.example.net\r\n";
const std::string kBegin = kHello + "MAIL FROM:<>\r\nRCPT TO:<dmarc@example.com>\r\nDATA\r\n";
const std::string kBegun = "250 250/2.1.0 250/2.1.5 354";

}  // namespace

TEST_CASE("LMTP: commands that are refused, and those that are taken") {
    const std::string mail = kHello + "MAIL FROM:<a@example.net>\r\n";
    struct Row {
        std::string input, codes;
    };
    const Row kRows[] = {
        // no command
        {"\r\n", "500/5.5.2"},
        {" LHLO a\r\n", "500/5.5.2"},
        {"FOO\r\n", "500/5.5.2"},
        {"LHLOa\r\n", "500/5.5.2"},
        {"\xff\xfe\r\n", "500/5.5.2"},
        {"NOOP\rNOOP\r\n", "500/5.5.2"},
        {"NOOP\nNOOP\r\n", "500/5.5.2"},
        {std::string("NOOP\0\r\n", 7), "500/5.5.2"},
        {"NOOP\n", ""},
        {"NOOP\r", ""},
        {"NOOP " + std::string(kMaxLine, 'x') + "\r\nNOOP\r\n", "500/5.5.6 250/2.0.0"},
        {"NOOP " + std::string(3 * kMaxLine, 'x') + "\r\nNOOP\r\n", "500/5.5.6 250/2.0.0"},
        {"NOOP " + std::string(kMaxLine - 6, 'x') + "\r\n", "500/5.5.6"},
        {"NOOP " + std::string(kMaxLine - 7, 'x') + "\r\n", "250/2.0.0"},
        // RFC 2033 section 4.1
        {"EHLO client.example.net\r\n", "500/5.5.1"},
        {"HELO client.example.net\r\n", "500/5.5.1"},
        {"LHLO\r\n", "501/5.5.4"},
        // another protocol
        {"GET / HTTP/1.1\r\nLHLO a\r\n", "421/4.7.0"},
        {"POST /report HTTP/1.1\r\nHost: a\r\n\r\nLHLO a\r\n", "421/4.7.0"},
        // extensions that are not offered
        {kHello + "STARTTLS\r\n", "250 502/5.5.1"},
        {kHello + "AUTH PLAIN AHgAeA==\r\n", "250 502/5.5.1"},
        {kHello + "BDAT 5 LAST\r\n", "250 502/5.5.1"},
        // out of order
        {"MAIL FROM:<a@example.net>\r\n", "503/5.5.1"},
        {kHello + "RCPT TO:<dmarc@example.com>\r\n", "250 503/5.5.1"},
        {kHello + "DATA\r\n", "250 503/5.5.1"},
        {mail + "DATA\r\n", "250 250/2.1.0 503/5.5.1"},
        {mail + "MAIL FROM:<>\r\n", "250 250/2.1.0 503/5.5.1"},
        {mail + "RSET\r\nRCPT TO:<dmarc@example.com>\r\n", "250 250/2.1.0 250/2.0.0 503/5.5.1"},
        {mail + kHello + "RCPT TO:<dmarc@example.com>\r\n", "250 250/2.1.0 250 503/5.5.1"},
        // arguments
        {kHello + "MAIL\r\n", "250 501/5.5.4"},
        {kHello + "MAIL TO:<a@example.net>\r\n", "250 501/5.5.4"},
        {kHello + "MAIL FROM:a@example.net\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<a@example.net\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<a@>\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<@example.net>\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<a b@example.net>\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<\"a@example.net>\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<a@b@example.net>\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<a\t@example.net>\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<a@example.net>SIZE=1\r\n", "250 501/5.1.7"},
        {kHello + "MAIL FROM:<\xc3\xa4@example.net>\r\n", "250 553/5.6.7"},
        {kHello + "MAIL FROM:<a@example.net> SMTPUTF8\r\n", "250 555/5.5.4"},
        {kHello + "MAIL FROM:<a@example.net> RET=HDRS\r\n", "250 555/5.5.4"},
        {kHello + "MAIL FROM:<a@example.net> BODY=BINARYMIME\r\n", "250 501/5.5.4"},
        {kHello + "MAIL FROM:<a@example.net> BODY=7BIT BODY=7BIT\r\n", "250 501/5.5.4"},
        {kHello + "MAIL FROM:<a@example.net> SIZE\r\n", "250 501/5.5.4"},
        {kHello + "MAIL FROM:<a@example.net> SIZE=-1\r\n", "250 501/5.5.4"},
        {kHello + "MAIL FROM:<a@example.net> SIZE=1k\r\n", "250 501/5.5.4"},
        {kHello + "MAIL FROM:<a@example.net> SIZE=1 SIZE=2\r\n", "250 501/5.5.4"},
        {kHello + "MAIL FROM:<a@example.net> SIZE=1001\r\nRCPT TO:<dmarc@example.com>\r\n", "250 552/5.3.4 503/5.5.1"},
        {kHello + "MAIL FROM:<a@example.net> SIZE=99999999999999999999\r\n", "250 552/5.3.4"},
        {mail + "RCPT\r\n", "250 250/2.1.0 501/5.5.4"},
        {mail + "RCPT TO:<>\r\n", "250 250/2.1.0 501/5.1.3"},
        {mail + "RCPT TO:dmarc@example.com\r\n", "250 250/2.1.0 501/5.1.3"},
        {mail + "RCPT TO:<dmarc@example.com>x\r\n", "250 250/2.1.0 501/5.1.3"},
        {mail + "RCPT TO:<dmarc@example.com> NOTIFY=NEVER\r\n", "250 250/2.1.0 555/5.5.4"},
        {mail + "RCPT TO:<dm\xc3\xa4rc@example.com>\r\n", "250 250/2.1.0 553/5.6.7"},
        {kBegin.substr(0, kBegin.size() - 6) + "DATA now\r\n", "250 250/2.1.0 250/2.1.5 501/5.5.4"},
        {"RSET now\r\n", "501/5.5.4"},
        {"QUIT now\r\n", "501/5.5.4"},
        // it never relays
        {mail + "RCPT TO:<postmaster>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<other@example.com>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<dmarc@example.net>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<dmarc@sub.example.com>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<dmarc@[192.0.2.1]>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<dmarc%example.com@example.net>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<example.net!dmarc@example.org>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<\"dmarc@example.com\"@example.net>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<\"\"@example.com>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<+x@example.com>\r\n", "250 250/2.1.0 550/5.1.1"},
        {mail + "RCPT TO:<@dmarc@example.com:other@example.net>\r\n", "250 250/2.1.0 550/5.1.1"},
        // taken
        {mail + "RCPT TO:<dmarc@example.com>\r\n", "250 250/2.1.0 250/2.1.5"},
        {mail + "rcpt to: <DMARC@Example.COM.>\r\n", "250 250/2.1.0 250/2.1.5"},
        {mail + "RCPT TO:<dmarc+acme@example.com>\r\n", "250 250/2.1.0 250/2.1.5"},
        {mail + "RCPT TO:<\"dm\\arc\"@example.com>\r\n", "250 250/2.1.0 250/2.1.5"},
        {mail + "RCPT TO:<@relay.example.net:tls@example.com>\r\n", "250 250/2.1.0 250/2.1.5"},
        {mail + "RCPT TO:<any.thing@reports.example.com>\r\n", "250 250/2.1.0 250/2.1.5"},
        {kHello + "MAIL FROM:<>\r\n", "250 250/2.1.0"},
        {kHello + "mail from:<a@example.net> size=1000 body=8bitmime\r\n", "250 250/2.1.0"},
        {kHello + "MAIL FROM:<\"a > b\"@example.net> SIZE=1\r\n", "250 250/2.1.0"},
        {kHello + "MAIL FROM:<bounce+a=b=example.com@[IPv6:2001:db8::1]>\r\n", "250 250/2.1.0"},
        {"NOOP anything\r\nVRFY dmarc\r\nRSET\r\nQUIT\r\nNOOP\r\n", "250/2.0.0 252/2.0.0 250/2.0.0 221/2.0.0"},
    };
    const Rules rules = make_rules();
    for (const Row& row : kRows) {
        CAPTURE(row.input);
        CHECK(codes(listen(rules, row.input).replies) == row.codes);
    }
    const Heard heard = listen(rules, kHello);
    CHECK(heard.replies == "250-mx.example.com\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 1000\r\n");
}

TEST_CASE("LMTP: only CRLF dot CRLF ends a message") {
    struct Row {
        std::string data;     // without the end that follows
        std::string message;  // as it is kept
    };
    // What of other servers' ways to read an end would make a second message of what follows.
    const std::string smuggled = "MAIL FROM:<x@example.net>\r\nRCPT TO:<tls@example.com>\r\nDATA\r\nforged\r\n";
    const Row kRows[] = {
        {"A: b\n.\n" + smuggled, "A: b\n.\n" + smuggled},
        {"A: b\n.\r\n" + smuggled, "A: b\n.\r\n" + smuggled},
        {"A: b\r\n.\n" + smuggled, "A: b\r\n\n" + smuggled},
        {"A: b\r\n.\r" + smuggled, "A: b\r\n\r" + smuggled},
        {"A: b\r.\r" + smuggled, "A: b\r.\r" + smuggled},
        {"A: b\r.\r\n" + smuggled, "A: b\r.\r\n" + smuggled},
        {"A: b\r\n.\r\r\n" + smuggled, "A: b\r\n\r\r\n" + smuggled},
        {"A: b\r\n..\r\n" + smuggled, "A: b\r\n.\r\n" + smuggled},
        {"A: b\r\n.\r.\r\n", "A: b\r\n\r.\r\n"},
        {".\n.\r\n", "\n.\r\n"},
        {"\n.\r\n", "\n.\r\n"},
        // dots
        {"", ""},
        {"..\r\n", ".\r\n"},
        {"...\r\n", "..\r\n"},
        {".a\r\n", "a\r\n"},
        {"a.\r\n..b\r\nc.d\r\n", "a.\r\n.b\r\nc.d\r\n"},
        {"\r\n\r\n", "\r\n\r\n"},
        {"\r\r\n", "\r\r\n"},
        {std::string("A\r\n\0.\r\n", 7) + smuggled, std::string("A\r\n\0.\r\n", 7) + smuggled},
        {std::string("\0\xff\x80\r\n", 5), std::string("\0\xff\x80\r\n", 5)},
    };
    const Rules rules = make_rules();
    for (const Row& row : kRows) {
        CAPTURE(row.data);
        const Heard heard = listen(rules, kBegin + row.data + ".\r\nNOOP\r\n");
        CHECK(heard.messages == std::vector<std::string>{row.message});
        CHECK(codes(heard.replies) == kBegun + " 250/2.0.0 250/2.0.0");
        CHECK_FALSE(heard.receiving);
    }
    const Heard open = listen(rules, kBegin + "A: b\r\n.\n.\r.\r\n");
    CHECK(open.messages.empty());
    CHECK(open.receiving);
}

TEST_CASE("LMTP: one reply a recipient, behind the final dot") {
    const Rules rules = make_rules();
    const std::string three = kHello + "MAIL FROM:<>\r\nRCPT TO:<dmarc@example.com>\r\nRCPT TO:<other@example.com>\r\nRCPT TO:<tls@example.com>\r\nRCPT TO:<dmarc@example.com>\r\nDATA\r\n";
    Session session(rules);
    std::string_view input = three;
    input.remove_prefix(session.take(input));
    CHECK(input.empty());
    CHECK(codes(session.replies) == "250 250/2.1.0 250/2.1.5 550/5.1.1 250/2.1.5 250/2.1.5 354");
    session.replies.clear();
    const std::string_view rest = "x\r\n.\r\nMAIL FROM:<>\r\n";
    const std::size_t taken = session.take(rest);
    CHECK(rest.substr(taken) == "MAIL FROM:<>\r\n");
    REQUIRE(session.message());
    CHECK(session.replies.empty());  // nothing is said before the outcome is known
    CHECK(session.message()->recipients == 3);
    CHECK(session.message()->recipient == "dmarc@example.com");
    CHECK(session.message()->kind == "aggregate");
    CHECK(session.take(rest.substr(taken)) == 0);
    session.answer("451 4.3.0 Not stored");
    CHECK(codes(session.replies) == "451/4.3.0 451/4.3.0 451/4.3.0");
    session.replies.clear();
    CHECK(session.take(rest.substr(taken)) == rest.size() - taken);
    CHECK(codes(session.replies) == "250/2.1.0");  // a new transaction
}

TEST_CASE("LMTP: too much is refused and not held") {
    SECTION("a message beyond the limit") {
        const Rules rules = make_rules(1000);
        const std::size_t before = rules.budget->left();
        const std::string two = "RCPT TO:<tls@example.com>\r\nDATA\r\n";
        const std::string begin = kBegin.substr(0, kBegin.size() - 6) + two;
        Heard heard = listen(rules, begin + std::string(1'000'000, 'x') + "\r\n.\r\nNOOP\r\n", [](std::size_t) { return 4096; });
        CHECK(codes(heard.replies) == "250 250/2.1.0 250/2.1.5 250/2.1.5 354 552/5.3.4 552/5.3.4 250/2.0.0");
        CHECK(heard.messages.empty());
        CHECK(rules.budget->left() == before);
        heard = listen(rules, kBegin + std::string(999, 'x') + "\r\n.\r\n");
        CHECK(codes(heard.replies) == kBegun + " 552/5.3.4");
        heard = listen(rules, kBegin + std::string(998, 'x') + "\r\n.\r\n");
        CHECK(codes(heard.replies) == kBegun + " 250/2.0.0");
    }
    SECTION("more than all connections may hold") {
        const Rules rules = make_rules(1 * kMiB, 200 * kKiB);
        Session first(rules), second(rules);
        CHECK(first.take(kBegin) == kBegin.size());
        const std::string piece(150 * kKiB, 'x');
        CHECK(first.take(piece) == piece.size());
        CHECK(second.take(kBegin) == kBegin.size());
        CHECK(codes(second.replies) == "250 250/2.1.0 250/2.1.5 452/4.3.1");
        CHECK_FALSE(second.receiving());
        CHECK(first.take(piece) == piece.size());
        CHECK(rules.budget->left() == 200 * kKiB);  // let go of at once
        first.replies.clear();
        CHECK(first.take("\r\n.\r\n") == 5);
        CHECK(codes(first.replies) == "452/4.3.1");
        second.replies.clear();
        const std::string again = kBegin.substr(kHello.size());
        CHECK(second.take(again) == again.size());
        CHECK(codes(second.replies) == "250/2.1.0 250/2.1.5 354");
        const std::string declared = kHello + "MAIL FROM:<> SIZE=300000\r\nRCPT TO:<dmarc@example.com>\r\nDATA\r\n";
        Session third(rules);
        CHECK(third.take(declared) == declared.size());
        CHECK(codes(third.replies) == "250 250/2.1.0 250/2.1.5 452/4.3.1");
    }
    SECTION("a message is held as long as somebody has it") {
        const Rules rules = make_rules(1 * kMiB);
        const std::size_t all = rules.budget->left();
        std::shared_ptr<const Body> body;
        {
            Session session(rules);
            const std::string input = kBegin + std::string(100'000, 'x') + "\r\n.\r\n";
            CHECK(session.take(input) == input.size());
            REQUIRE(session.message());
            body = session.message()->body;
            session.answer("250 2.0.0 Stored");
        }
        CHECK(rules.budget->left() <= all - 100'000);
        body.reset();
        CHECK(rules.budget->left() == all);
    }
    SECTION("recipients") {
        const Rules rules = make_rules();
        std::string input = kHello + "MAIL FROM:<>\r\n";
        for (std::size_t i = 0; i <= kMaxRecipients; ++i) input += "RCPT TO:<dmarc@example.com>\r\n";
        const Heard heard = listen(rules, input + "DATA\r\nx\r\n.\r\n");
        CHECK(heard.recipients == std::vector<std::size_t>{kMaxRecipients});
        CHECK(heard.replies.find("452 4.5.3") != std::string::npos);
    }
    SECTION("errors") {
        const Rules rules = make_rules();
        std::string input;
        for (int i = 0; i < 100; ++i) input += "FOO\r\n";
        Heard heard = listen(rules, input);
        CHECK(heard.ended);
        CHECK(heard.replies.ends_with("421 4.7.0 Too many errors\r\n"));
        CHECK(std::ranges::count(heard.replies, '\n') == kMaxErrors + 2);
        // A mail server that asks for many mailboxes makes no error.
        input = kHello + "MAIL FROM:<>\r\n";
        for (int i = 0; i < 100; ++i) input += "RCPT TO:<nobody" + std::to_string(i) + "@example.com>\r\n";
        heard = listen(rules, input);
        CHECK_FALSE(heard.ended);
    }
}

TEST_CASE("LMTP: how the bytes are cut changes nothing") {
    const Rules rules = make_rules(300);
    static const std::vector<std::string> kPieces = {
        kHello, "EHLO a\r\n", "MAIL FROM:<a@example.net>\r\n", "MAIL FROM:<> SIZE=20\r\n", "RCPT TO:<dmarc@example.com>\r\n", "RCPT TO:<tls@example.com>\r\n",
        "RCPT TO:<x@example.com>\r\n", "DATA\r\n", "DATA\r\n", "RSET\r\n", "NOOP\r\n", "a\r\n", ".\r\n", "..\r\n", ".", "\r", "\n", "\r\n.\r\n", "\n.\n", "text\r\n\r\n.\r\n",
        std::string(200, 'y'), std::string(kMaxLine, 'z'),
    };
    std::mt19937 random(4711);
    std::size_t messages = 0;
    for (int round = 0; round < 2000; ++round) {
        std::string input = round % 2 == 0 ? kBegin : std::string();
        const std::size_t count = random() % 30;
        for (std::size_t i = 0; i < count; ++i) input += kPieces[random() % kPieces.size()];
        const Heard whole = listen(rules, input);
        const Heard cut = listen(rules, input, [&](std::size_t) -> std::size_t { return random() % 8 == 0 ? random() % 300 : random() % 4; });
        CAPTURE(round, input);
        REQUIRE(whole.replies == cut.replies);
        REQUIRE(whole.messages == cut.messages);
        REQUIRE(whole.recipients == cut.recipients);
        REQUIRE(whole.ended == cut.ended);
        REQUIRE(whole.receiving == cut.receiving);
        messages += whole.messages.size();
    }
    CHECK(messages > 500);
    CHECK(rules.budget->left() == 1 * kMiB);
}
