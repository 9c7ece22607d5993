#include <fmt/format.h>

#include "arf_context.hpp"
#include "catch.hpp"
#include "parse/arf/authentication_results.hpp"
#include "parse/arf/fields.hpp"
#include "parse/arf/header.hpp"
#include "parse/arf/original.hpp"
#include "parse/arf/received.hpp"
#include "parse/arf/values.hpp"
#include "parse/arf/words.hpp"

using namespace whosent;
using namespace whosent::parse;
using namespace whosent::parse::arf;

namespace {

std::string results_of(std::string_view value, Context& context) {
    std::vector<AuthenticationResult> results;
    read_authentication_results(value, results, context.reading);
    std::string all;
    for (const auto& r : results) all += r.method + "=" + r.result + "(" + r.domain + (r.selector.empty() ? "" : " " + r.selector) + ")";
    return all;
}

std::string block_of(std::string_view text, BlockKind kind, Context& context) {
    const HeaderBlock block(text, kind, "block", context.reading);
    std::string all;
    for (const HeaderField& field : block.fields()) all += std::string(field.name) + "=" + unfold(field.value, field.name, context.reading) + "|";
    return all;
}

std::string handed(std::string_view header) {
    Context context;
    const auto ip = handed_over_by(HeaderBlock(header, BlockKind::message, "original", context.reading), context.reading);
    return ip ? ip->to_string() : "";
}

}  // namespace

TEST_CASE("ARF: Authentication-Results") {
    struct Row {
        const char *value, *results, *codes;
    };
    static const Row kRows[] = {
        {"", "", "arf.results.unreadable"},
        {"authentication result string is not available", "", "arf.results.unreadable"},
        {";;;", "", "arf.results.unreadable"},
        {"mx.a.example; =pass; dkim=; dkim", "", "arf.results.unreadable"},
        {"mx.a.example; dkim=\"pass", "", "arf.results.unreadable"},
        {"mx.a.example; none", "", ""},
        {"mx.a.example 1; dkim=none (message not signed) header.d=none", "dkim=none()", ""},
        {"mx.a.example; spf=neutral smtp.mailfrom=\"\" smtp.helo=\"h.a.example\"", "spf=neutral(h.a.example)", ""},
        {"mx.a.example; SPF=Pass smtp.mailfrom=b+x=y@B.example", "spf=pass(b.example)", ""},
        {"mx.a.example; dkim=fail (a; b \"c) header.i=@i.example header.d=d.example header.s=S1 header.b=\"x;y\"", "dkim=fail(d.example s1)", ""},
        {"mx.a.example; dkim = pass\theader.d = d.example", "dkim=pass(d.example)", ""},
        {"mx.a.example; dkim/1=pass reason=\"good; signature\" header.i=user@i.example", "dkim=pass(i.example)", ""},
        {"mx.a.example; dmarc=fail (p=none; dis=none) header.from=a.example; arc=pass; iprev=pass policy.iprev=192.0.2.1",
         "dmarc=fail(a.example)arc=pass()iprev=pass()", ""},
        {"dmarc=fail (p=none) header.from=a.example", "dmarc=fail(a.example)", "arf.results.no_authserv_id"},
        {"mta1.a.example  from=b.example; domainkeys=neutral (no sig);  from=c.example; dkim=pass (ok)",
         "domainkeys=neutral(b.example)dkim=pass(c.example)", "arf.results.yahoo"},
    };
    for (const Row& row : kRows) {
        Context context;
        CAPTURE(row.value);
        CHECK(results_of(row.value, context) == row.results);
        CHECK(context.codes() == row.codes);
    }
}

TEST_CASE("ARF: no more than a hundred results are kept") {
    std::string value = "mx.a.example";
    for (int i = 0; i < 150; ++i) value += "; dkim=fail header.d=a.example";
    Context context;
    std::vector<AuthenticationResult> results;
    read_authentication_results(value, results, context.reading);
    CHECK(results.size() == kMaxEntries);
    CHECK(context.codes() == "arf.value.limit");
}

TEST_CASE("ARF: no list of a report grows beyond its limit") {
    struct Row {
        const char* field;  // a field of the report that comes 150 times, or once with 150 items
        std::size_t (*size)(const ArfReport& report);
        std::size_t most;
    };
    static const Row kRows[] = {
        {"Original-Rcpt-To: a{}@a.example\n", [](const ArfReport& r) { return r.original_rcpt_to.size(); }, kMaxEntries},
        {"Reported-Domain: a{}.example\n", [](const ArfReport& r) { return r.reported_domain.size(); }, kMaxEntries},
        {"Reported-URI: https://a{}.example/\n", [](const ArfReport& r) { return r.reported_uri.size(); }, kMaxEntries},
        {"SPF-DNS: txt : a{}.example : \"v=spf1\"\n", [](const ArfReport& r) { return r.spf_dns.size(); }, kMaxEntries},
        {"DKIM-Domain: a{}.example\n", [](const ArfReport& r) { return r.dkim.size(); }, 7},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.field);
        std::string fields, items;
        for (int i = 0; i < 150; ++i) fields += fmt::format(fmt::runtime(row.field), i);
        for (int i = 0; i < 150; ++i) items += fmt::format("{}a{}.example", i == 0 ? "" : ";", i);
        const std::string_view name = std::string_view(row.field).substr(0, std::string_view(row.field).find(':'));
        const bool is_list = name.ends_with("-Domain");
        for (const std::string& text : {fields, is_list ? fmt::format("{}: {}\n", name, items) : fields}) {
            Context context;
            context.limits.dkim_results = 7;
            ArfReport report;
            (void)read_fields(HeaderBlock(text, BlockKind::report, "feedback", context.reading), report, context.reading);
            CHECK(row.size(report) == row.most);
            CHECK(context.codes().find("arf.value.limit") != std::string::npos);
        }
    }
    std::string signatures;
    for (int i = 0; i < 9; ++i) signatures += fmt::format("DKIM-Signature: v=1; d=a{}.example; s=s\n", i);
    for (const auto& [most, codes] : {std::pair{8, "arf.value.limit"}, std::pair{9, ""}}) {
        Context context;
        context.limits.dkim_results = static_cast<std::size_t>(most);
        ArfReport report;
        read_original(HeaderBlock(signatures, BlockKind::message, "original", context.reading), report, context.reading);
        CHECK(report.dkim.size() == context.limits.dkim_results);
        CHECK(context.codes() == codes);
    }
}

TEST_CASE("ARF: a block of fields, as it is mangled") {
    struct Row {
        BlockKind kind;
        const char *text, *fields, *codes;
    };
    using enum BlockKind;
    static const Row kRows[] = {
        {report, "", "", ""},
        {report, "\r\n\r\n", "", ""},
        {report, "no field here\n", "", "arf.block.line_lost"},
        {report, ": x\nA b: y\n", "", "arf.block.line_lost"},
        {message, "REDACTED\nA: b\n", "A=b|", "arf.block.line_lost"},
        {message, "A: b\n\nC: d\n", "A=b|", ""},
        {message, "\nA: b\n", "A=b|", "arf.block.blank_lines"},
        {message, "From user@a.example Tue Nov 3\nA: b\n", "A=b|", ""},
        {report, "A: b\r\n c\r\n\td\r\nE : f", "A=b c d|E=f|", ""},
        {report, "Version: 1\n\nSource-IP: 192.0.2.1\n\nSee https://a.example\nhttp: //b\n", "Version=1|Source-IP=192.0.2.1|", "arf.block.blank_lines"},
        {report, "Version: 1\rSource-IP: 192.0.2.1\r", "Version=1|Source-IP=192.0.2.1|", "arf.block.bare_cr"},
        {report, "> Version: 1\n>> User-Agent: x\n>  y\n", "Version=1|User-Agent=x y|", "arf.block.quoted"},
        {report, "  Version: 1\n    2\n  User-Agent: x\n", "Version=1 2|User-Agent=x|", "arf.block.indented"},
        {report, "Arrival-Date: Tue, 03 Nov 2026\n10:15:00 +0000\nReported-URI:\nhttps://a.example/\n",
         "Arrival-Date=Tue, 03 Nov 2026 10:15:00 +0000|Reported-URI=https://a.example/|",
         "arf.block.unfolded"},
    };
    for (const Row& row : kRows) {
        Context context;
        CAPTURE(row.text);
        CHECK(block_of(row.text, row.kind, context) == row.fields);
        CHECK(context.codes() == row.codes);
    }
}

TEST_CASE("ARF: a block that is longer than the limit, a value that is") {
    Context context;
    context.limits.header_bytes = 37;
    context.limits.value_bytes = 10;
    // U+00FC has two bytes: it is not cut in half
    CHECK(block_of("A: 123456789\xC3\xBC\nB: caf\xE9\nC: 0123456789\nD: x\n", BlockKind::message, context) == "A=123456789|B=caf\xC3\xA9|C=0123456789|");
    CHECK(context.codes() == "arf.block.limit arf.value.long");
}

TEST_CASE("ARF: one Received field") {
    struct Row {
        const char *value, *helo, *name, *by, *ip, *envelope, *recipient;
    };
    static const Row kRows[] = {
        {"", "", "", "", "", "", ""},
        {"by 192.0.2.25 with SMTP id x", "", "", "", "", "", ""},
        {"from", "", "", "", "", "", ""},
        {"from ((((", "", "", "", "", "", ""},
        {"(qmail 1 invoked by uid 2); 3 Nov 2026", "", "", "", "", "", ""},
        {"from localhost by a.example", "", "", "a.example", "", "", ""},
        {"from h.b.example (r.b.example [192.0.2.1]) by a.example with ESMTP", "h.b.example", "r.b.example", "a.example", "192.0.2.1", "", ""},
        {"from h.b.example (unknown [192.0.2.1]) by a.example", "h.b.example", "", "a.example", "192.0.2.1", "", ""},
        {"from [198.51.100.9] (r.b.example [IPv6:2001:db8::1]) by a.example", "", "r.b.example", "a.example", "2001:db8::1", "", ""},
        {"from h.b.example (HELO c.example) (192.0.2.1) by a.example", "h.b.example", "", "a.example", "192.0.2.1", "", ""},
        {"from [192.0.2.1] ([192.0.2.1:4227] helo=r.example) by a.example (envelope-from <u@b.example>)", "", "", "a.example", "192.0.2.1", "u@b.example", ""},
        {"from [192.0.2.1] (helo=phone) by a.example with esmtp (Exim) (envelope-from <u@b.example>) id 1 for v@a.example", "", "",
         "a.example", "192.0.2.1", "u@b.example", "v@a.example"},
        {"from a.b.example (192.0.2.1) by c.d.example (10.0.0.1) with Server id 15", "a.b.example", "", "c.d.example", "192.0.2.1", "", ""},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.value);
        const Hop hop = read_received(row.value);
        CHECK(hop.helo == row.helo);
        CHECK(hop.name == row.name);
        CHECK(hop.by == row.by);
        CHECK((hop.ip ? hop.ip->to_string() : "") == row.ip);
        CHECK(hop.envelope_from == row.envelope);
        CHECK(hop.recipient == row.recipient);
    }
}

TEST_CASE("ARF: who handed a message over") {
    CHECK(handed("") == "");
    CHECK(handed("Received: from a (10.0.0.1) by b.example\n") == "");
    // A spammer's own field stands below the receiver's
    CHECK(handed("Authentication-Results: mx.a.example; spf=pass\nAuthentication-Results: x; spf=pass (sender IP is 198.51.100.1)\n"
                 "Received: from b.example ([192.0.2.1]) by mx.a.example\n") == "192.0.2.1");
    CHECK(handed("Received: from b.example ([192.0.2.1]) by mx.a.example\nReceived: from c.example ([198.51.100.1]) by b.example\n") == "192.0.2.1");
    CHECK(handed("Received: from i.a.example (i.a.example [203.0.113.1]) by j.a.example\n"
                 "Received: from b.example ([192.0.2.1]) by mx.a.example\n") == "192.0.2.1");
    // The client says that it is one of the receiver's own; its address says who it is
    CHECK(handed("Received: from mx.a.example (dsl.c.example [192.0.2.1]) by mx.a.example\n"
                 "Received: from d.example ([198.51.100.1]) by x.example\n") == "192.0.2.1");
    CHECK(handed("Received: from i.a.example (i.a.example [203.0.113.1]) by j.a.example\n") == "203.0.113.1");
    CHECK(handed("Received-SPF: pass (domain of b.example designates 192.0.2.1 as permitted sender) x\n") == "192.0.2.1");
    CHECK(handed("Received-SPF: Pass client-ip=2001:db8::1; helo=x\n") == "2001:db8::1");
    CHECK(handed("X-Originating-IP: [192.0.2.1]\n") == "");
    CHECK(handed("X-YMailISG: x\nX-Originating-IP: [192.0.2.1]\n") == "192.0.2.1");
}

TEST_CASE("ARF: addresses in subjects") {
    for (const char* none : {"", "complaint about message from", "Email Feedback Report for IP 192.0.2.", "version 1.2.3.4", "message from x"}) {
        CAPTURE(none);
        CHECK_FALSE(ip_of_subject(none));
    }
    for (const char* some : {"complaint about message from 192.0.2.1", "DMARC Failure report for a.example Mail-From:b IP:192.0.2.1",
                             "DMARC Forensic Report for a.example from IP 192.0.2.1"}) {
        CAPTURE(some);
        CHECK(ip_of_subject(some) == IpAddress::parse("192.0.2.1"));
    }
}
