// Listing and fetching.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "visit.hpp"

namespace whosent::collect::imap {
namespace {

// UIDs of the first window; it doubles while little is found, so that gaps cost little.
constexpr Uid kLeastWidth = 500;
constexpr Uid kMostWidth = 1u << 30;
constexpr std::size_t kFewListed = 250, kManyListed = 2000;
// Taken of one window, whatever the server sends; the rest comes with the next, which is narrow again.
constexpr std::size_t kMostListed = 50'000;
// Chunks in flight: while one comes in, the server reads the next.
constexpr std::size_t kChunksInFlight = 2;
// UIDs of one set; with 11 characters each they stay below kMaxSetBytes.
constexpr std::size_t kMostOfChunk = 700;

std::string items(Way way, bool can_peek) {
    if (way == Way::head) return fmt::format("(UID INTERNALDATE BODY.PEEK[]<0.{}>)", 16 * kKiB);
    return way == Way::plain || !can_peek ? "(UID INTERNALDATE BODY[])" : "(UID INTERNALDATE BODY.PEEK[])";
}

}  // namespace

std::size_t Visit::count(What what) const {
    return static_cast<std::size_t>(std::count_if(in_flight_.begin(), in_flight_.end(), [&](const Command& command) { return command.what == what; }));
}

bool Visit::nothing_more_comes() const {
    return scan_ == Scan::complete && queue_.empty() && singles_.empty() && checks_.empty() && last_checks_.empty() && count(What::check) == 0 &&
           std::all_of(in_flight_.begin(), in_flight_.end(), [](const Command& command) { return command.what != What::fetch || command.missing.empty(); });
}

void Visit::tell_waiting() {
    std::uint64_t waiting = queue_.size() + singles_.size() + checks_.size() + last_checks_.size() + mailbox_.ledger.under_way();
    for (const Command& command : in_flight_) waiting += command.missing.size();
    if (scan_ == Scan::listing && newest_ > listed_to_) waiting += std::min<std::uint64_t>(newest_ - listed_to_, session_->folder().exists);
    mailbox_.set_waiting(waiting);
}

awaitable<Result<bool>> Visit::start_fetching() {
    bool any = false;
    for (;;) {
        Result<void> begun;
        bool nothing = false;
        const bool room = count(What::fetch) < kChunksInFlight && std::none_of(in_flight_.begin(), in_flight_.end(), [](const Command& command) { return command.suspect; });
        // What is listed stays ahead of what is fetched
        if (queue_.size() < 2 * chunk_ && scan_ != Scan::complete && count(What::list) + count(What::newest) == 0) {
            auto listing = co_await start_listing();
            if (!listing) co_return std::unexpected(std::move(listing).error());
            any = any || *listing;
            if (scan_ != Scan::complete && *listing) continue;
        }
        if (!checks_.empty() && count(What::check) == 0) {
            begun = co_await start_check(false);
        } else if (!last_checks_.empty() && count(What::check) == 0) {
            begun = co_await start_check(true);
        } else if (room && !queue_.empty()) {
            begun = co_await start_chunk();
        } else if (room && !singles_.empty() && (!is_suspect(singles_.front()) || count(What::fetch) == 0)) {
            begun = co_await start_single();
        } else {
            nothing = true;
        }
        if (!begun) co_return std::unexpected(std::move(begun).error());
        if (nothing) break;
        any = true;
    }
    tell_waiting();
    co_return any;
}

awaitable<Result<bool>> Visit::start_listing() {
    Command command;
    if (scan_ == Scan::wanted) {
        session_->folder().news = false;
        if (session_->folder().exists == 0) {
            scan_ = Scan::complete;
            co_return false;
        }
        command.what = What::newest;
        auto begun = co_await start("UID FETCH * (UID)", std::move(command));
        if (!begun) co_return std::unexpected(std::move(begun).error());
        co_return true;
    }
    // Behind what was listed in this session, and what is finished with from earlier ones
    const auto first = listed_to_ == std::numeric_limits<Uid>::max() ? std::nullopt : mailbox_.ledger.first_unfinished(listed_to_ + 1);
    if (!first || *first > newest_) {
        scan_ = Scan::complete;
        co_return false;
    }
    if (width_ == 0) width_ = kLeastWidth;
    command.what = What::list;
    command.first = *first;
    command.last = newest_ - *first < width_ ? newest_ : *first + width_ - 1;
    std::string text = fmt::format("UID FETCH {}:{} (UID RFC822.SIZE)", command.first, command.last);
    auto begun = co_await start(std::move(text), std::move(command));
    if (!begun) co_return std::unexpected(std::move(begun).error());
    co_return true;
}

awaitable<Result<void>> Visit::start_chunk() {
    Command command;
    command.what = What::fetch;
    std::vector<Uid> uids;
    std::uint64_t bytes = 0;
    while (!queue_.empty() && uids.size() < std::min(chunk_, kMostOfChunk)) {
        const Uid uid = queue_.front();
        const Entry* entry = mailbox_.ledger.find(uid);
        if (entry == nullptr || entry->state != Entry::State::wanted) {
            queue_.pop_front();
            continue;
        }
        if (!uids.empty() && bytes + entry->size > mailbox_.settings.chunk_bytes) break;
        bytes += entry->size;
        uids.push_back(uid);
        queue_.pop_front();
    }
    if (uids.empty()) co_return Result<void>{};
    std::sort(uids.begin(), uids.end());
    uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
    std::size_t used = 0;
    const std::string set = uid_set(uids, kMaxSetBytes, used);  // all of them: kMostOfChunk
    command.ask(uids);
    std::string text = fmt::format("UID FETCH {} {}", set, items(Way::together, mailbox_.can_peek));
    auto begun = co_await start(std::move(text), std::move(command));
    co_return begun;
}

awaitable<Result<void>> Visit::start_single() {
    const Uid uid = singles_.front();
    singles_.pop_front();
    const Entry* entry = mailbox_.ledger.find(uid);
    if (entry == nullptr || entry->state != Entry::State::wanted) co_return Result<void>{};
    Command command;
    command.what = What::fetch;
    command.way = entry->way;
    command.suspect = entry->drops > 0;
    command.ask({&uid, 1});
    std::string text = fmt::format("UID FETCH {} {}", uid, items(entry->way, mailbox_.can_peek));
    auto begun = co_await start(std::move(text), std::move(command));
    co_return begun;
}

// Which of those that did not come are there at all.
awaitable<Result<void>> Visit::start_check(bool last_try) {
    std::vector<Uid>& from = last_try ? last_checks_ : checks_;
    std::sort(from.begin(), from.end());
    std::size_t used = 0;
    const std::string set = uid_set(from, kMaxSetBytes, used);
    Command command;
    command.what = What::check;
    command.last_try = last_try;
    command.ask(std::span(from).first(used));
    from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(used));
    std::string text = fmt::format("UID FETCH {} (UID)", set);
    auto begun = co_await start(std::move(text), std::move(command));
    co_return begun;
}

bool Visit::is_suspect(Uid uid) const {
    const Entry* entry = mailbox_.ledger.find(uid);
    return entry != nullptr && entry->drops > 0;
}

// Those at which connections were lost come last, the worst of them at the end.
void Visit::enqueue(Uid uid, const Entry& entry) {
    if (entry.way == Way::together) return queue_.push_back(uid);
    const auto worse = std::find_if(singles_.begin(), singles_.end(), [&](Uid other) {
        const Entry* known = mailbox_.ledger.find(other);
        return known != nullptr && known->drops > entry.drops;
    });
    singles_.insert(worse, uid);
}

// Messages whose time has come again.
void Visit::take_later() {
    const auto now = Steady::now();
    while (const auto uid = mailbox_.ledger.next_later(now)) {
        Entry& entry = *mailbox_.ledger.find(*uid);
        mailbox_.ledger.set_state(entry, Entry::State::wanted);
        enqueue(*uid, entry);
    }
}

awaitable<Result<void>> Visit::fetched(Fetched told) {
    if (!told.uid) co_return Result<void>{};
    const Uid uid = *told.uid;
    for (Command& command : in_flight_) {
        if (command.what == What::newest) command.newest = std::max(command.newest, uid);
        if (command.what == What::check) command.missing.erase(uid);
        // Its size is a hint; that it is there at all is what counts. One that comes with a body is no answer to the question
        if (command.what == What::list && (told.size || !told.body) && uid >= command.first && uid <= command.last && !mailbox_.ledger.knows(uid)) {
            if (command.listed.size() == kMostListed) {
                command.overflow = true;
                continue;
            }
            Entry& entry = mailbox_.ledger.want(uid, told.size.value_or(0));
            // Sizes lie (Exchange): the literal tells, and one that is over the limit is passed over
            if (entry.size > mailbox_.around.limits.message_bytes) entry.way = Way::alone;
            command.listed.push_back(uid);
        }
    }
    if (!told.body && !told.too_large) co_return Result<void>{};
    Command* asked = nullptr;
    for (Command& command : in_flight_)
        if (command.what == What::fetch && command.missing.contains(uid)) asked = &command;
    Entry* entry = mailbox_.ledger.find(uid);
    // Not asked for, or once more
    if (asked == nullptr || entry == nullptr || entry->state != Entry::State::wanted) co_return Result<void>{};
    // Nothing of what is said to be something: as if it had not come
    if (told.body && told.body->empty() && entry->size > 0 && entry->way != Way::head) co_return Result<void>{};
    asked->missing.erase(uid);
    if (told.too_large) {
        entry->size = *told.too_large;
        if (entry->way == Way::head) told.body = std::string();  // not even its beginning can be had
        entry->way = Way::head;
        if (!told.body) {
            enqueue(uid, *entry);
            co_return Result<void>{};
        }
    } else if (asked->way == Way::plain && !any_peeked_ && mailbox_.can_peek) {
        mailbox_.can_peek = false;
        mailbox_.note_once("the server answers BODY.PEEK[] with nothing: messages are fetched with BODY[], which marks them as seen");
    } else if (asked->way != Way::plain && asked->way != Way::head) {
        any_peeked_ = true;
    }
    auto submitted = co_await submit(uid, std::move(told));
    co_return submitted;
}

awaitable<Result<void>> Visit::submit(Uid uid, Fetched told) {
    // How long the intake waits for room before it is asked again.
    constexpr milliseconds kPause(5);
    if (mailbox_.stopping) co_return Result<void>{};
    const bool last = nothing_more_comes();
    pipeline::Submission submission = mailbox_.submission(uid, std::move(told), last);
    for (;;) {
        auto taken = mailbox_.around.intake.try_submit(submission);
        if (!taken) co_return std::unexpected(std::move(taken).error());
        if (*taken) break;
        co_await net::sleep_for(kPause);
        if (mailbox_.stopping) co_return Result<void>{};
    }
    mailbox_.ledger.set_state(*mailbox_.ledger.find(uid), Entry::State::under_way);
    mailbox_.progress = true;
    co_return Result<void>{};
}

void Visit::ended_newest(const Command& command) {
    newest_ = command.newest;
    scan_ = Scan::listing;
}

void Visit::ended_list(Command& command) {
    std::sort(command.listed.begin(), command.listed.end());
    for (const Uid uid : command.listed)
        if (const Entry* entry = mailbox_.ledger.find(uid)) enqueue(uid, *entry);
    if (command.overflow) {
        width_ = kLeastWidth;
        return;
    }
    mailbox_.ledger.finish_unknown(command.first, command.last);
    listed_to_ = command.last;
    if (command.listed.size() < kFewListed)
        width_ = std::min(width_, kMostWidth / 2) * 2;
    else if (command.listed.size() > kManyListed)
        width_ = std::max(width_ / 2, kLeastWidth);
}

// What is not there any more is finished with; what is there is asked for in the next way.
void Visit::ended_check(const Command& command, const Response& response) {
    for (const Uid uid : command.asked) {
        Entry* entry = mailbox_.ledger.find(uid);
        if (entry == nullptr || entry->state != Entry::State::wanted) continue;
        if (response.status == Response::Status::ok && command.missing.contains(uid)) {
            mailbox_.ledger.finish(uid);
        } else if (command.last_try) {
            mailbox_.cannot_fetch(uid, *entry, last_refusal_);
        } else {
            entry->way = Way::alone;
            enqueue(uid, *entry);
        }
    }
}

awaitable<Result<void>> Visit::ended_fetch(Command command, Response response) {
    if (command.missing.empty()) {
        if (command.way == Way::together) chunk_ = std::min(chunk_ * 2, std::clamp<std::size_t>(mailbox_.settings.chunk_messages, 1, kMostOfChunk));
        co_return Result<void>{};
    }
    last_refusal_ = response.status == Response::Status::ok ? session_->error("the server returns nothing for a message that it lists") : session_->refusal("a message cannot be fetched", response);
    if (command.way == Way::together && command.missing.size() == command.asked.size()) chunk_ = std::max<std::size_t>(chunk_ / 2, 1);
    for (const Uid uid : command.missing) {
        Entry* entry = mailbox_.ledger.find(uid);
        if (entry == nullptr || entry->state != Entry::State::wanted) continue;
        switch (command.way) {
            case Way::together: checks_.push_back(uid); break;
            case Way::alone:
                entry->way = Way::plain;
                enqueue(uid, *entry);
                break;
            case Way::plain: last_checks_.push_back(uid); break;
            case Way::head: {
                Fetched nothing;
                nothing.body = std::string();
                auto submitted = co_await submit(uid, std::move(nothing));
                if (!submitted) co_return std::unexpected(std::move(submitted).error());
                break;
            }
        }
    }
    co_return Result<void>{};
}

}  // namespace whosent::collect::imap
