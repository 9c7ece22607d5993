#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "whosent/judge/detectors.hpp"

using namespace whosent;
using namespace whosent::judge;

namespace {

constexpr Seconds kHour = 3600;
constexpr Day kToday = 20'000;
constexpr Seconds kNow = kToday * kSecondsPerDay + 12 * kHour;
constexpr Seconds kThreeDays = 3 * kSecondsPerDay;

using Lines = std::vector<std::string>;
using Of = ReportingHistory::Of;

// "key severity subject"
Lines lines_of(const std::vector<Finding>& findings) {
    Lines lines;
    for (const Finding& finding : findings) lines.push_back(finding.key + " " + std::to_string(finding.severity) + " " + finding.subject);
    return lines;
}

// One report on each day from `first` to `last` days ago that `weekly` allows (its lowest bit is the first day of each week).
ReportingHistory history_of(const std::string& name, Day first, Day last, unsigned weekly = 0x7f, Of of = Of::reporter, std::int64_t reports_a_day = 1) {
    ReportingHistory history;
    history.of = of;
    history.name = name;
    for (Day day = kToday - first; day <= kToday - last; ++day) {
        if (weekly >> ((day - kToday + 700) % 7) & 1) history.days.push_back(day);
    }
    history.reports = static_cast<std::int64_t>(history.days.size()) * reports_a_day;
    return history;
}

std::string all_text(const Finding& finding) {
    std::string text = finding.key + "\n" + finding.subject + "\n" + finding.text;
    for (const auto& [name, value] : finding.evidence) text += "\n" + name + ": " + value;
    return text;
}

CollectorState collector() {
    CollectorState state;
    state.name = "imap:reports";
    state.first_seen = kNow - 100 * kSecondsPerDay;
    state.last_success = kNow - 60;
    state.last_message = kNow - kHour;
    return state;
}

}  // namespace

TEST_CASE("a collector is silent when nothing came for as long as it was told") {
    struct Row {
        const char* what;
        void (*change)(CollectorState&);
        Seconds silent_after;
        bool found;
    };
    const Row rows[] = {
        {"it may be silent for ever", [](CollectorState& c) { c.last_message = 1; }, 0, false},
        {"nothing is known of it", [](CollectorState& c) { c.last_message = c.last_success = 0, c.first_seen = kNow; }, kThreeDays, false},
        {"not for so long", [](CollectorState& c) { c.last_message = kNow - kThreeDays; }, kThreeDays, false},
        {"the clock was set back", [](CollectorState& c) { c.last_message = kNow + kThreeDays; }, kThreeDays, false},
        {"it is no more in the configuration", [](CollectorState& c) { c.last_message = 1, c.configured = false; }, kThreeDays, false},
        {"it fails, which is told elsewhere",
         [](CollectorState& c) { c.last_message = kNow - 9 * kSecondsPerDay, c.failing_since = kNow - kSecondsPerDay, c.last_success = c.failing_since - 1, c.last_error_at = kNow; }, kThreeDays,
         false},
        {"it is new", [](CollectorState& c) { c.last_message = 0, c.first_seen = kNow - kThreeDays; }, kThreeDays, false},
        {"it never brought any", [](CollectorState& c) { c.last_message = 0, c.first_seen = kNow - kThreeDays - 1; }, kThreeDays, true},
        {"nothing for so long", [](CollectorState& c) { c.last_message = kNow - kThreeDays - 1; }, kThreeDays, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        WatchedCollector watched{collector(), row.silent_after};
        row.change(watched.state);
        CHECK(lines_of(collector_silent({&watched, 1}, kNow)) == (row.found ? Lines{"collector-silent imap:reports 6 imap:reports"} : Lines{}));
    }
}

TEST_CASE("what is told of a silent collector does not change while it is silent") {
    WatchedCollector watched{collector(), kThreeDays};
    watched.state.last_message = kNow - kThreeDays - 1;
    const Finding first = collector_silent({&watched, 1}, kNow).at(0);
    CHECK(first.rule == "collector-silent");
    CHECK(first.first_seen == watched.state.last_message);
    CHECK(first.last_seen == kNow);
    CHECK(first.text.starts_with("imap:reports has brought no message since 2024-10-01T11:59:59Z. "));
    watched.state.last_success += kSecondsPerDay;
    watched.state.retried += 3;
    const Finding later = collector_silent({&watched, 1}, kNow + kSecondsPerDay).at(0);
    CHECK(all_text(later) == all_text(first));
    CHECK(later.last_seen == kNow + kSecondsPerDay);
    watched.state.last_message = 0;
    CHECK(collector_silent({&watched, 1}, kNow).at(0).text.starts_with("imap:reports has brought no message since it was set up at 2024-06-26T12:00:00Z. "));
}

TEST_CASE("a collector fails when nothing went well for over an hour") {
    struct Row {
        const char* what;
        Seconds failing_since, last_error_at, last_success, last_message;  // before now; -1: never
        bool configured, found;
    };
    const Row rows[] = {
        {"it never did", -1, -1, 60, kHour, true, false},
        {"an error long ago, and all well since", -1, 9 * kHour, 60, kHour, true, false},
        {"not for an hour yet", kHour, 1, kHour + 1, 2 * kHour, true, false},
        {"messages come all the same", 9 * kHour, 5 * kHour, 10 * kHour, kHour, true, false},
        {"it is no more in the configuration", 9 * kHour, 60, 10 * kHour, 10 * kHour, false, false},
        {"for over an hour", kHour + 1, 60, kHour + 2, 2 * kHour, true, true},
        {"it never went well", 9 * kHour, 60, -1, -1, true, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        const auto at = [](Seconds before) { return before < 0 ? 0 : kNow - before; };
        CollectorState state = collector();
        state.failing_since = at(row.failing_since);
        state.last_error_at = at(row.last_error_at);
        state.last_success = at(row.last_success);
        state.last_message = at(row.last_message);
        state.configured = row.configured;
        state.last_error = "refused";
        CHECK(lines_of(collector_failing({&state, 1}, kNow)) == (row.found ? Lines{"collector-failing imap:reports 8 imap:reports"} : Lines{}));
    }
}

TEST_CASE("what is told of a failing collector changes with its error alone, and holds no address") {
    CollectorState state = collector();
    state.failing_since = kNow - 2 * kHour;
    state.last_success = state.last_message = state.failing_since - 10;
    state.last_error_at = kNow;
    state.last_error = "192.0.2.1:993: somebody@example.org may\nnot log in";
    const Finding first = collector_failing({&state, 1}, kNow).at(0);
    CHECK(first.first_seen == state.failing_since);
    CHECK(first.text.starts_with("imap:reports has failed since 2024-10-04T10:00:00Z: the address"));
    for (const std::string_view absent : {"192.0.2", "somebody", "\n"}) CHECK(first.text.find(absent) == std::string::npos);
    // another of its addresses, a later error, a message that had to be tried again
    state.last_error = "198.51.100.77:993: somebody@example.org may\nnot log in";
    state.last_error_at = kNow + kHour;
    state.retried = 7;
    CHECK(all_text(collector_failing({&state, 1}, kNow + kHour).at(0)) == all_text(first));
    state.last_error = "refused";
    CHECK(all_text(collector_failing({&state, 1}, kNow + kHour).at(0)) != all_text(first));
    state.last_error.clear();
    CHECK(collector_failing({&state, 1}, kNow + kHour).at(0).text.ends_with(": it does not say why"));
    state.last_error.assign(100'000, 'x');
    CHECK(collector_failing({&state, 1}, kNow + kHour).at(0).text.size() < 500);
}

TEST_CASE("a sink fails for over an hour, while the configuration has it") {
    struct Row {
        const char* what;
        Seconds failing_since;  // before now; 0: it does not fail
        bool configured;
        bool found;
    };
    const Row rows[] = {
        {"it works", 0, true, false},
        {"for an hour only", kHour, true, false},
        {"nobody wants it any more", 2 * kHour, false, false},
        {"for longer", kHour + 1, true, true},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        SinkState state;
        state.name = "syslog:soc";
        state.configured = row.configured;
        state.failing_since = row.failing_since == 0 ? 0 : kNow - row.failing_since;
        state.last_error = "192.0.2.1:6514: refused";
        CHECK(lines_of(sink_failing({&state, 1}, kNow)) == (row.found ? Lines{"sink-failing syslog:soc 6 syslog:soc"} : Lines{}));
    }
}

TEST_CASE("what is told of a failing sink changes with its error alone") {
    SinkState state;
    state.name = "hec:splunk";
    state.failing_since = kNow - 2 * kHour;
    state.last_success = state.failing_since - 10;
    state.last_error = "192.0.2.1:8088: 403\nInvalid token";
    const Finding first = sink_failing({&state, 1}, kNow).at(0);
    CHECK(first.text.starts_with("hec:splunk has delivered nothing since 2024-10-04T10:00:00Z"));
    for (const std::string_view absent : {"192.0.2", "\n"}) CHECK(first.text.find(absent) == std::string::npos);
    state.last_error_at = kNow + kHour;
    state.retried = 77;
    CHECK(all_text(sink_failing({&state, 1}, kNow + kHour).at(0)) == all_text(first));
    state.last_error = "503";
    CHECK(all_text(sink_failing({&state, 1}, kNow + kHour).at(0)) != all_text(first));
}

TEST_CASE("a reporter stopped when it was regular and is silent for longer than it may") {
    struct Row {
        const char* what;
        ReportingHistory history;
        Seconds silent_after;
        bool found;
    };
    ReportingHistory future = history_of("r.example", 50, 10);
    future.days.push_back(kToday + 1000);
    ++future.reports;
    ReportingHistory unnamed = history_of("", 50, 10);
    const Row rows[] = {
        {"no day at all", history_of("r.example", 0, 1), kThreeDays, false},
        {"it reports", history_of("r.example", 50, 1), kThreeDays, false},
        {"it has no name", unnamed, kThreeDays, false},
        {"not regular: 9 of 14 days", history_of("r.example", 18, 10), kThreeDays, false},
        {"not regular: every other day", history_of("r.example", 50, 10, 0x55), kThreeDays, false},
        {"regular long ago, but not before it stopped", [] {
             ReportingHistory history = history_of("r.example", 50, 30);
             history.days.push_back(kToday - 10);
             return history;
         }(), kThreeDays, false},
        {"not silent for so long: two days and a half", history_of("r.example", 50, 3), kThreeDays, false},
        {"not silent for three times its usual gap", history_of("r.example", 50, 3), kSecondsPerDay, false},
        {"nor is a weekend with a holiday: three days and a half where 5 a week are usual", history_of("r.example", 53, 4, 0x7c), kThreeDays, false},
        {"it may be silent for ever", history_of("r.example", 50, 10), 0, false},
        {"not for as long as asked for", history_of("r.example", 50, 10), 10 * kSecondsPerDay, false},
        {"10 of 14 days, then silence", history_of("r.example", 19, 10), kThreeDays, true},
        {"each working day, then silence", history_of("r.example", 53, 10, 0x7c), kThreeDays, true},
        {"three days and a half", history_of("r.example", 50, 4), kThreeDays, true},
        {"a report that claims the future hides nothing", future, kThreeDays, true},
        {"long ago", history_of("r.example", 59, 40), kThreeDays, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        // and two that go on
        const std::vector<ReportingHistory> histories{row.history, history_of("other.example", 50, 1, 0x7f, Of::reporter, 2), history_of("third.example", 50, 1)};
        CHECK(lines_of(reporter_stopped(histories, kNow, row.silent_after)) == (row.found ? Lines{"reporter-stopped aggregate r.example 6 r.example"} : Lines{}));
    }
}

TEST_CASE("what is told of a reporter that stopped does not change with the days") {
    const auto at = [](Day later) {
        // what Reader::reporters gives then
        std::vector<ReportingHistory> histories{history_of("r.example", 59, 10), history_of("other.example", 59, -later)};
        for (ReportingHistory& history : histories) {
            std::erase_if(history.days, [&](Day day) { return day < kToday + later - 60; });
            history.reports = static_cast<std::int64_t>(history.days.size());
        }
        return reporter_stopped(histories, kNow + later * kSecondsPerDay, kThreeDays);
    };
    const Finding first = at(0).at(0);
    CHECK(first.rule == "reporter-stopped");
    CHECK(first.first_seen == (kToday - 9) * kSecondsPerDay);
    CHECK(first.text.starts_with("r.example sends no more aggregate reports: the last was about 2024-09-24."));
    for (const Day later : {1, 5, 10, 20, 30}) {
        CAPTURE(later);
        const auto found = at(later);
        REQUIRE(found.size() == 1);
        CHECK(all_text(found[0]) == all_text(first));
        CHECK(found[0].severity == first.severity);
        CHECK(found[0].last_seen == kNow + later * kSecondsPerDay);
    }
    CHECK(at(50).empty());
}

TEST_CASE("the more of the reports are missing, the graver") {
    struct Row {
        std::int64_t own, others;  // reports a day
        unsigned weekly;
        int severity;
    };
    const Row rows[] = {{1, 1000, 0x7c, 3}, {1, 1000, 0x7f, 4}, {6, 100, 0x7f, 5}, {6, 100, 0x7c, 5}, {40, 100, 0x7c, 6}};
    for (const Row& row : rows) {
        CAPTURE(row.own, row.others, row.weekly);
        const std::vector<ReportingHistory> histories{history_of("r.example", 53, 10, row.weekly, Of::reporter, row.own),
                                                      history_of("other.example", 50, 1, 0x7f, Of::reporter, row.others), history_of("third.example", 50, 1)};
        const auto found = reporter_stopped(histories, kNow, kThreeDays);
        REQUIRE(found.size() == 1);
        CHECK(found[0].severity == row.severity);
    }
}

TEST_CASE("where most stop at the same time it is we who do not receive") {
    const auto reporters = [](int stopped, int going, Day day = 10, Of of = Of::reporter) {
        std::vector<ReportingHistory> histories;
        for (int i = 0; i < stopped; ++i) histories.push_back(history_of("s" + std::to_string(i) + ".example", 50, day - i % 2, 0x7f, of));
        for (int i = 0; i < going; ++i) histories.push_back(history_of("g" + std::to_string(i) + ".example", 50, 1, 0x7f, of));
        return histories;
    };
    const auto rules = [](const std::vector<Finding>& findings) {
        Lines keys;
        for (const Finding& finding : findings) keys.push_back(finding.key);
        return keys;
    };
    const Lines all{"reports-stopped aggregate"};
    // few of many
    CHECK(rules(reporter_stopped(reporters(2, 2), kNow, kThreeDays)) == Lines{"reporter-stopped aggregate s0.example", "reporter-stopped aggregate s1.example"});
    CHECK(reporter_stopped(reporters(3, 4), kNow, kThreeDays).size() == 3);
    CHECK(reporter_stopped(reporters(0, 4), kNow, kThreeDays).empty());
    // at other times
    auto apart = reporters(2, 0, 10);
    for (const Day day : {14, 18, 22}) {
        ReportingHistory history = history_of("d" + std::to_string(day) + ".example", 50, day);
        apart.push_back(history);
    }
    CHECK(rules(reporter_stopped(apart, kNow, kThreeDays)) == Lines{"reports-stopped aggregate", "reporter-stopped aggregate d14.example", "reporter-stopped aggregate d18.example",
                                                                    "reporter-stopped aggregate d22.example"});
    // one alone, and one of the others that came now and then comes still
    CHECK(rules(reporter_stopped(reporters(1, 0), kNow, kThreeDays)) == all);
    auto irregular = reporters(1, 0);
    irregular.push_back(history_of("seldom.example", 30, 1, 0x04));
    CHECK(rules(reporter_stopped(irregular, kNow, kThreeDays)) == Lines{"reporter-stopped aggregate s0.example"});
    CHECK(rules(reporter_stopped(reporters(2, 0), kNow, kThreeDays)) == all);
    CHECK(rules(reporter_stopped(reporters(3, 3), kNow, kThreeDays)) == all);
    const auto found = reporter_stopped(reporters(40, 3), kNow, kThreeDays);
    REQUIRE(rules(found) == all);
    CHECK(found[0].severity == 7);
    CHECK(found[0].subject == "all aggregate reports");
    CHECK(found[0].text.starts_with("40 of 43 regular reporters sent no more aggregate reports after those about 2024-09-24"));
    CHECK(found[0].evidence[1].second.ends_with(" and 30 more"));
    // one with a longer usual gap stopped with them, and is not told of by itself
    auto slow = reporters(3, 0, 4);
    slow.push_back(history_of("slow.example", 53, 4, 0x7c));
    CHECK(rules(reporter_stopped(slow, kNow, kThreeDays)) == all);

    // TLS reports by themselves
    auto both = reporters(3, 0, 10, Of::tls_reporter);
    for (const ReportingHistory& history : reporters(0, 3)) both.push_back(history);
    CHECK(rules(reporter_stopped(both, kNow, kThreeDays)) == Lines{"reports-stopped tls"});
    both.push_back(history_of("g9.example", 50, 1, 0x7f, Of::tls_reporter));
    CHECK(reporter_stopped(both, kNow, kThreeDays)[0].text.find("_smtp._tls") != std::string::npos);
}

TEST_CASE("a domain of which nobody reports any more is told of, but not where nobody reports of any") {
    std::vector<ReportingHistory> histories{history_of("g1.example", 50, 1), history_of("g2.example", 50, 1), history_of("example.com", 50, 10, 0x7f, Of::domain),
                                            history_of("example.net", 50, 1, 0x7f, Of::domain), history_of("parked.example", 50, 10, 0x04, Of::domain)};
    auto found = reporter_stopped(histories, kNow, kThreeDays);
    REQUIRE(lines_of(found) == Lines{"reports-stopped domain example.com 6 example.com"});
    CHECK(found[0].domain == "example.com");
    CHECK(found[0].rule == "reports-stopped");
    histories = {history_of("g1.example", 50, 10), history_of("g2.example", 50, 10), history_of("example.com", 50, 10, 0x7f, Of::domain),
                 history_of("example.net", 50, 20, 0x7f, Of::domain)};
    CHECK(lines_of(reporter_stopped(histories, kNow, kThreeDays)) == Lines{"reports-stopped aggregate 7 all aggregate reports", "reports-stopped domain example.net 6 example.net"});
}

TEST_CASE("of very many those with the most reports are told of one by one") {
    std::vector<ReportingHistory> histories;
    for (int i = 0; i < 50; ++i) {
        histories.push_back(history_of("s" + std::to_string(10 + i) + ".example", 50, 10, 0x7f, Of::reporter, 1 + i));
        histories.push_back(history_of("d" + std::to_string(10 + i) + ".example", 50, 10, 0x7f, Of::domain, 1 + i));
    }
    for (int i = 0; i < 60; ++i) histories.push_back(history_of("g" + std::to_string(i) + ".example", 50, 1));
    const auto found = reporter_stopped(histories, kNow, kThreeDays);
    REQUIRE(found.size() == 42);
    CHECK(found[0].key == "reporter-stopped aggregate s59.example");
    CHECK(found[19].key == "reporter-stopped aggregate s40.example");
    CHECK(found[20].key == "reporter-stopped aggregate others");
    CHECK(found[20].subject == "30 other reporters");
    CHECK(found[20].evidence[0].second == "s10.example, s11.example, s12.example, s13.example, s14.example, s15.example, s16.example, s17.example, s18.example, s19.example and 20 more");
    CHECK(found[21].key == "reports-stopped domain d59.example");
    CHECK(found[41].key == "reports-stopped domain others");
    CHECK(found[41].domain.empty());
}

TEST_CASE("a reporter's name is shown without the person, and long ones that begin alike stay apart") {
    const std::string tail(500, 'x');
    const std::vector<ReportingHistory> histories{history_of("somebody@r.example", 50, 10), history_of("a\nb", 50, 10), history_of(tail + "1", 50, 10), history_of(tail + "2", 50, 10),
                                                  history_of("g1.example", 50, 1), history_of("g2.example", 50, 1), history_of("g3.example", 50, 1), history_of("g4.example", 50, 1),
                                                  history_of("g5.example", 50, 1)};
    const auto found = reporter_stopped(histories, kNow, kThreeDays);
    REQUIRE(found.size() == 4);
    std::vector<std::string> keys;
    for (const Finding& finding : found) {
        const std::string text = all_text(finding);
        CHECK(text.find("somebody") == std::string::npos);
        CHECK(text.find("a\nb") == std::string::npos);
        CHECK(text.size() < 600);
        keys.push_back(finding.key);
    }
    std::ranges::sort(keys);
    CHECK(std::ranges::adjacent_find(keys) == keys.end());
}

TEST_CASE("what is found no more is over, of the rules that were looked at") {
    const auto finding_of = [](std::string_view rule, const std::string& key) {
        Finding finding;
        finding.rule = rule;
        finding.key = key;
        return finding;
    };
    const std::vector<Finding> standing{finding_of(kReporterStopped, "a"), finding_of(kReporterStopped, "b"), finding_of(kCollectorSilent, "c"), finding_of("another", "d")};
    const std::vector<Finding> found{finding_of(kReporterStopped, "b"), finding_of(kReporterStopped, "e")};
    const std::string_view rules[] = {kReporterStopped, kReportsStopped};
    CHECK(over_now(standing, found, {}).empty());
    CHECK(over_now({}, found, rules).empty());
    CHECK(over_now(standing, found, rules) == std::vector<std::string>{"a"});
    CHECK(over_now(standing, {}, rules) == std::vector<std::string>{"a", "b"});
}
