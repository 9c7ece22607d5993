#include "collect/imap/command.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "collect/imap/ledger.hpp"
#include "collect/imap/mailbox_name.hpp"
#include "collect/imap/sasl.hpp"
#include "collect/imap/server_words.hpp"
#include "collect/imap/uid_ranges.hpp"

using namespace whosent;
using namespace whosent::collect::imap;
using namespace std::string_literals;

TEST_CASE("commands are written so that nothing breaks out of them") {
    for (const std::string& bad : {"a\r\nb LOGOUT"s, "a\nb"s, "a\rb"s, "a\0b"s}) {
        Command command("LOGIN");
        command.string("user").string(bad);
        const auto parts = command.parts("w1");
        REQUIRE_FALSE(parts);
        CHECK(parts.error().code == ErrorCode::invalid_argument);
        CHECK(to_string(parts.error()).find("LOGOUT") == std::string::npos);
    }
    Command login("LOGIN");
    login.string("us\"er\\").string("");
    CHECK(*login.parts("w1") == std::vector<std::string>{"w1 LOGIN \"us\\\"er\\\\\" \"\"\r\n"});
    Command beyond("LOGIN");
    beyond.string("jürgen").string("ß").text(")");
    CHECK(*beyond.parts("w2") == std::vector<std::string>{"w2 LOGIN {7}\r\n", "jürgen {2}\r\n", "ß)\r\n"});
    Command select("SELECT");
    select.mailbox("Été & \"so\"");
    CHECK(*select.parts("w3") == std::vector<std::string>{"w3 SELECT \"&AMk-t&AOk- &- \\\"so\\\"\"\r\n"});
    Command none("SELECT");
    none.mailbox("a\nb");
    CHECK_FALSE(none.parts("w4"));
}

TEST_CASE("folders are named in modified UTF-7") {
    for (const std::string& bad : {""s, "a\x80"s, "a\r"s, "a\0b"s, "\x7f"s, "\xed\xa0\x80"s}) CHECK_FALSE(encode_mailbox(bad));
    CHECK(*encode_mailbox("INBOX/Reports") == "INBOX/Reports");
    CHECK(*encode_mailbox("A&B") == "A&-B");
    CHECK(*encode_mailbox("~peter/mail/台北/日本語") == "~peter/mail/&U,BTFw-/&ZeVnLIqe-");  // RFC 3501 section 5.1.3
    CHECK(*encode_mailbox("😀") == "&2D3eAA-");
    CHECK(*encode_mailbox("Gelöscht") == "Gel&APY-scht");
}

TEST_CASE("sets of UIDs are written in ranges, and as many as fit") {
    std::size_t used = 9;
    CHECK(uid_set({}, 100, used).empty());
    CHECK(used == 0);
    const std::vector<Uid> uids = {1, 2, 3, 5, 7, 8, 4294967294, 4294967295};
    CHECK(uid_set(uids, 100, used) == "1:3,5,7:8,4294967294:4294967295");
    CHECK(used == uids.size());
    CHECK(uid_set(uids, 8, used) == "1:3,5");
    CHECK(used == 4);
    std::vector<Uid> odd;
    for (Uid uid = 1'000'000'001; odd.size() < 2000; uid += 2) odd.push_back(uid);
    const std::string set = uid_set(odd, kMaxSetBytes, used);
    CHECK(set.size() <= kMaxSetBytes);
    CHECK(used > 600);
    CHECK(used < odd.size());
}

TEST_CASE("ranges of UIDs") {
    for (const char* bad : {"0", "a", "1:", "5:4", "1,,2", "4294967296", " 1"}) CHECK_FALSE(UidRanges::parse(bad));
    UidRanges ranges;
    CHECK(ranges.first_missing(1) == 1U);
    ranges.add(5, 7);
    ranges.add(1, 2);
    ranges.add(9);
    CHECK(ranges.to_string(100) == "1:2,5:7,9");
    CHECK(ranges.to_string(5) == "1:2");
    CHECK(ranges.first_missing(1) == 3U);
    CHECK(ranges.first_missing(6) == 8U);
    CHECK_FALSE(ranges.contains(4));
    CHECK(ranges.contains(7));
    ranges.add(8);
    CHECK(ranges.to_string(100) == "1:2,5:9");
    ranges.add(2, 6);
    CHECK(ranges.to_string(100) == "1:9");
    CHECK(ranges == *UidRanges::parse("1:9"));
    ranges.add(4294967295, 4294967295);
    ranges.add(10, 4294967294);
    CHECK(ranges.to_string(100) == "1:4294967295");
    CHECK_FALSE(ranges.first_missing(3));
}

TEST_CASE("the place passes over what is still to be done") {
    for (const char* bad : {"", "1", "1 2", "0 1 x", "x 1 y", "1 0 x"}) CHECK_FALSE(Ledger::parse_place(bad));
    Ledger ledger;
    ledger.begin(17);
    CHECK(ledger.place("id") == "17 - id");
    ledger.want(3, 100);
    ledger.want(5, 100);
    ledger.finish_unknown(1, 6);
    CHECK(ledger.place("id") == "17 1:2,4,6 id");
    ledger.set_state(*ledger.find(3), Entry::State::under_way);
    CHECK(ledger.under_way() == 1);
    ledger.finish(3);
    CHECK(ledger.under_way() == 0);
    CHECK(ledger.place("id") == "17 1:4,6 id");
    CHECK(ledger.first_unfinished(1) == 5U);
    auto place = Ledger::parse_place("17 1:4,6 id");
    REQUIRE(place);
    CHECK(place->uid_validity == 17);
    CHECK(place->identity == "id");
    Ledger other;
    other.begin(17);
    other.restore(std::move(*place));
    CHECK(other.place("id") == ledger.place("id"));
    CHECK(other.knows(4));
    CHECK_FALSE(other.knows(5));
    const auto generation = ledger.generation();
    ledger.begin(18);
    CHECK(ledger.generation() != generation);
    CHECK(ledger.place("id") == "18 - id");
}

TEST_CASE("what is said of oneself when logging in") {
    CHECK(base64("") == "");
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foo") == "Zm9v");
    CHECK(sasl_plain("tim", "tanstaaftanstaaf") == base64("\0tim\0tanstaaftanstaaf"s));
    // Google's documentation of XOAUTH2
    CHECK(sasl_xoauth2("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg") ==
          "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
    // RFC 7628 section 4.1
    CHECK(sasl_oauthbearer("user@example.com", "server.example.com", 143, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==") ==
          base64("n,a=user@example.com,\x01host=server.example.com\x01port=143\x01" "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"));
    CHECK(sasl_oauthbearer("a,b=c", "h", 1, "t") == base64("n,a=a=2Cb=3Dc,\x01host=h\x01port=1\x01" "auth=Bearer t\x01\x01"));
}

TEST_CASE("a server's words are quoted without names and secrets") {
    const std::vector<std::string> secrets = {"reports@example.com", "hunter22", "ab"};
    CHECK(server_words("Login failed for REPORTS@example.com with Hunter22", secrets) == "Login failed for *** with ***");
    CHECK(server_words("no mailbox of jo.doe+x@example.net here, nor <@example.org>", secrets) == "no mailbox of (local part)@example.net here, nor <(local part)@example.org>");
    CHECK(server_words("absurd", secrets) == "absurd");
    CHECK(server_words("a\x01\r\nb\xff", secrets) == "a\\x01\\x0d\\x0ab\\xff");
    CHECK(server_words(std::string(100'000, 'x'), secrets).size() < 250);
    CHECK(server_words(std::string(100'000, '@'), secrets).size() < 250);
}

TEST_CASE("servers that want us to slow down") {
    using namespace std::chrono_literals;
    const auto told = [](Response::Status status, std::string code, std::string text) {
        Response response;
        response.status = status;
        response.code = std::move(code);
        response.text = std::move(text);
        return throttled(response);
    };
    using Status = Response::Status;
    CHECK_FALSE(told(Status::ok, "LIMIT", "Request is throttled. Suggested Backoff Time: 5 milliseconds"));
    CHECK_FALSE(told(Status::no, "TRYCREATE", "no such folder"));
    CHECK(told(Status::bad, "", "Request is throttled. Suggested Backoff Time: 299961 milliseconds") == 299'961ms);
    CHECK(told(Status::no, "", "suggested backoff time: 3 seconds") == 3000ms);
    CHECK(told(Status::no, "", "Suggested Backoff Time: 99999999999999 milliseconds") == 3'600'000ms);
    CHECK(told(Status::no, "", "Suggested Backoff Time: 18446744073709551615 seconds") == 0ms);
    CHECK(told(Status::no, "", "Suggested Backoff Time: soon") == 0ms);
    CHECK(told(Status::no, "LIMIT", "") == 0ms);
    CHECK(told(Status::no, "THROTTLED", "") == 0ms);
    CHECK(told(Status::bye, "OVERQUOTA", "Account exceeded bandwidth limits. (Failure)") == 0ms);
    CHECK(told(Status::no, "ALERT", "Account exceeded bandwidth limits.") == 0ms);
}
