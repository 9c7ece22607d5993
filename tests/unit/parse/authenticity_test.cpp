#include "whosent/parse/authenticity.hpp"

#include <vector>

#include "catch.hpp"

using namespace whosent;
using whosent::parse::authenticity_of;

namespace {

const std::vector<std::string> kTrusted = {"mx.example.com", "MX2.example.com"};

Authenticity of(std::string header) {
    std::string message;
    for (const char c : header) message += c == '\n' ? std::string("\r\n") : std::string(1, c);
    return authenticity_of(message + "Subject: Report\r\n\r\nbody\r\n", kTrusted);
}

std::string results(std::string_view value, std::string_view from = "From: Reports <noreply@reporter.example.net>\n") {
    return "Authentication-Results: " + std::string(value) + "\n" + std::string(from);
}

}  // namespace

TEST_CASE("authenticity: what one trusted field says") {
    struct Row {
        const char* value;
        Authenticity is;
    };
    static const Row kRows[] = {
        // nobody who is trusted says it
        {"", Authenticity::unknown},
        {"mx.example.net; dmarc=pass header.from=reporter.example.net", Authenticity::unknown},
        {"mx.example.com.example.net; dmarc=pass", Authenticity::unknown},
        {"example.com; dmarc=pass", Authenticity::unknown},
        {"dmarc=pass header.from=reporter.example.net", Authenticity::unknown},
        {"; dmarc=pass", Authenticity::unknown},
        {"(mx.example.com); dmarc=pass", Authenticity::unknown},
        {"other (mx.example.com; dmarc=pass", Authenticity::unknown},
        // nothing is said, or it may pass next time
        {"mx.example.com", Authenticity::unknown},
        {"mx.example.com; none", Authenticity::unknown},
        {"mx.example.com; dmarc=none", Authenticity::unknown},
        {"mx.example.com; dmarc=temperror", Authenticity::unknown},
        {"mx.example.com; dmarc=permerror", Authenticity::unknown},
        {"mx.example.com; spf=fail smtp.mailfrom=reporter.example.net", Authenticity::unknown},
        {"mx.example.com; dkim=fail header.d=reporter.example.net", Authenticity::unknown},
        {"mx.example.com; dkim=temperror header.d=example.net; spf=fail", Authenticity::unknown},
        {"mx.example.com; iprev=pass; auth=pass smtp.auth=x", Authenticity::unknown},
        // it failed
        {"mx.example.com; dmarc=fail header.from=reporter.example.net", Authenticity::failed},
        {"mx.example.com; dmarc=fail; dkim=pass header.d=example.net", Authenticity::failed},
        {"mx.example.com; dkim=pass header.d=example.net; dmarc=fail", Authenticity::failed},
        {"mx.example.com; dkim=fail header.d=reporter.example.net; spf=softfail smtp.mailfrom=reporter.example.net", Authenticity::failed},
        {"mx.example.com; dkim=none; spf=none", Authenticity::failed},
        {"mx.example.com; dmarc=none; dkim=none; spf=none", Authenticity::failed},
        {"mx.example.com; dkim=pass header.d=example.org; spf=pass smtp.mailfrom=bounce.example.org", Authenticity::failed},
        {"mx.example.com; dkim=pass; spf=pass", Authenticity::failed},
        {"mx.example.com; dkim=pass header.d=example.net.example.org; spf=none", Authenticity::failed},
        // the sender's own words within a quoted local part, a comment or a reason prove nothing
        {"mx.example.com; spf=fail smtp.mailfrom=\"a; dkim=pass header.d=example.net; b\"@example.org; dkim=none", Authenticity::failed},
        {"mx.example.com; spf=fail smtp.mailfrom=\"a\\\"; dkim=pass header.d=example.net; \\\"\"@example.org; dkim=none", Authenticity::failed},
        {"mx.example.com; spf=fail (dmarc=pass); dkim=none (; dmarc=pass ;)", Authenticity::failed},
        {"mx.example.com; spf=fail reason=\"; dmarc=pass\"; dkim=none", Authenticity::failed},
        {"mx.example.com; xdmarc=pass; spf=fail; dkim=none", Authenticity::failed},
        {"mx.example.com; dmarc=passed; spf=fail; dkim=none", Authenticity::failed},
        // it is authenticated
        {"mx.example.com; dmarc=pass header.from=reporter.example.net", Authenticity::authenticated},
        {"mx.example.com; dkim=pass header.d=example.net", Authenticity::authenticated},
        {"mx.example.com; dkim=pass header.i=@mail.example.net; spf=fail", Authenticity::authenticated},
        {"mx.example.com; dkim=fail header.d=example.net; dkim=pass header.d=example.net", Authenticity::authenticated},
        {"mx.example.com; dkim=fail; spf=pass smtp.mailfrom=bounces@reporter.example.net", Authenticity::authenticated},
        {"mx.example.com; dmarc=temperror; dkim=pass header.d=EXAMPLE.net", Authenticity::authenticated},
        {"Mx2.Example.COM 1;\n\tdkim=pass (2048 bit key)\n\theader.d=example.net; spf=none", Authenticity::authenticated},
        {"(by) \"mx.example.com\" ; DMARC=PASS", Authenticity::authenticated},
        {"mx.example.com; dmarc/1 = pass", Authenticity::authenticated},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.value);
        CHECK(of(results(row.value)) == row.is);
    }
}

TEST_CASE("authenticity: which field counts") {
    const std::string pass = "Authentication-Results: mx.example.com; dmarc=pass\n", fail = "Authentication-Results: mx.example.com; dmarc=fail\n";
    const std::string other = "Authentication-Results: mx.example.org; dmarc=pass\n", from = "From: a@example.net\n";
    CHECK(of(from) == Authenticity::unknown);
    CHECK(of(other + from) == Authenticity::unknown);
    CHECK(of(fail + pass + from) == Authenticity::failed);  // the one below came with the mail
    CHECK(of(from + "\n" + pass) == Authenticity::unknown);  // in the body
    CHECK(of("X-Authentication-Results: mx.example.com; dmarc=pass\n" + from) == Authenticity::unknown);
    CHECK(of("Subject: x\n Authentication-Results: mx.example.com; dmarc=pass\n" + from) == Authenticity::unknown);  // the rest of a subject
    CHECK(of("> Authentication-Results: mx.example.com; dmarc=pass\n> From: a@example.net\n") == Authenticity::unknown);
    CHECK(of("Subject: x\rAuthentication-Results: mx.example.com; dmarc=pass\n" + from) == Authenticity::unknown);
    CHECK(of(other + pass + fail + from) == Authenticity::authenticated);
    CHECK(of("Received: from a\n\tby b\n" + pass + from) == Authenticity::authenticated);
    CHECK(of("authentication-RESULTS : mx.example.com; dmarc=pass\n" + from) == Authenticity::authenticated);
    CHECK(authenticity_of("Authentication-Results: mx.example.com; dmarc=pass\nFrom: a@example.net\n\nx", kTrusted) == Authenticity::authenticated);
    CHECK(authenticity_of("Authentication-Results: mx.example.com; dmarc=pass", kTrusted) == Authenticity::authenticated);
    CHECK(authenticity_of("Authentication-Results: mx.example.com; dmarc=pass\n\n", {}) == Authenticity::unknown);
    CHECK(authenticity_of("", kTrusted) == Authenticity::unknown);
}

TEST_CASE("authenticity: alignment asks for one author") {
    const std::string_view dkim = "mx.example.com; dkim=pass header.d=example.net; spf=none";
    CHECK(of(results(dkim, "")) == Authenticity::unknown);
    CHECK(of(results(dkim, "From: a@example.net\nFrom: a@example.net\n")) == Authenticity::unknown);
    CHECK(of(results(dkim, "From: a@example.net, b@example.net\n")) == Authenticity::unknown);
    CHECK(of(results(dkim, "From: nobody\n")) == Authenticity::unknown);
    CHECK(of(results(dkim, "From: \"a@example.net\" <a@example.org>\n")) == Authenticity::failed);
    CHECK(of(results(dkim, "From: \"a@example.org, the same\" <a@mail.example.net>\n")) == Authenticity::authenticated);
    // What a public suffix holds together is not one organization.
    CHECK(of(results("mx.example.com; dkim=pass header.d=b.co.uk; spf=none", "From: a@a.co.uk\n")) == Authenticity::failed);
}

TEST_CASE("authenticity: a header without end") {
    const std::string filler(1000, 'x');
    std::string long_value = "Authentication-Results: mx.example.com; dkim=none";
    while (long_value.size() < 200 * 1024) long_value += "\r\n\t(" + filler + ")";
    // Beyond the value that other readers keep, and not cut.
    CHECK(authenticity_of(long_value + ";\r\n\tdkim=pass header.d=example.net\r\nFrom: a@example.net\r\n\r\n", kTrusted) == Authenticity::authenticated);
    while (long_value.size() < 256 * 1024) long_value += "\r\n\t(" + filler + ")";
    CHECK(authenticity_of("From: a@example.net\r\n" + long_value + "; spf=none\r\n\r\n", kTrusted) == Authenticity::unknown);
    std::string far = "From: a@example.net\r\n";
    while (far.size() < 256 * 1024) far += "X-Filler: " + filler + "\r\n";
    CHECK(authenticity_of(far + "Authentication-Results: mx.example.com; dmarc=pass\r\n\r\n", kTrusted) == Authenticity::unknown);
    CHECK(authenticity_of("Authentication-Results: mx.example.com; dmarc=pass\r\n" + far, kTrusted) == Authenticity::authenticated);
    CHECK(authenticity_of("Authentication-Results: mx.example.com; dmarc=pass" + std::string(300 * 1024, ' ') + "; dmarc=fail\r\n\r\n", kTrusted) == Authenticity::unknown);
    std::string many = "Authentication-Results: mx.example.com; spf=none";
    for (int i = 0; i < 200; ++i) many += "; dkim=none";
    CHECK(authenticity_of(many + "\r\nFrom: a@example.net\r\n\r\n", kTrusted) == Authenticity::unknown);
}
