// Ledger: what is known of each message of a folder, from one session to the next. Pure; one thread at a time.
//
// A message is finished with when nothing is left to do for it: its outcome is durable and the original is where it should be, or it is no longer there. What is finished with is the
// place that is kept; it passes over messages that are still to be done, so that none of those holds up the others.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "uid_ranges.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/pipeline/intake.hpp"

namespace whosent::collect::imap {

using Steady = std::chrono::steady_clock;

// How a message is asked for. Each way is tried when the one before brought nothing although the message is there.
enum class Way : std::uint8_t {
    together,  // with others
    alone,     // for servers that return nothing for many
    plain,     // BODY[], which marks it as seen: for servers without BODY.PEEK[]
    head,      // over limits.message_bytes: its beginning alone
};

// An outcome that is not yet told, or not yet followed by what is to be done with the original.
struct Told {
    RawMessage message;  // provenance alone
    pipeline::Outcome outcome;
    bool logged = false;
};

struct Entry {
    enum class State : std::uint8_t { wanted, under_way, settled, later } state = State::wanted;
    Way way = Way::together;
    std::uint64_t size = 0;             // as the server says
    unsigned attempts = 0;              // that ended with nothing
    unsigned drops = 0;                 // connections that were lost while it was to come
    Steady::time_point again;           // of later
    std::unique_ptr<Told> told;         // of settled
};

class Ledger {
public:
    // Everything about another folder, or another UIDVALIDITY, is void.
    void begin(std::uint32_t uid_validity);
    // A new session: what was wanted is listed again, but for messages that failed before: those are asked for at once, or when their time has come.
    void forget_wanted();

    [[nodiscard]] std::uint32_t uid_validity() const noexcept { return uid_validity_; }
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }  // changes with each begin()
    [[nodiscard]] bool knows(Uid uid) const { return finished_.contains(uid) || entries_.contains(uid); }
    [[nodiscard]] Entry* find(Uid uid);
    Entry& want(Uid uid, std::uint64_t size);
    void set_under_way(Uid uid);
    // Settled, later, or wanted again; counts.
    void set_state(Entry& entry, Entry::State state);
    void finish(Uid uid);
    // Of first to last, what is not known is not there and never will be (RFC 3501 section 2.3.1.1: UIDs ascend).
    void finish_unknown(Uid first, Uid last);
    [[nodiscard]] std::optional<Uid> first_unfinished(Uid from) const { return finished_.first_missing(from); }
    [[nodiscard]] std::size_t under_way() const noexcept { return under_way_; }
    [[nodiscard]] const std::map<Uid, Entry>& entries() const noexcept { return entries_; }
    // The first message that is to be tried again; `due`: by then.
    [[nodiscard]] std::optional<Uid> next_later(Steady::time_point due) const;
    [[nodiscard]] std::optional<Steady::time_point> first_later() const;

    // "UIDVALIDITY RANGES IDENTITY". `identity` tells one mailbox from another.
    [[nodiscard]] std::string place(std::string_view identity) const;
    struct Place {
        std::uint32_t uid_validity = 0;
        UidRanges finished;
        std::string identity;
    };
    [[nodiscard]] static std::optional<Place> parse_place(std::string_view text);
    void restore(Place place) { finished_ = std::move(place.finished); }

private:
    std::uint32_t uid_validity_ = 0, generation_ = 0;
    UidRanges finished_;
    std::map<Uid, Entry> entries_;  // not finished
    std::size_t under_way_ = 0;
};

}  // namespace whosent::collect::imap
