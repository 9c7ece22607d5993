// Tokens and what they may: those that are refused first.
#include <set>

#include "catch.hpp"
#include "serve/bearer.hpp"
#include "whosent/base/ip_prefix.hpp"
#include "whosent/serve/access.hpp"

using namespace whosent;
using namespace whosent::serve;

namespace {

struct StillClock final : Clock {
    Seconds time = 1'700'000'000;
    Seconds now() const override { return time; }
};

NewToken token_of(std::vector<Scope> scopes, const std::string& name = "soc") {
    AccessToken draft;
    draft.name = name;
    draft.scopes = std::move(scopes);
    auto made = make_token(std::move(draft));
    REQUIRE(made);
    return *made;
}

struct Fixture {
    StillClock clock;
    std::vector<AccessRefusal> refused;
    Access access{clock, [this](const AccessRefusal& refusal) { refused.push_back(refusal); }};

    std::expected<Identity, Response> ask(const std::string& authorization, const std::string& peer = "192.0.2.1", Scope scope = Scope::feed) {
        Request request;
        request.path = "/v1/events";
        request.query = "access_token=SECRET";
        request.peer = peer;
        if (!authorization.empty()) request.headers.emplace_back("authorization", authorization);
        return access.check(request, scope);
    }
};

std::string header(const Response& response, const std::string& name) {
    for (const auto& [field, value] : response.headers) {
        if (field == name) return value;
    }
    return {};
}

// Another letter at that place.
std::string changed(std::string text, std::size_t place) {
    text[place] = text[place] == 'A' ? 'B' : 'A';
    return text;
}

}  // namespace

TEST_CASE("wrong tokens get the same answer whatever is wrong with them") {
    Fixture fixture;
    NewToken good = token_of({Scope::feed}), expired = token_of({Scope::feed}), revoked = token_of({Scope::feed}), elsewhere = token_of({Scope::feed});
    const NewToken foreign = token_of({Scope::feed});
    expired.token.expires = fixture.clock.time;
    revoked.token.revoked = fixture.clock.time - 5;
    elsewhere.token.addresses = {*IpPrefix::parse("198.51.100.0/24"), *IpPrefix::parse("2001:db8::/32")};
    fixture.access.set_tokens({good.token, expired.token, revoked.token, elsewhere.token});
    using Why = AccessRefusal::Why;
    struct Row {
        std::string name, authorization;
        Why why;
        std::string token;
    };
    const std::string& id = good.token.id;
    const std::vector<Row> rows = {
        {"none", "", Why::missing, ""},
        {"another scheme", "Basic dXNlcjpTRUNSRVQ=", Why::missing, ""},
        {"an empty one", "Bearer ", Why::missing, ""},
        {"no token of ours", "Bearer SECRET", Why::unknown, ""},
        {"of nobody", "Bearer " + foreign.text, Why::unknown, ""},
        {"another secret", "Bearer " + changed(good.text, good.text.size() - 1), Why::unknown, id},
        {"another secret from its first letter", "Bearer " + changed(good.text, 21), Why::unknown, id},
        {"another id", "Bearer " + changed(good.text, 8), Why::unknown, ""},
        {"the id of one, the secret of another", "Bearer whosent_" + id + foreign.text.substr(20), Why::unknown, id},
        {"cut", "Bearer " + good.text.substr(0, good.text.size() - 1), Why::unknown, ""},
        {"too long", "Bearer " + good.text + "A", Why::unknown, ""},
        {"another prefix", "Bearer Whosent_" + good.text.substr(8), Why::unknown, ""},
        {"without the line between", "Bearer " + good.text.substr(0, 20) + "-" + good.text.substr(21), Why::unknown, ""},
        {"two in one field", "Bearer " + good.text + " " + good.text, Why::unknown, ""},
        {"expired this second", "Bearer " + expired.text, Why::expired, expired.token.id},
        {"revoked", "Bearer " + revoked.text, Why::revoked, revoked.token.id},
        {"from elsewhere", "Bearer " + elsewhere.text, Why::address, elsewhere.token.id},
    };
    std::set<std::string> answers;
    int peer = 0;
    for (const Row& row : rows) {
        INFO(row.name);
        fixture.refused.clear();
        const auto answer = fixture.ask(row.authorization, "192.0.2." + std::to_string(++peer));
        REQUIRE(!answer);
        const Response& response = answer.error();
        CHECK(response.status == 401);
        CHECK(header(response, "WWW-Authenticate") == "Bearer realm=\"whosent\"");
        std::string bytes = response.type + "|" + response.body;
        for (const auto& [name, value] : response.headers) bytes += "|" + name + ": " + value;
        answers.insert(bytes);
        REQUIRE(fixture.refused.size() == 1);
        const AccessRefusal& told = fixture.refused.front();
        CHECK(name_of(told.why) == name_of(row.why));
        CHECK(told.token == row.token);
        CHECK(told.peer == "192.0.2." + std::to_string(peer));
        CHECK(told.path == "/v1/events");
        for (const std::string& secret : {std::string("SECRET"), good.text.substr(21), foreign.text.substr(21)}) CHECK((told.peer + told.path + told.token + bytes).find(secret) == std::string::npos);
    }
    CHECK(answers.size() == 1);
    CHECK(fixture.access.refusals() == rows.size());
    CHECK(fixture.access.take_uses().empty());
}

TEST_CASE("a token without the scope is told so, and admin may everything") {
    Fixture fixture;
    const NewToken reader = token_of({Scope::read, Scope::ingest}), admin = token_of({Scope::admin}), personal = token_of({Scope::read_personal});
    fixture.access.set_tokens({reader.token, admin.token, personal.token});
    const auto refused = fixture.ask("Bearer " + reader.text);
    REQUIRE(!refused);
    CHECK(refused.error().status == 403);
    CHECK(header(refused.error(), "WWW-Authenticate") == "Bearer realm=\"whosent\", error=\"insufficient_scope\", scope=\"feed\"");
    CHECK(fixture.refused.back().why == AccessRefusal::Why::scope);
    CHECK(fixture.refused.back().token == reader.token.id);
    CHECK(!fixture.ask("Bearer " + reader.text, "192.0.2.1", Scope::read_personal));
    CHECK(!fixture.ask("Bearer " + personal.text, "192.0.2.1", Scope::read));
    CHECK(!fixture.ask("Bearer " + personal.text, "192.0.2.1", Scope::admin));
    for (const Scope scope : kScopes) CHECK(fixture.ask("Bearer " + admin.text, "192.0.2.1", scope));
    CHECK(fixture.ask("Bearer " + reader.text, "192.0.2.1", Scope::read));
    CHECK(fixture.ask("Bearer " + reader.text, "192.0.2.1", Scope::ingest));
    // Refusals by scope do not count as wrong tokens
    for (int i = 0; i < 100; ++i) CHECK(fixture.ask("Bearer " + reader.text).error().status == 403);
}

TEST_CASE("wrong tokens of a peer are limited, and nobody is shut out by them") {
    Fixture fixture;
    const NewToken good = token_of({Scope::feed});
    fixture.access.set_tokens({good.token});
    const auto wrong = [&](const std::string& peer) {
        const auto answer = fixture.ask("Bearer whosent_wrong", peer);
        return answer ? 0u : answer.error().status;
    };
    for (int i = 0; i < 10; ++i) CHECK(wrong("192.0.2.1") == 401);
    CHECK(wrong("192.0.2.1") == 429);
    CHECK(fixture.refused.back().why == AccessRefusal::Why::too_many);
    const auto limited = fixture.ask("Bearer whosent_wrong", "192.0.2.1");
    CHECK(std::stoi(header(limited.error(), "Retry-After")) >= 1);
    CHECK(std::stoi(header(limited.error(), "Retry-After")) <= 6);
    // The neighbour, who shares no address, and the good client behind the same one
    CHECK(wrong("192.0.2.2") == 401);
    CHECK(fixture.ask("Bearer " + good.text, "192.0.2.1"));
    // Nothing shown is no guess
    CHECK(fixture.ask("", "192.0.2.1").error().status == 401);
    fixture.clock.time += 6;
    CHECK(wrong("192.0.2.1") == 401);
    CHECK(wrong("192.0.2.1") == 429);
    // An IPv6 host takes any address of its network
    for (int i = 0; i < 10; ++i) CHECK(wrong("2001:db8::" + std::to_string(i)) == 401);
    CHECK(wrong("2001:db8::ffff:1") == 429);
    CHECK(wrong("2001:db8:0:1::1") == 401);
    // Many peers cost no more than some
    for (int i = 0; i < 50'000; ++i) (void)wrong("10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255));
    CHECK(wrong("192.0.2.1") == 401);
}

TEST_CASE("right tokens are let in, from where they may come") {
    Fixture fixture;
    NewToken anywhere = token_of({Scope::feed}), here = token_of({Scope::feed}, "here");
    anywhere.token.expires = fixture.clock.time + 1;
    here.token.addresses = {*IpPrefix::parse("192.0.2.0/25"), *IpPrefix::parse("2001:db8:1::/48")};
    fixture.access.set_tokens({anywhere.token, here.token});
    for (const std::string peer : {"192.0.2.1", "2001:db8::1", "unix"}) CHECK(fixture.ask("Bearer " + anywhere.text, peer));
    const auto identity = fixture.ask("bEARER  " + here.text + " ", "192.0.2.127");
    REQUIRE(identity);
    CHECK(identity->token == here.token.id);
    CHECK(identity->name == "here");
    CHECK(identity->scopes == std::vector{Scope::feed});
    CHECK(fixture.ask("Bearer " + here.text, "2001:db8:1:ffff::1"));
    for (const std::string peer : {"192.0.2.128", "2001:db8:2::1", "unix", ""}) {
        INFO(peer);
        CHECK(!fixture.ask("Bearer " + here.text, peer));
    }
    fixture.clock.time += 1;
    CHECK(!fixture.ask("Bearer " + anywhere.text));
    // Tokens in the place of those before
    fixture.access.set_tokens({});
    CHECK(!fixture.ask("Bearer " + here.text, "192.0.2.1"));
}

TEST_CASE("uses are told once each, with the last time") {
    Fixture fixture;
    const NewToken one = token_of({Scope::feed}), other = token_of({Scope::feed});
    fixture.access.set_tokens({one.token, other.token});
    CHECK(fixture.access.take_uses().empty());
    for (int i = 0; i < 3; ++i, ++fixture.clock.time) CHECK(fixture.ask("Bearer " + one.text));
    const auto uses = fixture.access.take_uses();
    REQUIRE(uses.size() == 1);
    CHECK(uses.front() == std::pair(one.token.id, fixture.clock.time - 1));
    CHECK(fixture.access.take_uses().empty());
    CHECK(fixture.ask("Bearer " + other.text));
    fixture.access.set_tokens({one.token});  // it is gone
    CHECK(fixture.access.take_uses().empty());
}

TEST_CASE("tokens are made of random letters, and only a digest is kept") {
    AccessToken draft;
    draft.name = "soc";
    CHECK(!make_token(draft));  // without a scope
    draft.scopes = {Scope::ingest, Scope::feed, Scope::ingest};
    draft.created = 5;
    draft.expires = 10;
    draft.addresses = {*IpPrefix::parse("192.0.2.0/24")};
    draft.id = "old";
    std::set<std::string> texts, ids;
    std::set<char> letters;
    for (int i = 0; i < 500; ++i) {
        const auto made = make_token(draft);
        REQUIRE(made);
        const AccessToken& token = made->token;
        CHECK(made->text.size() == 8 + 12 + 1 + 43);
        CHECK(made->text.starts_with("whosent_" + token.id + "_"));
        CHECK(token.id.find_first_of("-_") == std::string::npos);
        const std::string secret = made->text.substr(21);
        letters.insert(secret.begin(), secret.end());
        CHECK(token.digest == sha256(secret));
        CHECK(token.scopes == std::vector{Scope::feed, Scope::ingest});
        CHECK(token.name == "soc");
        CHECK(token.created == 5);
        CHECK(token.expires == 10);
        CHECK(token.addresses == draft.addresses);
        texts.insert(made->text);
        ids.insert(token.id);
    }
    CHECK(texts.size() == 500);
    CHECK(ids.size() == 500);
    CHECK(letters.size() == 64);
}

TEST_CASE("digests differ by any of their bits") {
    const Sha256Digest digest = sha256("secret");
    CHECK(is_same(digest, digest));
    for (std::size_t bit = 0; bit < 256; ++bit) {
        Sha256Digest other = digest;
        other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ (1u << bit % 8));
        CHECK(!is_same(digest, other));
    }
}
