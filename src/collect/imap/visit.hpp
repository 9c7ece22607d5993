// Visit: one session's work on the folder: lists it in windows, fetches in bounded chunks with two of them in flight, hands over to the intake, and does with settled messages what it
// was told to, all in one loop that reads one response at a time. What the intake does not take stops the reading, so that memory stays bounded.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "mailbox.hpp"
#include "session.hpp"

namespace whosent::collect::imap {

class Visit {
public:
    Visit(Mailbox& mailbox, std::shared_ptr<Session> session) : mailbox_(mailbox), session_(std::move(session)) {}

    // visit.cpp: until stopping, or for one round; then all that was under way is told and done with. The folder is selected.
    [[nodiscard]] awaitable<Result<void>> run();

private:
    enum class What : std::uint8_t { newest, list, check, fetch, dispose };
    struct Command {
        std::string tag;
        What what;
        Way way = Way::together;     // of fetch
        bool suspect = false;        // of fetch: a connection was lost at it, so that it goes alone
        Uid first = 0, last = 0;     // of list
        std::vector<Uid> asked;      // of fetch, check
        std::set<Uid> missing;       // of those: not yet answered
        bool last_try = false;       // of check: what is there and does not come is tried later
        std::vector<Uid> listed;     // of list
        bool overflow = false;       // ... and there were more
        Uid newest = 0;

        void ask(std::span<const Uid> uids) {
            asked.assign(uids.begin(), uids.end());
            missing.insert(uids.begin(), uids.end());
        }
    };

    [[nodiscard]] awaitable<Result<void>> work();
    [[nodiscard]] awaitable<Result<void>> wait();
    [[nodiscard]] awaitable<Result<void>> handle(Response response);
    [[nodiscard]] awaitable<Result<void>> ended(Command command, Response response);
    [[nodiscard]] bool round_is_over() const;
    void blame();

    // visit_fetch.cpp
    [[nodiscard]] awaitable<Result<bool>> start_fetching();  // false: nothing to start
    [[nodiscard]] awaitable<Result<bool>> start_listing();
    [[nodiscard]] awaitable<Result<void>> start_chunk();
    [[nodiscard]] awaitable<Result<void>> start_single();
    [[nodiscard]] awaitable<Result<void>> start_check(bool last_try);
    [[nodiscard]] awaitable<Result<void>> fetched(Fetched fetched);
    [[nodiscard]] awaitable<Result<void>> submit(Uid uid, Fetched fetched);
    void ended_newest(const Command& command);
    void ended_list(Command& command);
    void ended_check(const Command& command, const Response& response);
    [[nodiscard]] awaitable<Result<void>> ended_fetch(Command command, Response response);
    [[nodiscard]] bool is_suspect(Uid uid) const;
    void enqueue(Uid uid, const Entry& entry);
    void take_later();
    [[nodiscard]] bool nothing_more_comes() const;
    [[nodiscard]] std::size_t count(What what) const;
    void tell_waiting();

    // visit_dispose.cpp
    [[nodiscard]] awaitable<Result<void>> start_disposing();
    [[nodiscard]] awaitable<Result<void>> next_disposal_step();
    [[nodiscard]] awaitable<Result<void>> ended_dispose(Response response);
    void give_up_disposing(Error error);

    [[nodiscard]] awaitable<Result<void>> start(std::string text, Command command);

    Mailbox& mailbox_;
    std::shared_ptr<Session> session_;
    std::deque<Command> in_flight_;

    enum class Scan : std::uint8_t { wanted, listing, complete } scan_ = Scan::wanted;
    Uid newest_ = 0, listed_to_ = 0;
    Uid width_ = 0;  // of the next window
    std::deque<Uid> queue_, singles_;
    std::vector<Uid> checks_, last_checks_;  // asked for, and nothing came
    std::size_t chunk_ = 0;  // messages of one fetch
    Error last_refusal_;
    bool any_peeked_ = false;
    bool can_idle_ = true;
    Steady::time_point next_poll_;
    Steady::time_point next_look_;  // at what may have come without a word, while IDLE is on
    bool told_success_ = false;

    struct Disposing {
        enum class Step : std::uint8_t { move, copy, create, store, expunge } step;
        Step after_create = Step::copy;
        Group* group;
        std::vector<Uid> uids;
        std::string set;
        bool created = false;
    };
    std::optional<Disposing> disposing_;
    Steady::time_point disposed_at_ = Steady::now();  // when the last one was begun
};

}  // namespace whosent::collect::imap
