#include "whosent/base/pseudonym.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <set>

#include "catch.hpp"
#include "whosent/base/text.hpp"

using namespace whosent;

namespace {

Pseudonyms::NumberedKey key(std::uint32_t number) {
    Pseudonyms::NumberedKey key{number, {}};
    for (std::size_t i = 0; i < key.key.size(); ++i) key.key[i] = static_cast<std::uint8_t>(i + number);
    return key;
}

Pseudonyms make(PrivacyMode mode = PrivacyMode::pseudonymous) { return *Pseudonyms::create(mode, {key(1)}); }

std::string local_of(const std::string& address) { return address.substr(0, address.find('@')); }

// The text with every "{address}" replaced by the local part of that address's pseudonym.
std::string filled(const Pseudonyms& names, std::string_view pattern) {
    std::string out;
    while (!pattern.empty()) {
        const std::size_t open = pattern.find('{');
        out += pattern.substr(0, open);
        if (open == std::string_view::npos) break;
        pattern.remove_prefix(open + 1);
        const std::size_t close = pattern.find('}');
        out += local_of(names.address(pattern.substr(0, close)));
        pattern.remove_prefix(close + 1);
    }
    return out;
}

// Names that no test may find again.
const std::string kSecret = "sEcret7";

struct Spelling {
    std::string_view before, after;  // around the local part
};
const Spelling kSpellings[] = {
    {"", "@b.example"},
    {"<", "@b.example>"},
    {"<mailto:", "@b.example>"},
    {"\"a ", " b\"@b.example"},
    {"\"\\\"", "\\\\\"@b.example"},
    {"\\\"", "\\\"@b.example"},
    {"'", "'@b.example"},
    {"x.", "+tag@b.example"},
    {"", "\\@b.example"},
    {"", "@"},
    {"", "@[192.0.2.1]"},
    {"", "@[IPv6:2001:db8::1]"},
    {"", "@localhost"},
    {"", "@b\xC3\xBC" "cher.example"},
    {"j\xC3\xBC", "\xE7\x94\xA8@b.example"},
    {"\xFF", "\xC3@b.example"},
    {"", "\xE2\x80\xA6@b.example"},
    {"", "%40b.example"},
    {"", "%2540b.example"},
    {"", "%40%5B192.0.2.1%5D"},
    {"", "%40b%C3%BC" "cher.example"},
    {"%22a%20", "%22%40b.example"},
    {"", "=40b.example"},
    {"", "%b.example@relay.example"},
    {"", "%40b.example@relay.example"},
    {"", "@b.example@relay.example"},
    {"@", "@b.example"},
    {"", "=b.example@lists.example"},
    {"bounce+", "=b.example@lists.example"},
    {"bounce-list-17-", "=b.example@lists.example"},
    {"bounce+", "=b.example"},
    {"r=bounce+", "=b.example"},
    {"msprvs1=17ab=", "=b.example"},
    {"prvs=0123456789=", "@b.example"},
    {"prvs=0123456789=", ""},
    {"btv1==0123456789==", "@b.example"},
    {"SRS0=HHH=TT=b.example=", "@forwarder.example"},
    {"SRS1=HHH=f.example==HHH=TT=b.example=", "@forwarder.example"},
    {"srs0+HHH=TT=b.example=", ""},
    {"https://l.example/u?e=", "@b.example&x=1"},
    {"https://l.example/u?e=", "%40b.example#top"},
    {"https://l.example/u/", "@b.example/1"},
    {"https://l.example/u?e=bounce%2B", "%3Db.example%40lists.example"},
    {"https://l.example/u?bounce+", "=b.example@lists.example"},
    {"https://l.example/r?u=https%3A%2F%2Fm.example%2F%3Fe%3D", "%2540b.example"},
    {"https://l.example/u?e=bounce+", "=b.example"},
    {"mailto:x@y.example?cc=", "@b.example"},
    {"smtp.mailfrom=", "@b.example"},
    {"{\"e\":\"", "@b.example\"}"},
    {"a@b.example,", "@c.example"},
    {"a@b.example+", "@c.example"},
};

}  // namespace

TEST_CASE("an address keeps its domain and loses its local part") {
    const Pseudonyms names = make();
    // Python: base64.b32encode(hmac.new(bytes(range(1, 33)), b"someone@example.org", "sha256").digest())[:16].lower()
    const std::string expected = "~1.qiwh7zc4d6zd74vt";
    CHECK(names.address("someone@example.org") == expected + "@example.org");
    for (const std::string_view same : {"Someone@EXAMPLE.org", "<someone@example.org>", "Some One <someone@example.org>", " someone@example.org. ",
                                        "\"someone\"@example.org", "\"a <b@c>\" <someone@example.org> (comment)", "someone@example.org (Some One)"}) {
        CAPTURE(same);
        CHECK(names.address(same) == expected + "@example.org");
    }
    for (const std::string_view other : {"someone@example.com", "some.one@example.org", "someone", "someone@mail.example.org", "someone@"}) {
        CAPTURE(other);
        CHECK(local_of(names.address(other)) != expected);
        CHECK(names.address(other).starts_with("~1."));
    }
    CHECK(names.address("someone").size() == 3 + 16);
    CHECK(names.address("").empty());
    CHECK(names.address("<>").empty());
    CHECK(names.address("@Example.org") == "@example.org");
    CHECK(names.address("jo@B\xC3\xBC" "cher.example").ends_with("@xn--bcher-kva.example"));
    CHECK(names.address("jo@b\xC3\xBC" "cher.example") == names.address("jo@xn--bcher-kva.example"));
    CHECK(names.address("jo@[192.0.2.1]").ends_with("@[192.0.2.1]"));
    CHECK(names.address(expected + "@example.org") == expected + "@example.org");
}

TEST_CASE("another key gives another pseudonym, and old ones can be told again") {
    const Pseudonyms names = *Pseudonyms::create(PrivacyMode::pseudonymous, {key(1), key(2), key(7)});
    const auto all = names.all_of("someone@example.org");
    REQUIRE(all.size() == 3);
    CHECK(all[0] == names.address("someone@example.org"));
    CHECK(all[0].starts_with("~7."));
    CHECK(all[1].starts_with("~2."));
    CHECK(all[2] == make().address("someone@example.org"));
    CHECK(std::set(all.begin(), all.end()).size() == 3);
    CHECK(Pseudonyms::create(PrivacyMode::drop, {key(1)})->all_of("a@b.example") == make().all_of("a@b.example"));

    const auto none = Pseudonyms::create(PrivacyMode::pseudonymous, {});
    REQUIRE_FALSE(none);
    CHECK(none.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("the modes full and drop") {
    const Pseudonyms full = *Pseudonyms::create(PrivacyMode::full, {});
    CHECK(full.address("A <a@B.example>") == "A <a@B.example>");
    CHECK(full.text("to a@b.example") == "to a@b.example");
    CHECK(full.digest("subject") == "subject");
    const Pseudonyms drop = *Pseudonyms::create(PrivacyMode::drop, {});
    CHECK(drop.address("A <a@B.example>") == "…@b.example");
    CHECK(drop.address("a") == "…");
    CHECK(drop.address("").empty());
    CHECK(drop.text("to a@b.example, bounce+a=b.example, x%40y.example") == "to …@b.example, …=b.example, …%40y.example");
    CHECK(drop.digest("subject").empty());
    for (const PrivacyMode mode : {PrivacyMode::pseudonymous, PrivacyMode::full, PrivacyMode::drop}) CHECK_FALSE(name_of(mode).empty());
}

TEST_CASE("a digest stands for a text") {
    const Pseudonyms names = make();
    CHECK(names.digest("").empty());
    CHECK(names.digest("Re: lunch") != names.digest("re: lunch"));
    CHECK(names.digest("Re: lunch") == names.digest("Re: lunch"));
    CHECK(names.digest("Re: lunch").starts_with("~1."));
    CHECK(names.digest("Re: lunch").size() == 3 + 16);
}

TEST_CASE("an address in a text has the pseudonym that it has alone") {
    const Pseudonyms names = make();
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"a@b.example", "{a@b.example}@b.example"},
        {"From A@B.example.", "From {a@b.example}@B.example."},
        {"<a@b.example>, \"A\" <c@d.example>", "<{a@b.example}@b.example>, \"A\" <{c@d.example}@d.example>"},
        {"<mailto:a@b.example?cc=c@d.example>", "<mailto:{a@b.example}@b.example?cc={c@d.example}@d.example>"},
        {"to \"a b\"@c.example now", "to {\"a b\"@c.example}@c.example now"},
        {"\"a\" and \"b\"@c.example", "\"a\" and {b@c.example}@c.example"},
        {"'a@b.example' *c@d.example*", "'{a@b.example}@b.example' *{c@d.example}@d.example*"},
        {"\xE2\x80\x9C" "a@b.example\xE2\x80\x9D", "\xE2\x80\x9C{a@b.example}@b.example\xE2\x80\x9D"},
        {"smtp.mailfrom=a@b.example;", "smtp.mailfrom={a@b.example}@b.example;"},
        {"header.i=@b.example", "header.i=@b.example"},
        {"e=bounce+a=b.example@c.example", "e={bounce+a=b.example@c.example}@c.example"},
        {"SRS0=HH=TT=b.example=a@c.example", "{SRS0=HH=TT=b.example=a@c.example}@c.example"},
        {"https://l.example/u?e=A%40b.example&x=1", "https://l.example/u?e={a@b.example}%40b.example&x=1"},
        {"https://l.example/u?id=1&name=a@b.example", "https://l.example/u?id=1&name={a@b.example}@b.example"},
        {"https://l.example/u/a@b.example/x", "https://l.example/u/{a@b.example}@b.example/x"},
        {"https://l.example/u?to=A+B%20%3Ca%40b.example%3E", "https://l.example/u?to={a@b.example}%40b.example%3E"},
        {"https://l.example/?e=first%2Blast%40b.example", "https://l.example/?e={first+last@b.example}%40b.example"},
        {"a@[192.0.2.1] said", "{a@[192.0.2.1]}@[192.0.2.1] said"},
        {"a%40b.example@c.example", "{a%40b.example@c.example}@c.example"},
        {"a=40b.example", "{a@b.example}=40b.example"},
        {"list+a=b.example", "{list+a@b.example}=b.example"},
        {"j\xC3\xBC@b\xC3\xBC" "cher.example", "{j\xC3\xBC@b\xC3\xBC" "cher.example}@b\xC3\xBC" "cher.example"},
    };
    for (const auto& [text, pattern] : rows) {
        CAPTURE(text);
        CHECK(names.text(text) == filled(names, pattern));
    }
}

TEST_CASE("a text without an address stays what it is") {
    const Pseudonyms names = make();
    for (const std::string_view text :
         {"", "@", "@@", "=", "%40", "%", "%4", "== a ==", "a @ b", "2 apples @ 3", "@home", "\"@home\"", "say \"hi\" and \"@you\"", "{\"a\":\"@b\"}", "[\"x\",\"@y\"]",
          "50%40 of 100", "width=40px height=400", "pct=40", "size=40.5", "d=example.org; s=key1", "header.d=example.org smtp.mailfrom=mail.example.org", "v=spf1 include:_spf.example.org -all",
          "https://example.org/u?id=17&d=example.com&x=%20%3D", "a=b=c", "p=MIGfMA0+abc==", "v=DMARC1; p=none; pct=40; rua=x", "example.org!example.com!1!2", "=40.example",
          "x=1+1=2", "\xE2\x80\xA6@b.example", "i=@example.org", "prvs", "srs0 is short"}) {
        CAPTURE(text);
        CHECK(names.text(text) == text);
    }
}

TEST_CASE("no local part is left, in whatever spelling, and nothing is hidden twice") {
    const Pseudonyms names = make();
    const Pseudonyms drop = *Pseudonyms::create(PrivacyMode::drop, {});
    const auto check = [&](const std::string& text) {
        for (const Pseudonyms* each : {&names, &drop}) {
            const std::string hidden = each->text(text);
            CAPTURE(printable(text, 2000), printable(hidden, 2000));
            REQUIRE(to_lower(hidden).find(to_lower(kSecret)) == std::string::npos);
            REQUIRE(each->text(hidden) == hidden);
        }
    };
    std::vector<std::string> spelled;
    for (const auto& [before, after] : kSpellings) spelled.push_back(std::string(before) + kSecret + std::string(after));
    for (const std::string& text : spelled) check(text);

    const std::string_view kBetween[] = {" ", "\n", "\t", ", ", "; ", " <", "> ", " (", ") ", ": ", "\r\n ", "|", " / ", " = ", " \"x\" ", " @ ", "\xC2\xA0", "\xFF ", " %40 ", " '"};
    std::mt19937_64 random(11);
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        for (auto parts = 1 + random() % 4; parts > 0; --parts) {
            text += kBetween[random() % std::size(kBetween)];
            text += spelled[random() % spelled.size()];
        }
        text += kBetween[random() % std::size(kBetween)];
        // A quotation mark that is left open, or text that runs into the address, may hide more but never less
        check(text);
    }
}

TEST_CASE("a text of anything is hidden once and for all") {
    const Pseudonyms names = make();
    const std::string_view kPieces[] = {"a", "b.example", "@", "%40", "=40", "=", "+", ".", "\"", "\\", "\\\"", "<", ">", " ", "?", "&", "/", "://", "mailto:", "[", "]", "%5B", "%25",
                                        "SRS0=", "prvs=", "\xC3\xBC", "\xFF", "\xE2\x80\xA6", "~1.", "~1.abcdefghijklmnop", "e=", "smtp.mailfrom=", "'", ",", ":", "\n"};
    std::mt19937_64 random(5);
    for (int i = 0; i < 100000; ++i) {
        std::string text;
        for (auto pieces = random() % 14; pieces > 0; --pieces) text += kPieces[random() % std::size(kPieces)];
        const std::string hidden = names.text(text);
        CAPTURE(printable(text), printable(hidden, 1000));
        REQUIRE(names.text(hidden) == hidden);
    }
}

TEST_CASE("time is linear in the text") {
    const Pseudonyms names = make();
    const std::string_view kUnits[] = {"@", "a@", "@a", "a@b", "=40", "=40a", "=40a.bc", "%40", "%25", "%2540", "\"", "\"@", "\\\"@", "=", "a=b.cc", "+a=", "://", "/@", "?@", ".@b", "'@b", "a", "a@b ", "=@",
                                       "SRS0="};
    for (const std::string_view unit : kUnits) {
        CAPTURE(unit);
        std::string text;
        while (text.size() < 1'000'000) text += unit;
        text += "@b.example";
        const auto start = std::chrono::steady_clock::now();
        CHECK_FALSE(names.text(text).empty());
        // Square time would be hours.
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
    }
}

TEST_CASE("the folders before an address stay") {
    const Pseudonyms dropping = *Pseudonyms::create(PrivacyMode::drop, {});
    CHECK(dropping.path("/var/mail/jane@example.org/new/1.eml") == "/var/mail/…@example.org/new/1.eml");
    CHECK(dropping.path("plain/file") == "plain/file");
    CHECK(dropping.path("") == "");
}
