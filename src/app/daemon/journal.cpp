#include "app/daemon/journal.hpp"

#include <fmt/format.h>

#include <utility>

#include "whosent/base/text.hpp"

namespace whosent::app {

DaemonJournal::DaemonJournal(const Log& log, const Pseudonyms& pseudonyms, const Clock& clock, std::vector<CollectorState> states, std::set<std::string> mailboxes)
    : log_(log), pseudonyms_(pseudonyms), clock_(clock), mailboxes_(std::move(mailboxes)) {
    for (CollectorState& state : states) {
        if (state.configured) changed_.insert(state.name);  // until it is added
        state.configured = false;
        states_.emplace(state.name, std::move(state));
    }
}

void DaemonJournal::add(const std::string& name) {
    change(name).configured = true;
    figures_[name].configured = true;
}

CollectorState& DaemonJournal::change(const std::string& name) {
    changed_.insert(name);
    const auto [place, added] = states_.try_emplace(name);
    if (added) {
        place->second.name = name;
        place->second.configured = false;
        place->second.first_seen = clock_.now();
    }
    return place->second;
}

void DaemonJournal::succeeded(const std::string& name) {
    Figures& figures = figures_[name];
    if (!figures.succeeded || figures.failing) log_.info(figures.failing ? "works again" : "works", {{"collector", name}});
    figures.succeeded = true;
    figures.failing = false;
    CollectorState& state = change(name);
    state.last_success = clock_.now();
    state.failing_since = 0;
}

void DaemonJournal::failed(const std::string& name, const Error& error, std::chrono::milliseconds retry_in) {
    Figures& figures = figures_[name];
    figures.failing = true;
    ++figures.errors;
    CollectorState& state = change(name);
    state.last_error_at = clock_.now();
    if (state.failing_since == 0) state.failing_since = state.last_error_at;
    state.last_error = pseudonyms_.text(to_string(error));
    log_.warning("failed", {{"collector", name}, {"error", state.last_error}, {"retry_in", retry_in.count() > 0 ? fmt::format("{:.1f}s", static_cast<double>(retry_in.count()) / 1000) : std::string()}});
}

void DaemonJournal::note(const std::string& name, const std::string& text) { log_.info(pseudonyms_.text(text), {{"collector", name}}); }

void DaemonJournal::outcome(const std::string& name, const RawMessage& message, const pipeline::Outcome& outcome, const std::string& where) {
    using Kind = pipeline::Outcome::Kind;
    Figures& figures = figures_[name];
    ++figures.messages[static_cast<std::size_t>(outcome.kind)];
    CollectorState& state = change(name);
    switch (outcome.kind) {
        case Kind::stored: ++state.stored; break;
        case Kind::duplicate: ++state.duplicates; break;
        case Kind::not_a_report: ++state.not_reports; break;
        case Kind::quarantined: ++state.quarantined; break;
        case Kind::retry: ++state.retried; break;
    }
    if (outcome.kind != Kind::retry) {
        state.last_message = clock_.now();
        state.bytes += outcome.bytes;
        figures.bytes += outcome.bytes;
        figures.records += outcome.stored.rows_stored;
        figures.diagnostics += outcome.diagnostics;
        figures.aggregate += outcome.stored.reports_stored;
        figures.failure += outcome.stored.failures_stored;
        figures.feedback += outcome.stored.feedback_stored;
        figures.tls += outcome.stored.tls_stored;
    }
    const Provenance& from = message.provenance;
    const std::initializer_list<Fact> facts = {
        {"collector", name},
        {"origin", pseudonyms_.path(from.remote_key)},
        {"mailbox", mailboxes_.contains(to_lower(from.envelope_recipient)) ? from.envelope_recipient : pseudonyms_.address(from.envelope_recipient)},
        {"outcome", std::string(name_of(outcome.kind))},
        {"report", pseudonyms_.text(outcome.reports)},
        {"reason", pseudonyms_.path(outcome.reason)},
        {"quarantine", outcome.stored.quarantine_id ? fmt::format("{}", *outcome.stored.quarantine_id) : std::string()},
        {"now", pseudonyms_.text(where)},
    };
    if (outcome.kind == Kind::quarantined || outcome.kind == Kind::retry)
        log_.warning(outcome.kind == Kind::retry ? "a message could not be read or stored now, and stays" : "a message could not be read, and is in the quarantine", facts);
    else
        log_.info(outcome.kind == Kind::stored ? "stored" : outcome.kind == Kind::duplicate ? "was stored before" : "is no report", facts);
}

void DaemonJournal::waiting(const std::string& name, std::uint64_t messages) { figures_[name].waiting = messages; }

std::string DaemonJournal::place(const std::string& name) {
    const auto found = states_.find(name);
    return found == states_.end() ? std::string() : found->second.place;
}

void DaemonJournal::keep_place(const std::string& name, std::string place) {
    if (const auto found = states_.find(name); found != states_.end() && found->second.place == place) return;
    change(name).place = std::move(place);
}

std::vector<CollectorState> DaemonJournal::take_changed() {
    std::vector<CollectorState> states;
    for (const std::string& name : std::exchange(changed_, {}))
        if (name.find(':') != std::string::npos) states.push_back(states_.at(name));
    return states;
}

void DaemonJournal::change_all() {
    for (const auto& [name, state] : states_) changed_.insert(name);
}

}  // namespace whosent::app
