// Damage at every place: a report mail ends with its payload taken, a failure or a mark, never as something unrelated.
#include <fmt/format.h>

#include <random>

#include "builders.hpp"
#include "catch.hpp"

using namespace whosent;
using namespace whosent::unpack::test;

namespace {

struct Sample {
    std::string name;
    std::string bytes;
};

std::vector<Sample> samples() {
    const auto xml = report(3);
    const std::string name = "mail.example!example.org!1700000000!1700086399";
    const auto part = [](std::string_view type, std::string_view file, std::string_view encoding, std::string_view body) {
        return Attachment{fmt::format("Content-Type: {}; name=\"{}\"\r\nContent-Transfer-Encoding: {}\r\nContent-Disposition: "
                                      "attachment; filename=\"{}\"",
                                      type, file, encoding, file),
                          std::string(body)};
    };
    std::vector<Sample> all = {
        {name + ".xml", xml},
        {name + ".xml.gz", gzip(xml)},
        {name + ".zip", zip({{name + ".xml", xml}})},
    };
    const auto json = tls_report();
    all.push_back({name + ".json", json});
    all.push_back({name + ".json.gz", gzip(json)});
    struct Content {
        std::string_view type;
        std::string file;
        std::string bytes;
    };
    for (const auto& content :
         {Content{"application/gzip", name + ".xml.gz", gzip(xml)},
          Content{"application/zip", name + ".zip", zip({{name + ".xml", xml}})}, Content{"text/xml", name + ".xml", xml},
          Content{"application/tlsrpt+gzip", name + ".json.gz", gzip(json)}, Content{"application/tlsrpt+json", name + ".json", json}}) {
        const std::string what(content.type.substr(content.type.find('/') + 1));
        all.push_back(
            {what + " base64",
             mail(kReportSubject, multipart({human_text(), part(content.type, content.file, "base64", base64(content.bytes))}))});
        all.push_back({what + " quoted-printable",
                       mail(kReportSubject, multipart({human_text(), part(content.type, content.file, "quoted-printable",
                                                                          quoted_printable(content.bytes))}))});
        all.push_back(
            {what + " binary",
             mail(kReportSubject, multipart({human_text(), part(content.type, content.file, "binary", content.bytes)}))});
        const auto single = part(content.type, content.file, "base64", base64(content.bytes));
        all.push_back({what + " body", mail(kReportSubject, "MIME-Version: 1.0\r\n" + single.header + "\r\n\r\n" + single.body)});
    }
    const auto original = mail("Cats", "Content-Type: text/plain\r\n\r\nBuy now.\r\n");
    all.push_back({"complaint", mail("Abuse report", complaint(original))});
    all.push_back({"complaint, old form", mail("complaint about message from 192.0.2.7",
        multipart({{"Content-Type: message/rfc822", "X-HmXmrOriginalRecipient: a@example.org\r\n" + original}}))});
    return all;
}

void check(const Sample& sample, const std::string& damaged, const std::string& how) {
    const auto seen = open_up(damaged, sample.name);
    if (seen.taken || !seen.result.failures.empty() || !seen.result.mark.empty()) return;
    FAIL_CHECK(sample.name << ": " << how << " is taken for something unrelated");
}

}  // namespace

TEST_CASE("a report that is cut is never taken for something unrelated") {
    for (const auto& sample : samples()) {
        REQUIRE(open_up(sample.bytes, sample.name).taken);
        for (std::size_t size = 1; size < sample.bytes.size(); size += 3)
            check(sample, sample.bytes.substr(0, size), fmt::format("cut to {} bytes", size));
    }
    CHECK(true);
}

TEST_CASE("a report with a flipped byte is never taken for something unrelated") {
    std::mt19937 random(20231114);
    for (const auto& sample : samples()) {
        for (std::size_t at = 0; at < sample.bytes.size(); ++at) {
            auto damaged = sample.bytes;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 + random() % 255));
            check(sample, damaged, fmt::format("byte {} flipped", at));
        }
    }
    CHECK(true);
}

TEST_CASE("a report with several flipped bytes is never taken for something unrelated") {
    std::mt19937 random(19821108);
    for (const auto& sample : samples()) {
        if (sample.name == "complaint, old form") continue;  // two lines of it say so: both may be hit
        for (int round = 0; round < 400; ++round) {
            auto damaged = sample.bytes;
            for (auto flips = 2 + random() % 6; flips != 0; --flips) {
                auto& byte = damaged[random() % damaged.size()];
                byte = static_cast<char>(byte ^ (1 + random() % 255));
            }
            check(sample, damaged, fmt::format("round {}", round));
        }
    }
    CHECK(true);
}

TEST_CASE("a report mail that lost a header line is never taken for something unrelated") {
    for (const auto& sample : samples()) {
        for (std::size_t at = 0; at < sample.bytes.size();) {
            const auto end = sample.bytes.find("\r\n", at);
            if (end == std::string::npos) break;
            check(sample, sample.bytes.substr(0, at) + sample.bytes.substr(end + 2), fmt::format("line at {} lost", at));
            at = end + 2;
        }
    }
    CHECK(true);
}

TEST_CASE("a complaint that lost its beginning is a report as long as something in it says so") {
    const auto whole = mail("Abuse report", complaint(mail("Cats", "Content-Type: text/plain\r\n\r\nBuy now.\r\n")));
    std::size_t nothing = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
        const auto rest = std::string_view(whole).substr(at);
        const auto seen = open_up(rest, "1700000000.M1P1.host");
        const bool says = rest.find("\nFeedback-Type: abuse") != std::string_view::npos;
        const bool is_something = seen.taken || !seen.result.failures.empty() || !seen.result.mark.empty();
        if (says && !is_something) FAIL_CHECK("cut to its last " << rest.size() << " bytes");
        nothing += is_something ? 0 : 1;
    }
    CHECK(nothing > 100);  // what is left is the original alone
}
