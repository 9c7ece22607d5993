// Mailbox: what outlives the sessions of one collector: the ledger, the messages under way, what is to be done with those that are settled, and what is told of it all.
//
// On the I/O thread; the intake's answers come from its threads through the Inbox. Held by the coroutines that use it. Once closed it touches nothing outside of itself.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fetched.hpp"
#include "ledger.hpp"
#include "wake.hpp"
#include "whosent/collect/collector.hpp"
#include "whosent/collect/imap.hpp"

namespace whosent::collect::imap {

using std::chrono::milliseconds;

// Full jitter between the least and the most that the settings allow, doubled with each attempt (0: the first).
[[nodiscard]] milliseconds back_off(const ImapSettings& settings, unsigned attempt);

// Settled messages of equal disposal.
struct Group {
    Disposal disposal;
    std::set<Uid> uids;
    std::set<Uid> copied;  // of them: in the target already, and still in the folder (no MOVE)
    unsigned failures = 0;
    Steady::time_point not_before = Steady::time_point::min();
};

class Mailbox : public std::enable_shared_from_this<Mailbox> {
public:
    Mailbox(ImapSettings settings, const Surroundings& surroundings);
    void close();  // the collector goes

    // The folder was opened: takes up the kept place where it is this folder's, or what is known from the last session.
    void begin(std::uint32_t uid_validity);
    // A message as it was fetched; `prompt`: no other is to come.
    [[nodiscard]] pipeline::Submission submission(Uid uid, Fetched fetched, bool prompt);
    void keep_place();  // when it has changed, once a second
    void keep_place_now();
    void note_once(const std::string& text);
    // Nothing came of it this time.
    void try_later(Entry& entry);
    void cannot_fetch(Uid uid, Entry& entry, Error error);
    void disposed(Group& group, const std::vector<Uid>& uids, const std::string& where);
    void not_disposed(Group& group, const Error& error);
    [[nodiscard]] Group* next_group(Steady::time_point now);  // with the most to be done by now
    [[nodiscard]] std::optional<Steady::time_point> next_due() const;  // of messages and groups that wait
    void set_waiting(std::uint64_t messages);

    const ImapSettings settings;
    const std::string name;  // "imap:reports"
    const Surroundings around;
    Ledger ledger;
    Wake wake;                             // an outcome came, or the end is wanted
    std::function<void()> on_work;         // an outcome came that changes what there is to do, now or later
    std::function<void()> on_told;         // outcomes came
    bool stopping = false, closed = false;
    bool once = false;
    std::optional<Error> failed;  // the first that kept a message where it was, for the one round
    bool progress = false;        // since it was last reset: a message was taken in, or all was seen
    bool can_peek = true;

private:
    struct Inbox;
    void take_outcomes();
    void settle(Uid uid, Entry& entry, Told told);
    void log(Told& told, const std::string& where);
    [[nodiscard]] Group& group_of(pipeline::Outcome::Kind kind);

    std::shared_ptr<Inbox> inbox_;
    std::string identity_;
    std::array<Group, 3> groups_;             // processed, not a report, quarantined
    std::array<std::size_t, 3> group_index_;  // equal disposals share a group
    std::string kept_;
    Steady::time_point kept_at_ = Steady::time_point::min();
    std::set<std::string> noted_;
    std::uint64_t waiting_ = 0;
};

}  // namespace whosent::collect::imap
