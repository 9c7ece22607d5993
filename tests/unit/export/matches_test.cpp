#include "catch.hpp"
#include "sample_events.hpp"
#include "whosent/export/encode.hpp"

using namespace whosent;

namespace {

using Selection = EventFilter::Selection;

test::SampleEvent record_of(VerdictKind verdict, Judgement judgement = Judgement::fail) {
    test::SampleEvent sample = test::plain_record();
    sample.record().attribution.verdict = verdict;
    sample.record().alignment.judgement = judgement;
    sample.record().disposition = std::nullopt;
    sample.record().count = 1;
    return sample;
}
test::SampleEvent change_of(VerdictKind before, VerdictKind after) {
    test::SampleEvent sample = test::plain_change();
    sample.change().before.verdict = before;
    sample.change().after.verdict = after;
    sample.change().messages = 1;
    return sample;
}
test::SampleEvent of_domain(test::SampleEvent sample, std::string_view domain) {
    if (auto* record = std::get_if<RecordEvent>(&sample.event.body)) record->domain = domain;
    if (auto* tls = std::get_if<TlsFailureEvent>(&sample.event.body)) tls->policy_domain = domain;
    if (auto* change = std::get_if<ReclassifiedEvent>(&sample.event.body)) change->domain = domain;
    if (auto* finding = std::get_if<FindingEvent>(&sample.event.body)) finding->domain = domain;
    return sample;
}
test::SampleEvent arf_of(std::string_view header_from, std::string_view reported) {
    test::SampleEvent sample = test::plain_failure();
    sample.arf().header_from = header_from;
    sample.lists[3] = {"first.example", reported};
    sample.link();
    return sample;
}

EventFilter select(Selection selection) {
    EventFilter filter;
    filter.selection = selection;
    return filter;
}
EventFilter severe(int least) {
    EventFilter filter;
    filter.min_severity = least;
    return filter;
}
EventFilter of_domains(std::vector<std::string> domains) {
    EventFilter filter;
    filter.domains = std::move(domains);
    return filter;
}
EventFilter of_verdicts(std::vector<VerdictKind> verdicts, int least = 0) {
    EventFilter filter;
    filter.verdicts = std::move(verdicts);
    filter.min_severity = least;
    return filter;
}
EventFilter of_classes(std::vector<EventClass> classes) {
    EventFilter filter;
    filter.classes = std::move(classes);
    return filter;
}

}  // namespace

TEST_CASE("which events a filter wants") {
    const EventFilter example = of_domains({"example.org", "example.com"});
    const auto spoofed = VerdictKind::spoofed, authorized = VerdictKind::authorized, undetermined = VerdictKind::undetermined, forwarded = VerdictKind::forwarded;
    struct Row {
        std::string_view what;
        EventFilter filter;
        test::SampleEvent sample;
        bool wanted;
    };
    std::vector<Row> rows;
    const auto add = [&](std::string_view what, const EventFilter& filter, test::SampleEvent sample, bool wanted) {
        rows.push_back({what, filter, std::move(sample), wanted});
    };
    // What is not wanted first.
    add("failing: an authorized row", select(Selection::failing), record_of(authorized), false);
    add("failing: a row that passes and has no verdict", select(Selection::failing), record_of(undetermined, Judgement::pass), false);
    add("findings: a row", select(Selection::findings), record_of(spoofed), false);
    add("findings: a reclassification", select(Selection::findings), test::plain_change(), false);
    add("findings: a quarantined report", select(Selection::findings), test::plain_quarantine(), false);
    add("class: another", of_classes({EventClass::dmarc_failure, EventClass::finding_opened}), record_of(spoofed), false);
    add("class: a complaint is no failure", of_classes({EventClass::dmarc_failure}), test::plain_complaint(), false);
    add("class: an update is no opening", of_classes({EventClass::finding_opened, EventClass::finding_closed}), test::plain_finding(), false);
    add("severity: below", severe(8), record_of(spoofed), false);
    add("severity: a finding below", severe(9), test::plain_finding(), false);
    add("severity: a report that could not be read", severe(4), test::plain_quarantine(), false);
    add("severity: neither side of a change", severe(8), change_of(spoofed, VerdictKind::unapproved_sender), false);
    add("domain: another", example, of_domain(test::plain_record(), "example.net"), false);
    add("domain: ends alike inside a label", example, of_domain(test::plain_record(), "badexample.com"), false);
    add("domain: above", example, of_domain(test::plain_record(), "com"), false);
    add("domain: longer than the event's", of_domains({"mail.example.com"}), of_domain(test::plain_record(), "example.com"), false);
    add("domain: none", example, of_domain(test::plain_finding(), ""), false);
    add("domain: a quarantined report has none", example, test::plain_quarantine(), false);
    add("domain: none of a failure's", example, arf_of("other.example", "example.com.evil.example"), false);
    add("domain: an empty one is nobody's", of_domains({""}), of_domain(test::plain_record(), "example.com"), false);
    add("verdict: another", of_verdicts({authorized, forwarded}), record_of(spoofed), false);
    add("verdict: a finding has none", of_verdicts({spoofed, undetermined}), test::plain_finding(), false);
    add("verdict: a TLS failure has none", of_verdicts({spoofed, undetermined}), test::plain_tls_failure(), false);
    add("verdict: a quarantined report has none", of_verdicts({spoofed, undetermined}), test::plain_quarantine(), false);
    add("verdict: neither side of a change", of_verdicts({VerdictKind::misaligned}), change_of(spoofed, authorized), false);
    add("verdict and severity: not both on one side of a change", of_verdicts({authorized}, 7), change_of(spoofed, authorized), false);
    add("all parts: one says no", {Selection::failing, {EventClass::dmarc_record}, 7, {"example.com"}, {forwarded}}, record_of(spoofed), false);

    add("nothing asked", {}, record_of(authorized), true);
    add("nothing asked: a quarantined report", {}, test::plain_quarantine(), true);
    for (const VerdictKind verdict : kVerdicts) {
        if (verdict != authorized) add("failing: any other verdict", select(Selection::failing), record_of(verdict), true);
    }
    add("failing: an authorized row's disposition tells nothing", select(Selection::failing), record_of(undetermined, Judgement::forwarded), true);
    add("failing: a source that is authorized now", select(Selection::failing), change_of(spoofed, authorized), true);
    add("failing: a finding", select(Selection::failing), test::plain_finding(), true);
    add("failing: a finding of severity 0", select(Selection::failing), [] { auto sample = test::plain_finding(); sample.finding().severity = 0; return sample; }(), true);
    add("failing: a quarantined report", select(Selection::failing), test::plain_quarantine(), true);
    add("failing: a complaint about authorized mail", select(Selection::failing), test::plain_complaint(), true);
    add("findings: a finding", select(Selection::findings), test::plain_finding(), true);
    add("class: one of two", of_classes({EventClass::dmarc_failure, EventClass::dmarc_record}), record_of(spoofed), true);
    add("class: an update", of_classes({EventClass::finding_updated}), test::plain_finding(), true);
    add("severity: as grave", severe(7), record_of(spoofed), true);
    add("severity: a change to the better", severe(7), change_of(spoofed, authorized), true);
    add("severity: a change to the worse", severe(7), change_of(authorized, spoofed), true);
    add("domain: the same", example, of_domain(test::plain_record(), "example.com"), true);
    add("domain: below", example, of_domain(test::plain_record(), "a.b.example.org"), true);
    add("domain: in capitals, with a dot", example, of_domain(test::plain_record(), "Mail.EXAMPLE.com."), true);
    add("domain: of an address", example, of_domain(test::plain_record(), "someone@example.com"), true);
    add("domain: of a TLS policy", example, of_domain(test::plain_tls_failure(), "example.com"), true);
    add("domain: of a change", example, of_domain(test::plain_change(), "example.com"), true);
    add("domain: of a finding", example, of_domain(test::plain_finding(), "example.com"), true);
    add("domain: one that a failure is about", example, arf_of("other.example", "shop.example.com"), true);
    add("domain: of a failure's From header", example, arf_of("shop.example.com", "other.example"), true);
    add("verdict: the one", of_verdicts({authorized, spoofed}), record_of(spoofed), true);
    add("verdict: of a failure", of_verdicts({spoofed}), test::plain_failure(), true);
    add("verdict: what was thought before", of_verdicts({spoofed}), change_of(spoofed, authorized), true);
    add("verdict: what is thought now", of_verdicts({spoofed}), change_of(authorized, spoofed), true);
    add("verdict and severity: both on one side of a change", of_verdicts({spoofed}, 7), change_of(spoofed, authorized), true);
    add("all parts say yes", {Selection::failing, {EventClass::dmarc_record}, 7, {"example.com"}, {spoofed}}, record_of(spoofed), true);

    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(encode::matches(row.filter, row.sample.event) == row.wanted);
    }
}

TEST_CASE("each class of event is wanted by its own name alone") {
    for (const test::SampleEvent& sample : test::sample_events(1, 100)) {
        for (const EventClass one : kEventClasses) CHECK(encode::matches(of_classes({one}), sample.event) == (name_of(one) == class_of(sample.event)));
    }
}

TEST_CASE("a filter's least severity is the one that is told") {
    for (const test::SampleEvent& sample : test::sample_events(2, 300)) {
        if (std::holds_alternative<ReclassifiedEvent>(sample.event.body)) continue;  // either side counts
        const int severity = encode::severity(sample.event);
        REQUIRE((severity >= 0 && severity <= 10));
        CHECK(encode::matches(severe(severity), sample.event));
        CHECK_FALSE(encode::matches(severe(severity + 1), sample.event));
    }
}

TEST_CASE("encodings have names, and append writes them") {
    std::vector<std::string_view> names;
    const test::SampleEvent sample = test::plain_record();
    for (const encode::Encoding encoding : encode::kEncodings) {
        names.push_back(encode::name_of(encoding));
        std::string out = "kept", expected = "kept";
        encode::append(out, sample.event, encoding);
        (encoding == encode::Encoding::json ? encode::append_json : encoding == encode::Encoding::cef ? encode::append_cef : encode::append_ecs)(expected, sample.event);
        CHECK(out == expected);
    }
    CHECK(names == std::vector<std::string_view>{"json", "cef", "ecs"});
}
