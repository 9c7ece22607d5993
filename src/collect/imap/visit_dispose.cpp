// What is done with originals whose outcome is durable: moved (RFC 6851), copied and expunged (RFC 4315), marked, deleted. Never a plain EXPUNGE, which would remove what others marked.
#include <fmt/format.h>

#include <algorithm>

#include "mailbox_name.hpp"
#include "visit.hpp"

namespace whosent::collect::imap {
namespace {

// Of a store: what was done, for people.
std::string where_of(const Disposal& disposal) {
    switch (disposal.kind) {
        case Disposal::Kind::seen: return "marked as seen";
        case Disposal::Kind::keyword: return "marked " + disposal.target;
        case Disposal::Kind::move: return "moved to " + disposal.target;
        case Disposal::Kind::remove: return "deleted";
        case Disposal::Kind::leave: break;
    }
    return {};
}

// RFC 3501 section 9: flag-keyword is an atom, flag-extension one behind a backslash.
bool is_flag(std::string_view text) {
    if (text.starts_with('\\')) text.remove_prefix(1);
    return !text.empty() && text.size() <= 100 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos; });
}

}  // namespace

awaitable<Result<void>> Visit::start_disposing() {
    // While fetching goes on, what is settled is gathered: each command makes the server write and wait for its disk.
    constexpr std::size_t kWorthIt = 500;
    constexpr std::chrono::seconds kSoonEnough(2);
    const auto now = Steady::now();
    Group* const group = mailbox_.next_group(now);
    if (group == nullptr) co_return Result<void>{};
    if (!mailbox_.stopping && count(What::fetch) > 0 && group->uids.size() < kWorthIt && now < disposed_at_ + kSoonEnough) co_return Result<void>{};
    disposed_at_ = now;
    Disposing disposing;
    disposing.group = group;
    // What was copied before something went wrong is not copied again
    const std::set<Uid>& next = group->copied.empty() ? group->uids : group->copied;
    const std::vector<Uid> all(next.begin(), next.end());
    std::size_t used = 0;
    disposing.set = uid_set(all, kMaxSetBytes, used);
    disposing.uids.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(used));
    const Disposal& disposal = group->disposal;
    disposing.step = disposal.kind != Disposal::Kind::move || !group->copied.empty() ? Disposing::Step::store : session_->has("MOVE") ? Disposing::Step::move : Disposing::Step::copy;
    disposing_ = std::move(disposing);
    if (disposal.kind == Disposal::Kind::keyword) {
        const auto& allowed = session_->folder().permanent_flags;
        if (!is_flag(disposal.target)) {
            give_up_disposing(session_->error("the keyword is none that IMAP could have", ErrorCode::invalid_argument));
            co_return Result<void>{};
        }
        if (allowed && !allowed->contains("\\*") && !allowed->contains(upper(disposal.target))) {
            give_up_disposing(session_->error(fmt::format("the folder allows no keyword {}", disposal.target), ErrorCode::unsupported));
            co_return Result<void>{};
        }
    }
    auto begun = co_await next_disposal_step();
    co_return begun;
}

awaitable<Result<void>> Visit::next_disposal_step() {
    using Step = Disposing::Step;
    const Disposal& disposal = disposing_->group->disposal;
    const std::string& set = disposing_->set;
    std::string target;
    if (disposal.kind == Disposal::Kind::move) {
        auto encoded = encode_mailbox(disposal.target);
        if (!encoded) {
            give_up_disposing(std::move(encoded).error());
            co_return Result<void>{};
        }
        for (const char c : *encoded) {
            if (c == '"' || c == '\\') target += '\\';
            target += c;
        }
    }
    std::string text;
    switch (disposing_->step) {
        case Step::move: text = fmt::format("UID MOVE {} \"{}\"", set, target); break;
        case Step::copy: text = fmt::format("UID COPY {} \"{}\"", set, target); break;
        case Step::create: text = fmt::format("CREATE \"{}\"", target); break;
        case Step::store: {
            const std::string flag = disposal.kind == Disposal::Kind::seen ? "\\Seen" : disposal.kind == Disposal::Kind::keyword ? disposal.target : "\\Deleted";
            text = fmt::format("UID STORE {} +FLAGS.SILENT ({})", set, flag);
            break;
        }
        case Step::expunge: text = fmt::format("UID EXPUNGE {}", set); break;
    }
    Command command;
    command.what = What::dispose;
    auto begun = co_await start(std::move(text), std::move(command));
    co_return begun;
}

awaitable<Result<void>> Visit::ended_dispose(Response response) {
    using Step = Disposing::Step;
    if (!disposing_) co_return std::unexpected(session_->error("a disposal ended that was not begun", ErrorCode::internal));
    const bool ok = response.status == Response::Status::ok;
    const Step step = disposing_->step;
    if (step == Step::create) {
        // Somebody else may have made it meanwhile; if not, the next attempt says so
        if (!ok && response.code != "ALREADYEXISTS") {
            give_up_disposing(session_->refusal(fmt::format("the folder {} cannot be created", disposing_->group->disposal.target), response));
            co_return Result<void>{};
        }
        disposing_->step = disposing_->after_create;
        auto again = co_await next_disposal_step();
        co_return again;
    }
    if (!ok && response.code == "TRYCREATE" && !disposing_->created && (step == Step::move || step == Step::copy)) {
        disposing_->created = true;
        disposing_->after_create = step;
        disposing_->step = Step::create;
        auto create = co_await next_disposal_step();
        co_return create;
    }
    if (!ok) {
        const Disposal& disposal = disposing_->group->disposal;
        const std::string what = disposal.kind == Disposal::Kind::move ? fmt::format("messages cannot be moved to {}", disposal.target) : "messages cannot be marked";
        give_up_disposing(session_->refusal(what, response));
        co_return Result<void>{};
    }
    const bool removes = disposing_->group->disposal.kind == Disposal::Kind::move || disposing_->group->disposal.kind == Disposal::Kind::remove;
    bool more = false;
    if (step == Step::copy) {
        disposing_->group->copied.insert(disposing_->uids.begin(), disposing_->uids.end());
        disposing_->step = Step::store;
        more = true;
    } else if (step == Step::store && removes) {
        if (session_->has("UIDPLUS")) {
            disposing_->step = Step::expunge;
            more = true;
        } else {
            mailbox_.note_once("the server can expunge no single messages (no UIDPLUS): messages are marked \\Deleted and stay until somebody expunges the folder");
        }
    }
    if (more) {
        auto next = co_await next_disposal_step();
        co_return next;
    }
    const Disposing done = std::move(*disposing_);
    disposing_.reset();
    mailbox_.disposed(*done.group, done.uids, where_of(done.group->disposal));
    co_return Result<void>{};
}

void Visit::give_up_disposing(Error error) {
    Group& group = *disposing_->group;
    disposing_.reset();
    mailbox_.not_disposed(group, error);
}

}  // namespace whosent::collect::imap
