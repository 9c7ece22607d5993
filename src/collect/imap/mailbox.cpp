#include "mailbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>

#include "oversized.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/net/io.hpp"
#include "whosent/parse/authenticity.hpp"

namespace whosent::collect::imap {
namespace {

bool equal(const Disposal& a, const Disposal& b) { return a.kind == b.kind && a.target == b.target; }

bool is_inbox(const std::string& name) { return upper(name) == "INBOX"; }

std::size_t class_of(pipeline::Outcome::Kind kind) {
    switch (kind) {
        case pipeline::Outcome::Kind::not_a_report: return 1;
        case pipeline::Outcome::Kind::quarantined: return 2;
        default: return 0;
    }
}

}  // namespace

// Where the intake's threads leave their answers.
struct Mailbox::Inbox {
    struct Letter {
        std::uint32_t generation;
        Uid uid;
        Told told;
    };
    std::mutex mutex;
    net::Io* io;  // null: closed
    std::vector<Letter> letters;
    std::weak_ptr<Mailbox> owner;  // looked at on the I/O thread

    static void put(const std::shared_ptr<Inbox>& self, Letter letter) {
        const std::lock_guard lock(self->mutex);
        if (self->io == nullptr) return;
        self->letters.push_back(std::move(letter));
        if (self->letters.size() > 1) return;  // somebody comes for them already
        self->io->post([self] {
            if (const auto owner = self->owner.lock()) owner->take_outcomes();
        });
    }
};

milliseconds back_off(const ImapSettings& settings, unsigned attempt) {
    const auto least = std::chrono::duration_cast<milliseconds>(settings.retry_least).count();
    const auto most = std::max(std::chrono::duration_cast<milliseconds>(settings.retry_most).count(), least);
    const auto ceiling = std::min<std::int64_t>(most, attempt >= 20 ? most : std::max<std::int64_t>(least, 1) << (attempt + 1));
    const auto span = static_cast<std::uint64_t>(std::max<std::int64_t>(ceiling - least, 0)) + 1;
    return milliseconds(least + static_cast<std::int64_t>(random_u64() % span));
}

Mailbox::Mailbox(ImapSettings all, const Surroundings& surroundings)
    : settings(std::move(all)),
      name("imap:" + settings.name),
      around(surroundings),
      wake(surroundings.io.context().get_executor()),
      inbox_(std::make_shared<Inbox>()) {
    inbox_->io = &around.io;
    const Sha256Digest digest = sha256(fmt::format("{}\n{}\n{}\n{}", settings.host, settings.port, settings.user, settings.folder));
    identity_ = to_hex(std::span(digest).first(4));
    const std::array<Disposal, 3> disposals = {settings.processed, settings.not_a_report, settings.quarantined};
    for (std::size_t i = 0; i < disposals.size(); ++i) {
        groups_[i].disposal = disposals[i];
        Disposal& disposal = groups_[i].disposal;
        // Moved to where it is, each would be new again
        if (disposal.kind == Disposal::Kind::move && (disposal.target == settings.folder || (is_inbox(disposal.target) && is_inbox(settings.folder)))) disposal = {};
        group_index_[i] = i;
        for (std::size_t k = 0; k < i; ++k)
            if (equal(groups_[k].disposal, disposal)) {
                group_index_[i] = k;
                break;
            }
    }
}

void Mailbox::close() {
    closed = stopping = true;
    const std::lock_guard lock(inbox_->mutex);
    inbox_->io = nullptr;
    inbox_->letters.clear();
}

void Mailbox::begin(std::uint32_t uid_validity) {
    inbox_->owner = weak_from_this();
    if (ledger.uid_validity() == uid_validity) return ledger.forget_wanted();
    std::uint32_t before = ledger.uid_validity();
    auto place = Ledger::parse_place(around.journal.place(name));
    if (place && place->identity != identity_) place.reset();  // another mailbox's, of an earlier configuration
    if (before == 0 && place) before = place->uid_validity;
    if (before != 0 && before != uid_validity) around.journal.note(name, fmt::format("UIDVALIDITY changed from {} to {}: rescanning", before, uid_validity));
    ledger.begin(uid_validity);
    for (Group& group : groups_) {
        group.uids.clear();
        group.copied.clear();
    }
    if (place && place->uid_validity == uid_validity) ledger.restore(std::move(*place));
    kept_ = ledger.place(identity_);
}

pipeline::Submission Mailbox::submission(Uid uid, Fetched fetched, bool prompt) {
    Provenance provenance;
    provenance.collector = name;
    provenance.remote_key = fmt::format("{}/{}", ledger.uid_validity(), uid);
    provenance.received_at = fetched.internal_date;
    pipeline::Submission submission;
    submission.prompt = prompt;
    const Entry* entry = ledger.find(uid);
    const std::uint64_t too_large = entry != nullptr && entry->way == Way::head ? entry->size : 0;
    auto bytes = std::make_shared<const std::string>(fetched.body ? std::move(*fetched.body) : std::string());
    submission.bytes = bytes->size();
    submission.fetch = [bytes, too_large, provenance, trusted = settings.trusted_authserv_ids, limits = around.limits]() -> Result<RawMessage> {
        Provenance complete = provenance;
        complete.authenticity = parse::authenticity_of(*bytes, trusted);
        if (too_large > 0) return oversized_message(*bytes, too_large, limits, std::move(complete));
        return RawMessage{bytes, *bytes, {}, std::move(complete)};
    };
    submission.done = [inbox = inbox_, uid, generation = ledger.generation()](const RawMessage& message, const pipeline::Outcome& outcome) {
        Inbox::put(inbox, {generation, uid, {RawMessage{{}, {}, {}, message.provenance}, outcome}});
    };
    return submission;
}

void Mailbox::take_outcomes() {
    std::vector<Inbox::Letter> letters;
    {
        const std::lock_guard lock(inbox_->mutex);
        letters.swap(inbox_->letters);
    }
    if (closed) return;
    bool any_retry = false;
    for (Inbox::Letter& letter : letters) {
        any_retry = any_retry || letter.told.outcome.kind == pipeline::Outcome::Kind::retry;
        Entry* entry = letter.generation == ledger.generation() ? ledger.find(letter.uid) : nullptr;
        if (entry == nullptr || entry->state != Entry::State::under_way)
            log(letter.told, "");  // of a folder that is no longer what it was
        else
            settle(letter.uid, *entry, std::move(letter.told));
    }
    keep_place();
    wake.notify();
    if (on_work && (any_retry || next_group(Steady::now()) != nullptr)) on_work();
    // It may end us
    const auto told = on_told;
    if (told) told();
}

void Mailbox::settle(Uid uid, Entry& entry, Told told) {
    if (told.outcome.kind == pipeline::Outcome::Kind::retry) {
        if (!failed) failed = Error{ErrorCode::io, Stage::collect, Persistence::retry, told.message.provenance.remote_key, "the message stays, to be tried again: " + told.outcome.reason, {}};
        log(told, fmt::format("stays in {}", settings.folder));
        return try_later(entry);
    }
    Group& group = group_of(told.outcome.for_original());
    if (group.disposal.kind == Disposal::Kind::leave) {
        log(told, "");
        return ledger.finish(uid);
    }
    ledger.set_state(entry, Entry::State::settled);
    if (group.not_before > Steady::now()) log(told, fmt::format("stays in {}", settings.folder));
    entry.told = std::make_unique<Told>(std::move(told));
    group.uids.insert(uid);
}

void Mailbox::log(Told& told, const std::string& where) {
    if (!std::exchange(told.logged, true)) around.journal.outcome(name, told.message, told.outcome, where);
}

Group& Mailbox::group_of(pipeline::Outcome::Kind kind) { return groups_[group_index_[class_of(kind)]]; }

void Mailbox::try_later(Entry& entry) {
    ledger.set_state(entry, Entry::State::later);
    entry.again = Steady::now() + back_off(settings, entry.attempts++);
}

void Mailbox::cannot_fetch(Uid uid, Entry& entry, Error error) {
    try_later(entry);
    error.where += fmt::format(" > {}/{}", ledger.uid_validity(), uid);
    around.journal.failed(name, error, std::chrono::ceil<milliseconds>(entry.again - Steady::now()));
    if (!failed) failed = std::move(error);
}

void Mailbox::disposed(Group& group, const std::vector<Uid>& uids, const std::string& where) {
    group.failures = 0;
    for (const Uid uid : uids) {
        group.uids.erase(uid);
        group.copied.erase(uid);
        if (Entry* entry = ledger.find(uid); entry != nullptr && entry->told) log(*entry->told, where);
        ledger.finish(uid);
    }
    keep_place();
}

void Mailbox::not_disposed(Group& group, const Error& error) {
    const milliseconds delay = back_off(settings, group.failures++);
    group.not_before = once ? Steady::time_point::max() : Steady::now() + delay;
    if (!failed) failed = error;
    // Those too that were settled meanwhile: they wait with the others
    for (const Uid uid : group.uids)
        if (Entry* entry = ledger.find(uid); entry != nullptr && entry->told) log(*entry->told, fmt::format("stays in {}", settings.folder));
    around.journal.failed(name, error, delay);
}

Group* Mailbox::next_group(Steady::time_point now) {
    Group* most = nullptr;
    for (Group& group : groups_)
        if (!group.uids.empty() && group.not_before <= now && (most == nullptr || group.uids.size() > most->uids.size())) most = &group;
    return most;
}

std::optional<Steady::time_point> Mailbox::next_due() const {
    auto due = ledger.first_later();
    for (const Group& group : groups_)
        if (!group.uids.empty() && (!due || group.not_before < *due)) due = group.not_before;
    return due;
}

void Mailbox::keep_place() {
    if (Steady::now() < kept_at_ + std::chrono::seconds(1)) return;
    keep_place_now();
}

void Mailbox::keep_place_now() {
    if (ledger.uid_validity() == 0) return;  // the folder was never opened: the place of old stays
    kept_at_ = Steady::now();
    std::string place = ledger.place(identity_);
    if (place == kept_) return;
    kept_ = place;
    around.journal.keep_place(name, std::move(place));
}

void Mailbox::note_once(const std::string& text) {
    if (noted_.insert(text).second) around.journal.note(name, text);
}

void Mailbox::set_waiting(std::uint64_t messages) {
    if (std::exchange(waiting_, messages) != messages) around.journal.waiting(name, messages);
}

}  // namespace whosent::collect::imap
