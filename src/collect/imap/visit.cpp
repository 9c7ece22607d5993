#include "visit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "server_words.hpp"

namespace whosent::collect::imap {
namespace {

milliseconds until(Steady::time_point time, Steady::time_point now) {
    return time <= now ? milliseconds(0) : std::chrono::ceil<milliseconds>(time - now);
}

}  // namespace

awaitable<Result<void>> Visit::run() {
    chunk_ = std::clamp<std::size_t>(mailbox_.settings.chunk_messages, 1, 1000);
    next_poll_ = Steady::now() + mailbox_.settings.poll;
    next_look_ = Steady::now() + mailbox_.settings.idle_renew;
    take_later();
    auto result = co_await work();
    if (mailbox_.closed) co_return result;
    // A server that throttles says nothing of the messages that were asked for
    if (!result && !mailbox_.stopping && !session_->told_back_off()) blame();
    mailbox_.keep_place_now();
    co_return result;
}

awaitable<Result<void>> Visit::work() {
    for (;;) {
        if (mailbox_.closed) co_return Result<void>{};
        // The numbers that are known are other messages' now
        if (session_->folder().uid_validity != mailbox_.ledger.uid_validity()) co_return std::unexpected(session_->error("UIDVALIDITY changed within the session"));
        if (!disposing_) {
            auto begun = co_await start_disposing();
            if (!begun) co_return std::unexpected(std::move(begun).error());
        }
        if (!mailbox_.stopping) {
            auto begun = co_await start_fetching();
            if (!begun) co_return std::unexpected(std::move(begun).error());
        }
        if (!in_flight_.empty()) {
            auto response = co_await session_->next();
            if (!response) co_return std::unexpected(std::move(response).error());
            Response taken = std::move(*response);
            auto handled = co_await handle(std::move(taken));
            if (!handled) co_return std::unexpected(std::move(handled).error());
            continue;
        }
        mailbox_.keep_place();
        if (round_is_over()) co_return Result<void>{};
        auto waited = co_await wait();
        if (!waited) co_return std::unexpected(std::move(waited).error());
    }
}

bool Visit::round_is_over() const {
    return (mailbox_.stopping || mailbox_.once) && mailbox_.ledger.under_way() == 0 && mailbox_.next_group(Steady::now()) == nullptr;
}

// Nothing is in flight, and nothing can be started.
awaitable<Result<void>> Visit::wait() {
    const ImapSettings& settings = mailbox_.settings;
    if (mailbox_.stopping || mailbox_.once) {
        co_await mailbox_.wake.wait(std::chrono::seconds(1));
        co_return Result<void>{};
    }
    if (!std::exchange(told_success_, true)) {
        mailbox_.progress = true;
        mailbox_.around.journal.succeeded(mailbox_.name);
    }
    const auto now = Steady::now();
    if (const auto due = mailbox_.next_due(); due && *due <= now) {
        take_later();
        co_return Result<void>{};
    }
    milliseconds most = milliseconds(std::chrono::duration_cast<milliseconds>(settings.idle_renew));
    const bool idles = settings.idle && can_idle_ && session_->has("IDLE");
    if (!idles) most = until(next_poll_, now);
    if (const auto due = mailbox_.next_due(); due && until(*due, now) < most) most = until(*due, now);
    if (idles) {
        mailbox_.keep_place_now();
        auto idled = co_await session_->idle(most);
        if (!idled) co_return std::unexpected(std::move(idled).error());
        if (!*idled) {
            can_idle_ = false;
            mailbox_.note_once("the server takes no IDLE: polling");
            co_return Result<void>{};
        }
        // Some servers say nothing of what came: a look at each renewal
        if (Steady::now() >= next_look_) {
            next_look_ = Steady::now() + settings.idle_renew;
            scan_ = Scan::wanted;
        }
    } else {
        co_await mailbox_.wake.wait(most);
        if (mailbox_.closed) co_return Result<void>{};
        if (Steady::now() >= next_poll_ && !mailbox_.stopping) {
            next_poll_ = Steady::now() + settings.poll;
            imap::Command noop("NOOP");
            auto response = co_await session_->run(std::move(noop));
            if (!response) co_return std::unexpected(std::move(response).error());
            if (response->status != Response::Status::ok) co_return std::unexpected(session_->refusal("NOOP refused", *response));
            scan_ = Scan::wanted;
        }
    }
    if (mailbox_.closed) co_return Result<void>{};
    if (session_->folder().news) scan_ = Scan::wanted;
    take_later();
    if (scan_ == Scan::wanted) told_success_ = false;
    co_return Result<void>{};
}

awaitable<Result<void>> Visit::start(std::string text, Command command) {
    auto tag = co_await session_->send(std::move(text));
    if (!tag) co_return std::unexpected(std::move(tag).error());
    command.tag = *tag;
    in_flight_.push_back(std::move(command));
    co_return Result<void>{};
}

awaitable<Result<void>> Visit::handle(Response response) {
    if (response.kind == Response::Kind::untagged && response.name == "FETCH") {
        Fetched told = read_fetched(std::move(response));
        auto taken = co_await fetched(std::move(told));
        co_return taken;
    }
    if (response.kind != Response::Kind::tagged) co_return Result<void>{};
    const auto found = std::find_if(in_flight_.begin(), in_flight_.end(), [&](const Command& command) { return command.tag == response.tag; });
    if (found == in_flight_.end()) co_return std::unexpected(session_->error("the server ends a command that was not given", ErrorCode::corrupt));
    Command command = std::move(*found);
    in_flight_.erase(found);
    auto done = co_await ended(std::move(command), std::move(response));
    co_return done;
}

awaitable<Result<void>> Visit::ended(Command command, Response response) {
    const bool ok = response.status == Response::Status::ok;
    // A folder that is over quota refuses copies, and nothing else
    if (throttled(response) && !(command.what == What::dispose && response.code == "OVERQUOTA"))
        co_return std::unexpected(session_->refusal("the server wants us to slow down", response));
    switch (command.what) {
        case What::newest:
        case What::list:
            if (!ok) co_return std::unexpected(session_->refusal("the folder cannot be listed", response));
            if (command.what == What::newest)
                ended_newest(command);
            else
                ended_list(command);
            break;
        case What::check: ended_check(command, response); break;
        case What::fetch: {
            auto done = co_await ended_fetch(std::move(command), std::move(response));
            co_return done;
        }
        case What::dispose: {
            auto done = co_await ended_dispose(std::move(response));
            co_return done;
        }
    }
    co_return Result<void>{};
}

// The connection was lost: one of the messages that were to come may be the reason. Each of them comes alone next time, behind all others, and the one that does it again waits longer
// and longer.
void Visit::blame() {
    for (const Command& command : in_flight_) {
        if (command.what != What::fetch) continue;
        for (const Uid uid : command.missing) {
            Entry* entry = mailbox_.ledger.find(uid);
            if (entry == nullptr || entry->state != Entry::State::wanted) continue;
            ++entry->drops;
            if (command.way != Way::together) {
                mailbox_.try_later(*entry);
            } else {
                entry->way = Way::alone;
            }
        }
    }
}

}  // namespace whosent::collect::imap
