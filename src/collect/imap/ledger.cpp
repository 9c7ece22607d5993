#include "ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "response.hpp"

namespace whosent::collect::imap {
namespace {

// Of a place, which is written often. Some 50 ranges: only messages that fail again and again make more than one.
constexpr std::size_t kPlaceBytes = 1000;

}  // namespace

void Ledger::begin(std::uint32_t uid_validity) {
    uid_validity_ = uid_validity;
    ++generation_;
    finished_ = {};
    entries_.clear();
    under_way_ = 0;
}

void Ledger::forget_wanted() {
    std::erase_if(entries_, [](const auto& entry) { return entry.second.state == Entry::State::wanted && entry.second.attempts == 0 && entry.second.drops == 0; });
    for (auto& [uid, entry] : entries_) {
        if (entry.state != Entry::State::wanted) continue;
        entry.state = Entry::State::later;
        entry.again = Steady::time_point::min();
    }
}

Entry* Ledger::find(Uid uid) {
    const auto found = entries_.find(uid);
    return found == entries_.end() ? nullptr : &found->second;
}

Entry& Ledger::want(Uid uid, std::uint64_t size) {
    Entry& entry = entries_[uid];
    entry.size = size;
    return entry;
}

void Ledger::set_state(Entry& entry, Entry::State state) {
    if (entry.state == Entry::State::under_way) --under_way_;
    if (state == Entry::State::under_way) ++under_way_;
    entry.state = state;
}

void Ledger::finish(Uid uid) {
    if (Entry* entry = find(uid)) {
        set_state(*entry, Entry::State::settled);
        entries_.erase(uid);
    }
    finished_.add(uid);
}

void Ledger::finish_unknown(Uid first, Uid last) {
    Uid from = first;
    for (auto known = entries_.lower_bound(first); known != entries_.end() && known->first <= last; ++known) {
        if (known->first > from) finished_.add(from, known->first - 1);
        if (known->first == last) return;
        from = known->first + 1;
    }
    finished_.add(from, last);
}

std::optional<Uid> Ledger::next_later(Steady::time_point due) const {
    for (const auto& [uid, entry] : entries_)
        if (entry.state == Entry::State::later && entry.again <= due) return uid;
    return {};
}

std::optional<Steady::time_point> Ledger::first_later() const {
    std::optional<Steady::time_point> first;
    for (const auto& [uid, entry] : entries_)
        if (entry.state == Entry::State::later && (!first || entry.again < *first)) first = entry.again;
    return first;
}

std::string Ledger::place(std::string_view identity) const {
    const std::string ranges = finished_.to_string(kPlaceBytes);
    return fmt::format("{} {} {}", uid_validity_, ranges.empty() ? "-" : ranges, identity);
}

std::optional<Ledger::Place> Ledger::parse_place(std::string_view text) {
    const std::size_t first = text.find(' ');
    const std::size_t second = text.find(' ', std::min(first, text.size() - 1) + 1);
    if (text.empty() || first == std::string_view::npos || second == std::string_view::npos) return {};
    Place place;
    const auto validity = uid_of(text.substr(0, first));
    const std::string_view ranges = text.substr(first + 1, second - first - 1);
    auto finished = ranges == "-" ? UidRanges() : UidRanges::parse(ranges);
    if (!validity || !finished) return {};
    place.uid_validity = *validity;
    place.finished = std::move(*finished);
    place.identity = text.substr(second + 1);
    return place;
}

}  // namespace whosent::collect::imap
