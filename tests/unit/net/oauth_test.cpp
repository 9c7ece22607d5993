#include "whosent/net/oauth.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <boost/json.hpp>
#include <fstream>
#include <future>
#include <map>
#include <sstream>

#include "catch.hpp"
#include "net/jwt.hpp"
#include "support.hpp"

namespace whosent::net {
namespace {

namespace json = boost::json;
using Grant = OAuthSettings::Grant;
using Fields = std::map<std::string, std::string>;

struct FixedClock final : Clock {
    Seconds time = 1'795'000'000;
    Seconds now() const override { return time; }
};

std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            plain += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
            i += 2;
        } else {
            plain += text[i] == '+' ? ' ' : text[i];
        }
    }
    return plain;
}

std::string from_base64url(std::string text) {
    for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
    const std::size_t padding = (4 - text.size() % 4) % 4;
    text.append(padding, '=');
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return {};
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

// An authorization server that gives a token only where everything is as the documents say. It knows what it must be told, and nothing of our code.
struct TokenServer {
    std::string path = "/0f1e2d3c/oauth2/v2.0/token";
    Fields fields;  // all that must be sent, and nothing else
    std::string answer = R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ0.eyJh.c2ln"})";
    int status = 200;
    std::function<std::string(const std::string& assertion)> check_assertion;  // empty: good
    std::function<void()> before_answer;
    std::mutex mutex;
    std::vector<std::string> complaints;
    std::optional<Identity> identity;  // speaks TLS
    RawServer server{[this](Peer& peer) { play(peer); }};

    [[nodiscard]] std::string url() const { return (identity ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(server.port()) + path; }

    std::string judge(const std::string& header, const std::string& body) const {
        if (!header.starts_with("POST " + path + " HTTP/1.1\r\n")) return "the request line";
        if (!header.contains("\r\nContent-Type: application/x-www-form-urlencoded\r\n")) return "Content-Type";
        if (!header.contains("\r\nHost: " + std::string(identity ? "localhost:" : "127.0.0.1:") + std::to_string(server.port()) + "\r\n")) return "Host";
        Fields sent;
        std::istringstream pairs(body);
        for (std::string pair; std::getline(pairs, pair, '&');) {
            const auto at = pair.find('=');
            if (at == std::string::npos || sent.contains(decoded(pair.substr(0, at)))) return "the form";
            sent[decoded(pair.substr(0, at))] = decoded(pair.substr(at + 1));
        }
        for (const auto& [name, value] : fields) {
            if (!sent.contains(name)) return name + " is missing";
            if (name == "assertion" && check_assertion) {
                if (const auto wrong = check_assertion(sent[name]); !wrong.empty()) return wrong;
            } else if (sent[name] != value) {
                return name + " is not what it must be";
            }
        }
        return sent.size() == fields.size() ? "" : "more than is asked for";
    }
    void play(Peer& peer) {
        if (identity && !peer.accept_tls(*identity)) return;
        const std::string header = peer.receive_until("\r\n\r\n");
        std::string body;
        if (const auto at = header.find("Content-Length: "); at != std::string::npos) {
            const std::size_t size = std::stoul(header.substr(at + 16));
            while (body.size() < size) {
                const std::string part = peer.receive(size - body.size());
                if (part.empty()) break;
                body += part;
            }
        }
        const std::string wrong = judge(header, body);
        if (before_answer) before_answer();
        int code = status;
        std::string text = answer;
        if (!wrong.empty()) {
            const std::lock_guard lock(mutex);
            complaints.push_back(wrong);
            code = 401;
            text = R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."})";
        }
        peer.send("HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text);
        peer.shut_down();
        peer.wait_for_close();
    }
    [[nodiscard]] std::vector<std::string> complained() {
        const std::lock_guard lock(mutex);
        return complaints;
    }
};

struct Setting {
    TempFolder folder;
    FixedClock clock;
    TokenServer server;
    OAuthSettings settings;

    Setting() {
        server.fields = {{"grant_type", "client_credentials"}, {"client_id", "6731de76-14a6"}, {"client_secret", "qWgdYAmab0YSkuL1qKv5bPX~+/=&%"},
                         {"scope", "https://outlook.office365.com/.default"}};
        settings.client_id = "6731de76-14a6";
        settings.client_secret = SecretSource{SecretSource::Kind::file, folder.write("secret", "qWgdYAmab0YSkuL1qKv5bPX~+/=&%\n")};
        settings.scope = "https://outlook.office365.com/.default";
        settings.insecure_plain = true;
        settings.deadline = std::chrono::seconds(10);
    }
    std::unique_ptr<TokenSource> source(Io& io) {
        if (settings.token_url.empty()) settings.token_url = server.url();
        return make_token_source(io, settings, clock);
    }
};

Result<std::string> ask(Io& io, TokenSource& source) {
    std::optional<Result<std::string>> got;
    source.token([&](Result<std::string> token) { got = std::move(token); });
    CHECK(!got);  // later
    run_until(io, [&] { return got.has_value(); });
    return *got;
}

TEST_CASE("an authorization server that is told anything wrong gives no token") {
    struct Row {
        const char* name;
        std::function<void(Setting&)> wrong;
        std::string complaint;
    };
    const std::vector<Row> rows = {
        {"another secret", [](Setting& s) { s.settings.client_secret->name = s.folder.write("other", "guess"); }, "client_secret is not what it must be"},
        {"another client", [](Setting& s) { s.settings.client_id = "other"; }, "client_id is not what it must be"},
        {"another scope", [](Setting& s) { s.settings.scope = "https://graph.microsoft.com/.default"; }, "scope is not what it must be"},
        {"another tenant", [](Setting& s) { s.settings.token_url = s.server.url(); s.server.path = "/other/oauth2/v2.0/token"; }, "the request line"},
        {"another grant", [](Setting& s) { s.settings.grant = Grant::refresh_token; s.settings.refresh_token = s.settings.client_secret; },
         "grant_type is not what it must be"},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        Setting setting;
        row.wrong(setting);
        Io io;
        const auto source = setting.source(io);
        const auto token = ask(io, *source);
        REQUIRE(!token);
        CHECK(to_string(token.error()) == setting.settings.token_url + ": no token: HTTP status 401: invalid_client: AADSTS7000215: Invalid client secret provided.");
        CHECK(token.error().stage == Stage::collect);
        CHECK(token.error().persistence == Persistence::retry);
        CHECK(setting.server.complained() == std::vector<std::string>{row.complaint});
    }
}

TEST_CASE("answers that hold no token that could be used") {
    struct Row {
        const char* name;
        int status;
        std::string answer, message;
        ErrorCode code = ErrorCode::corrupt;
    };
    const std::string token = R"("access_token":"abc.def")";
    const std::vector<Row> rows = {
        {"nothing", 200, "", "no token in the answer: no JSON object"},
        {"a page", 200, "<html>Sign in</html>", "no token in the answer: no JSON object"},
        {"a list", 200, "[]", "no token in the answer: no JSON object"},
        {"cut", 200, "{\"token_type\":\"Bearer\",", "no token in the answer: no JSON object"},
        {"deep", 200, "{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}", "no token in the answer: no JSON object"},
        {"no token_type", 200, "{" + token + "}", "no token in the answer: token_type is not Bearer"},
        {"another token_type", 200, "{\"token_type\":\"mac\"," + token + "}", "no token in the answer: token_type is not Bearer"},
        {"a token_type that is no text", 200, "{\"token_type\":1," + token + "}", "no token in the answer: token_type is not Bearer"},
        {"no access_token", 200, R"({"token_type":"Bearer"})", "no token in the answer: access_token is missing, too long, or no token"},
        {"an empty access_token", 200, R"({"token_type":"Bearer","access_token":""})", "no token in the answer: access_token is missing, too long, or no token"},
        {"an access_token with a line's end", 200, R"({"token_type":"Bearer","access_token":"abc\r\nA1 LOGOUT"})", "no token in the answer: access_token is missing, too long, or no token"},
        {"an access_token with XOAUTH2's separator", 200, R"({"token_type":"Bearer","access_token":"abc\u0001auth=x"})", "no token in the answer: access_token is missing, too long, or no token"},
        {"an access_token that is not ASCII", 200, R"({"token_type":"Bearer","access_token":"töken"})", "no token in the answer: access_token is missing, too long, or no token"},
        {"an access_token that is a number", 200, R"({"token_type":"Bearer","access_token":12345})", "no token in the answer: access_token is missing, too long, or no token"},
        {"a long access_token", 200, R"({"token_type":"Bearer","access_token":")" + std::string(20'000, 'x') + "\"}", "no token in the answer: access_token is missing, too long, or no token"},
        {"expires_in of letters", 200, "{\"token_type\":\"Bearer\",\"expires_in\":\"soon\"," + token + "}", "no token in the answer: expires_in is no number of seconds"},
        {"expires_in that is negative", 200, "{\"token_type\":\"Bearer\",\"expires_in\":-1," + token + "}", "no token in the answer: expires_in is no number of seconds"},
        {"expires_in that is no number", 200, "{\"token_type\":\"Bearer\",\"expires_in\":\"nan\"," + token + "}", "no token in the answer: expires_in is no number of seconds"},
        {"expires_in that is a list", 200, "{\"token_type\":\"Bearer\",\"expires_in\":[3600]," + token + "}", "no token in the answer: expires_in is no number of seconds"},
        {"larger than any", 200, "{\"token_type\":\"Bearer\"," + token + ",\"x\":\"" + std::string(100'000, 'x') + "\"}", "the body of the response is longer than 65536 bytes (body_bytes)",
         ErrorCode::limit},
        {"a refusal", 400, R"({"error":"invalid_grant","error_description":"Token has been expired or revoked."})",
         "no token: HTTP status 400: invalid_grant: Token has been expired or revoked.", ErrorCode::io},
        {"a refusal of few words", 400, R"({"error":"invalid_scope"})", "no token: HTTP status 400: invalid_scope", ErrorCode::io},
        {"a refusal that repeats the secret", 401, R"j({"error":"invalid_client","error_description":"qWgdYAmab0YSkuL1qKv5bPX~+/=&% is not it, nor (qWgdYAmab0YSkuL1qKv5bPX~+/=&%) in client_secret=qWgdYAmab0YSkuL1qKv5bPX~%2B%2F%3D%26%25"})j",
         "no token: HTTP status 401: invalid_client: *** is not it, nor (***) in client_secret=***", ErrorCode::io},
        {"a refusal that names a person", 400, R"({"error":"invalid_grant","error_description":"AADSTS50034: The user account <jane@example.org> does not exist, nor 'joe@example.org'."})",
         "no token: HTTP status 400: invalid_grant: AADSTS50034: The user account <***> does not exist, nor '***'.", ErrorCode::io},
        {"a refusal with a line's end", 400, R"({"error":"x\nforged log line"})", "no token: HTTP status 400: x\\x0aforged log line", ErrorCode::io},
        {"a refusal of many words", 400, "{\"error\":\"" + std::string(5000, 'x') + "\"}", "no token: HTTP status 400: " + std::string(100, 'x'), ErrorCode::io},
        {"out of order", 503, "try later", "no token: HTTP status 503", ErrorCode::io},
        {"elsewhere", 302, "", "no token: HTTP status 302", ErrorCode::io},
        {"created", 201, "{\"token_type\":\"Bearer\"," + token + "}", "no token: HTTP status 201", ErrorCode::io},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        Setting setting;
        setting.server.status = row.status;
        setting.server.answer = row.answer;
        Io io;
        const auto source = setting.source(io);
        const auto result = ask(io, *source);
        REQUIRE(!result);
        CHECK(result.error().message.starts_with(row.message));
        CHECK(result.error().message.size() < 400);
        CHECK(result.error().code == row.code);
        CHECK(!to_string(result.error()).contains("qWgdYAmab0"));
        CHECK(!to_string(result.error()).contains("abc.def"));
        CHECK(setting.server.complained().empty());
    }
}

TEST_CASE("settings that ask for no token are not sent anywhere") {
    TempFolder folder;
    const auto secret = SecretSource{SecretSource::Kind::file, folder.write("secret", "hunter2")};
    const auto missing = SecretSource{SecretSource::Kind::file, folder.file("none")};
    const std::string rsa = make_rsa_key(folder, "rsa.pem");
    const Identity elliptic = make_certificate(folder, "ec", {});
    const auto text_of = [](const std::string& file) {
        std::ostringstream text;
        text << std::ifstream(file).rdbuf();
        return text.str();
    };
    int number = 0;
    const auto account = [&](const json::value& value) {
        return SecretSource{SecretSource::Kind::file, folder.write("account" + std::to_string(++number), json::serialize(value))};
    };
    const std::string uri = "https://oauth2.example.com/token";
    struct Row {
        const char* name;
        OAuthSettings settings;
        std::string message;
    };
    const auto service = [&](SecretSource source) { return OAuthSettings{.grant = Grant::service_account, .service_account = std::move(source), .scope = "https://mail.google.com/"}; };
    const std::vector<Row> rows = {
        {"plain http", {.token_url = "http://127.0.0.1:1/token", .client_secret = secret}, "the token_url is not https"},
        {"plain http beyond loopback, although insecure", {.token_url = "http://192.0.2.1/token", .client_secret = secret, .insecure_plain = true}, "the token_url is not https"},
        {"no URL", {.token_url = "login.example.com", .client_secret = secret}, "no https URL"},
        {"no secret", {.token_url = uri}, "client credentials without a client_secret"},
        {"a secret that is not there", {.token_url = uri, .client_secret = missing}, "the secret cannot be read: No such file or directory"},
        {"no refresh token", {.grant = Grant::refresh_token, .token_url = uri}, "the grant refresh-token without a refresh_token"},
        {"no account", {.grant = Grant::service_account, .token_url = uri}, "the grant service-account without a service_account"},
        {"an account that is no JSON", service(secret), "no JSON object"},
        {"another account", service(account({{"type", "authorized_user"}})), "a key, but not of a service account"},
        {"no client_email", service(account({{"type", "service_account"}, {"private_key", text_of(rsa)}, {"token_uri", uri}})), "client_email is missing"},
        {"no private_key", service(account({{"client_email", "a@b.example"}, {"token_uri", uri}})), "private_key is missing"},
        {"no token_uri", service(account({{"client_email", "a@b.example"}, {"private_key", text_of(rsa)}})), "token_uri is missing"},
        {"a key that is none", service(account({{"client_email", "a@b.example"}, {"private_key", "hunter2"}, {"token_uri", uri}})),
         "private_key holds no key that can be read (PEM, without a password)"},
        {"a key of another kind", service(account({{"client_email", "a@b.example"}, {"private_key", text_of(elliptic.key)}, {"token_uri", uri}})), "private_key is no RSA key"},
        {"an account whose token_uri is plain", service(account({{"client_email", "a@b.example"}, {"private_key", text_of(rsa)}, {"token_uri", "http://127.0.0.1:1/"}})),
         "the token_url is not https"},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        Io io;
        const FixedClock clock;
        const auto source = make_token_source(io, row.settings, clock);
        const auto token = ask(io, *source);
        REQUIRE(!token);
        CHECK(token.error().message == row.message);
        CHECK(token.error().persistence == Persistence::permanent);
        CHECK(!to_string(token.error()).contains("hunter2"));
        CHECK(!to_string(token.error()).contains("PRIVATE KEY"));
    }
}

TEST_CASE("client credentials, as Microsoft documents them") {
    for (const char* answer : {R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ0.eyJh.c2ln"})",
                               R"({"access_token":"eyJ0.eyJh.c2ln","token_type":"bearer","expires_in":"3599"})", R"({"access_token":"eyJ0.eyJh.c2ln","token_type":"BEARER","expires_in":3599.5})"}) {
        INFO(answer);
        Setting setting;
        setting.server.answer = answer;
        Io io;
        const auto source = setting.source(io);
        for (const Seconds later : {0, 3538}) {
            setting.clock.time = FixedClock().time + later;
            const auto token = ask(io, *source);
            if (!token) FAIL(to_string(token.error()));
            CHECK(*token == "eyJ0.eyJh.c2ln");
        }
        CHECK(setting.server.server.connections() == 1);
        setting.clock.time = FixedClock().time + 3599 - 60;  // its last minute
        setting.server.answer = R"({"token_type":"Bearer","access_token":"second"})";
        CHECK(ask(io, *source).value() == "second");
        CHECK(setting.server.server.connections() == 2);
        setting.clock.time += 3600 - 61;  // nothing said: an hour
        CHECK(ask(io, *source).value() == "second");
        source->reject("eyJ0.eyJh.c2ln");  // another, long forgotten
        CHECK(ask(io, *source).value() == "second");
        CHECK(setting.server.server.connections() == 2);
        setting.server.answer = R"({"token_type":"Bearer","access_token":"third","expires_in":99999999999999999999})";
        source->reject("second");
        CHECK(ask(io, *source).value() == "third");
        CHECK(setting.server.server.connections() == 3);
        setting.clock.time += 2 * kSecondsPerDay;  // whatever was said
        CHECK(ask(io, *source).value() == "third");
        CHECK(setting.server.server.connections() == 4);
        CHECK(setting.server.complained().empty());
    }
}

TEST_CASE("a refresh token is sent as the documents say, and the one that follows it is kept") {
    for (const bool secret : {true, false}) {
        Setting setting;
        setting.settings.grant = Grant::refresh_token;
        setting.settings.scope = "";
        setting.settings.refresh_token = SecretSource{SecretSource::Kind::file, setting.folder.write("refresh", "1//first\n")};
        setting.server.fields["grant_type"] = "refresh_token";
        setting.server.fields["refresh_token"] = "1//first";
        setting.server.fields.erase("scope");
        if (!secret) {
            setting.settings.client_secret.reset();
            setting.server.fields.erase("client_secret");
        }
        setting.server.answer = R"({"token_type":"Bearer","access_token":"one","expires_in":3599,"scope":"https://mail.google.com/"})";
        Io io;
        const auto source = setting.source(io);
        CHECK(ask(io, *source).value() == "one");
        source->reject("one");
        setting.server.answer = R"({"token_type":"Bearer","access_token":"two","refresh_token":"1//second"})";
        CHECK(ask(io, *source).value() == "two");
        source->reject("two");
        setting.server.fields["refresh_token"] = "1//second";
        CHECK(ask(io, *source).value() == "two");
        CHECK(setting.server.complained().empty());
        // An error never repeats it
        setting.server.status = 400;
        setting.server.answer = R"({"error":"invalid_grant","error_description":"1//second was revoked"})";
        source->reject("two");
        const auto refused = ask(io, *source);
        REQUIRE(!refused);
        CHECK(refused.error().message == "no token: HTTP status 400: invalid_grant: *** was revoked");
    }
}

// What is wrong with a service account's assertion, by Google's document; empty: nothing.
std::string wrong_with(const std::string& assertion, EVP_PKEY* key, const std::string& audience, const std::string& subject, Seconds now) {
    const auto first = assertion.find('.'), second = assertion.rfind('.');
    if (first == std::string::npos || first == second) return "three parts";
    if (assertion.find_first_of("=+/") != std::string::npos) return "base64url";
    const std::string signed_text = assertion.substr(0, second), signature = from_base64url(assertion.substr(second + 1));
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> verifying(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    EVP_DigestVerifyInit(verifying.get(), nullptr, EVP_sha256(), nullptr, key);
    if (EVP_DigestVerify(verifying.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(), reinterpret_cast<const unsigned char*>(signed_text.data()),
                         signed_text.size()) != 1)
        return "signature";
    const json::value header = json::parse(from_base64url(assertion.substr(0, first))), claims = json::parse(from_base64url(assertion.substr(first + 1, second - first - 1)));
    if (header != json::value{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", "0123abcd"}}) return "header";
    json::object expected{{"iss", "reports@project.iam.example.com"}, {"scope", "https://mail.google.com/"}, {"aud", audience}, {"iat", now}, {"exp", now + 3600}};
    if (!subject.empty()) expected["sub"] = subject;
    return claims == json::value(expected) ? "" : "claims " + json::serialize(claims);
}

TEST_CASE("a service account asserts who it is, as Google documents it") {
    Setting setting;
    const std::string rsa = make_rsa_key(setting.folder, "rsa.pem"), other = make_rsa_key(setting.folder, "other.pem");
    const auto read_key = [](const std::string& path) {
        const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "r"), &std::fclose);
        return std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
    };
    const auto key = read_key(rsa), other_key = read_key(other);
    std::ostringstream pem;
    pem << std::ifstream(rsa).rdbuf();
    for (const bool given : {true, false}) {
        // The URL is the file's, or another one that the settings tell; the audience is always the file's
        const std::string audience = given ? "https://oauth2.example.com/token" : setting.server.url();
        const json::value account{{"type", "service_account"}, {"project_id", "project"}, {"private_key_id", "0123abcd"}, {"private_key", pem.str()},
                                  {"client_email", "reports@project.iam.example.com"}, {"client_id", "1"}, {"token_uri", audience}};
        setting.settings.grant = Grant::service_account;
        setting.settings.client_secret.reset();
        setting.settings.service_account = SecretSource{SecretSource::Kind::file, setting.folder.write("account.json", json::serialize(account))};
        setting.settings.scope = "https://mail.google.com/";
        setting.settings.subject = "dmarc@example.org";
        setting.settings.token_url = given ? setting.server.url() : "";
        setting.server.fields = {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", ""}};
        Io io;
        const auto source = make_token_source(io, setting.settings, setting.clock);

        setting.server.check_assertion = [&](const std::string& assertion) { return wrong_with(assertion, other_key.get(), audience, "dmarc@example.org", setting.clock.now()); };
        CHECK(!ask(io, *source));
        setting.server.check_assertion = [&](const std::string& assertion) { return wrong_with(assertion, key.get(), audience, "somebody@example.org", setting.clock.now()); };
        CHECK(!ask(io, *source));
        setting.server.check_assertion = [&](const std::string& assertion) { return wrong_with(assertion, key.get(), audience, "dmarc@example.org", setting.clock.now()); };
        const auto token = ask(io, *source);
        if (!token) FAIL(to_string(token.error()));
        CHECK(*token == "eyJ0.eyJh.c2ln");
    }
    REQUIRE(setting.server.complained().size() == 4);
    CHECK(setting.server.complained()[0] == "signature");
    CHECK(setting.server.complained()[1].starts_with("claims "));
}

TEST_CASE("however many ask, one request is under way, and all are told") {
    Setting setting;
    std::promise<void> asked;
    setting.server.before_answer = [&] { asked.get_future().wait(); };
    Io io;
    const auto source = setting.source(io);
    std::vector<std::string> tokens;
    for (int i = 0; i < 20; ++i) source->token([&](Result<std::string> token) { tokens.push_back(token.value_or("none")); });
    run_until(io, [&] { return setting.server.server.connections() > 0; });
    for (int i = 0; i < 20; ++i) source->token([&](Result<std::string> token) { tokens.push_back(token.value_or("none")); });
    asked.set_value();
    run_until(io, [&] { return tokens.size() == 40; });
    CHECK(tokens == std::vector<std::string>(40, "eyJ0.eyJh.c2ln"));
    CHECK(setting.server.server.connections() == 1);

    setting.server.before_answer = nullptr;
    setting.server.status = 500;
    source->reject("eyJ0.eyJh.c2ln");
    tokens.clear();
    for (int i = 0; i < 20; ++i) source->token([&](Result<std::string> token) { tokens.push_back(token.value_or("none")); });
    run_until(io, [&] { return tokens.size() == 20; });
    CHECK(tokens == std::vector<std::string>(20, "none"));
    CHECK(setting.server.server.connections() == 2);
    setting.server.status = 200;
    CHECK(ask(io, *source).has_value());  // an error is not kept
}

TEST_CASE("a source that is destroyed tells nobody any more") {
    Setting setting;
    std::promise<void> gone;
    setting.server.before_answer = [&] { gone.get_future().wait(); };
    Io io;
    auto source = setting.source(io);
    int told = 0;
    source->token([&](Result<std::string>) { ++told; });
    run_until(io, [&] { return setting.server.server.connections() > 0; });
    source.reset();
    gone.set_value();
    io.context().restart();
    io.context().run_for(200ms);
    CHECK(told == 0);

    setting.server.before_answer = nullptr;
    source = setting.source(io);
    REQUIRE(ask(io, *source));
    source->token([&](Result<std::string>) { ++told; });  // from memory
    source.reset();
    io.context().restart();
    io.context().run_for(20ms);
    CHECK(told == 0);

    // destroyed by the first that is told
    source = setting.source(io);
    for (int i = 0; i < 3; ++i) {
        source->token([&](Result<std::string>) {
            ++told;
            source.reset();
        });
    }
    run_until(io, [&] { return told > 0; });
    io.context().run_for(20ms);
    CHECK(told == 1);
}

TEST_CASE("a token is fetched over TLS, from a server that can prove who it is") {
    Setting setting;
    const Identity authority = make_certificate(setting.folder, "ca", {.subject = "authority", .authority = true});
    setting.server.identity = make_certificate(setting.folder, "server", {.issuer = &authority});
    setting.settings.insecure_plain = false;
    for (const bool trusted : {false, true}) {
        setting.settings.tls.ca_file = trusted ? authority.certificate : "";
        Io io;
        const auto source = setting.source(io);
        const auto token = ask(io, *source);
        CHECK(token.has_value() == trusted);
        if (!trusted) CHECK(token.error().message == "certificate verify failed: unable to get local issuer certificate");
    }
    CHECK(setting.server.complained().empty());
}

TEST_CASE("base64url is RFC 4648's") {
    CHECK(base64url("") == "");
    CHECK(base64url("f") == "Zg");
    CHECK(base64url("fo") == "Zm8");
    CHECK(base64url("foo") == "Zm9v");
    CHECK(base64url("foobar") == "Zm9vYmFy");
    CHECK(base64url("\xfb\xff\xbf") == "-_-_");
}

}  // namespace
}  // namespace whosent::net
