#include "whosent/pipeline/attributor.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "answer_book.hpp"
#include "first_conclusions.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/judge/verdict.hpp"

namespace whosent::pipeline {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Raised when the rules of judge change, so that every store is judged again; those of identify are part of the catalogue's version.
constexpr int kRules = 1;
// Written to the store at once, and at the latest after kFlushAfter.
constexpr std::size_t kSettledAtOnce = 4'096, kAnswersAtOnce = 8'192;
constexpr std::size_t kTakenBytes = 16u << 20;  // of the texts of streams taken up at once: forged ones are long
constexpr std::size_t kAnswerBytes = 8u << 20;  // not written yet
constexpr auto kFlushAfter = std::chrono::seconds(1);
constexpr auto kSweepWait = std::chrono::milliseconds(100);

// Of everything but the streams and DNS that decides what is concluded.
Key128 key_of(const AttributionOptions& options, const Inventory& inventory) {
    const Key128& catalogue = options.catalogue->version();
    std::string text(reinterpret_cast<const char*>(catalogue.data()), catalogue.size());
    text += std::to_string(kRules) + (options.resolver ? " dns" : " offline") + (options.hosts ? " hosts\n" : "\n");
    std::vector<std::string> lines;
    for (const OwnDomain& own : inventory.domains) {
        std::string line = "domain " + own.domain + (own.parked ? " parked" : "");
        for (const IpPrefix& network : own.networks) line += " " + network.to_string();
        lines.push_back(std::move(line));
    }
    for (const Approval& approval : inventory.approvals) lines.push_back("approve " + approval.domain + " " + approval.sender + " " + std::string(name_of(approval.by)));
    std::ranges::sort(lines);
    for (const std::string& line : lines) text += line + "\n";
    return key128(text);
}

}  // namespace

struct Attributor::State {
    // A stream that waits for answers.
    struct UnderWay {
        store::StreamRow row;
        std::size_t outstanding = 0;  // answers
    };
    // A pass over the streams that are settled.
    struct Sweep {
        store::Cause cause = store::Cause::answers;
        std::optional<std::string> domain;
        bool provisional = false;  // only of those
        std::int64_t after = 0;
        bool ended = false;  // there are no more streams
    };

    const Clock& clock;
    AttributionOptions options;
    Inventory inventory;
    std::unique_ptr<store::Reader> reader;
    AnswerBook book;
    identify::SpfCoverages coverages;
    FirstConclusions first;
    Key128 judged_by{};   // the store's
    bool blank = false;   // DNS is off, and nothing that it said before is kept
    bool taken = false;   // the store was told who judges its streams
    bool empty = false;   // the store had no stream when it was opened, and judged_by is not written yet

    std::int64_t unsettled_after = 0;
    std::optional<Sweep> sweep;
    std::deque<UnderWay> under_way_nodes;     // stable places; free ones are in `spare`
    std::vector<UnderWay*> spare, ready;
    std::unordered_map<dns::Question, std::vector<UnderWay*>, dns::QuestionHash, dns::QuestionEqual> waiting;
    std::size_t under_way = 0;
    std::vector<store::Settlement> settlements;
    std::vector<dns::Answer> answers;  // not in the store yet
    std::size_t answer_bytes = 0;      // of their texts
    SteadyClock::time_point flushed = SteadyClock::now();
    Progress progress;

    State(const Clock& time, AttributionOptions how, std::unique_ptr<store::Reader> read)
        : clock(time),
          options(std::move(how)),
          inventory(options.inventory),
          reader(std::move(read)),
          book(*reader, clock, options.resolver ? AnswerBook::Freshness::usual : AnswerBook::Freshness::offline),
          coverages(book),
          first(*options.catalogue, options.hosts.get(), inventory, options.resolver != nullptr) {}

    [[nodiscard]] Result<void> read_approvals();
    [[nodiscard]] Result<void> set_judged_by(store::Writer& writer, const Key128& by) {
        judged_by = by;
        return writer.set_judged_by(by);
    }
    [[nodiscard]] Key128 key() const { return key_of(options, inventory); }
    [[nodiscard]] Explanation look(const StreamView& stream, std::string_view domain, AnswerBook& from, identify::SpfCoverages& expanded) const;
    [[nodiscard]] Result<void> take_up();
    [[nodiscard]] Result<void> consider(UnderWay& stream);
    void answered(const dns::Answer& answer);
    [[nodiscard]] Result<void> flush(store::Writer& writer);
    [[nodiscard]] Result<bool> run(Attributor& attributor, store::Writer& writer, Sweep next, AnswerBook::Freshness freshness, const std::function<bool()>& go_on);
    [[nodiscard]] store::Cause cause() const { return sweep ? sweep->cause : store::Cause::answers; }
};

Attributor::Attributor(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Attributor::~Attributor() = default;

Result<std::unique_ptr<Attributor>> Attributor::create(store::Store& store, const Clock& clock, AttributionOptions options) {
    auto reader = WHOSENT_TRY(store.reader());
    auto state = std::make_unique<State>(clock, std::move(options), std::move(reader));
    WHOSENT_CHECK(state->read_approvals());
    state->judged_by = WHOSENT_TRY(state->reader->judged_by());
    state->blank = !state->options.resolver && !WHOSENT_TRY(state->reader->info()).dns_answers;
    state->empty = true;
    WHOSENT_CHECK(state->reader->streams({.limit = 1}, [&](const store::StreamRow&) { return state->empty = false; }));
    return std::unique_ptr<Attributor>(new Attributor(std::move(state)));
}

Result<void> Attributor::State::read_approvals() {
    inventory.approvals = options.inventory.approvals;
    for (Approval& approval : WHOSENT_TRY(reader->approvals())) inventory.approvals.push_back(std::move(approval));
    first.clear();
    return {};
}

store::FirstJudge::Said Attributor::say(const StreamView& stream, std::string_view domain) {
    FirstConclusions::Entry& entry = state_->first.of(stream, domain);
    return {&entry.conclusion, &entry.known, state_->blank};
}

void Attributor::forget_known() { state_->first.forget_known(); }

Explanation Attributor::State::look(const StreamView& stream, std::string_view domain, AnswerBook& from, identify::SpfCoverages& expanded) const {
    const OwnDomain* const own = inventory.find(domain);
    identify::Knowledge knowledge{.catalogue = *options.catalogue, .hosts = options.hosts.get()};
    if (!blank) {
        knowledge.answers = &from;
        knowledge.coverages = &expanded;
    }
    if (own) knowledge.own_networks = own->networks;
    Explanation out;
    out.identification = identify::identify(stream, domain, knowledge);
    const auto& [attribution, authorization, incomplete, unanswered] = out.identification;
    out.verdict = judge::judge({stream, domain, attribution, authorization, inventory});
    out.own_domain = own != nullptr;
    return out;
}

// Streams that wait for their first complete attribution go before those that are judged again.
Result<void> Attributor::State::take_up() {
    const auto take = [&](const store::StreamQuery& query, std::int64_t& after) -> Result<void> {
        std::vector<store::StreamRow> rows;
        std::size_t bytes = 0;
        WHOSENT_CHECK(reader->streams(query, [&](const store::StreamRow& row) {
            rows.push_back(row);
            bytes += row.stream.dkim.size() + row.stream.envelope_from.size() + row.stream.spf_domain.size();
            return bytes < kTakenBytes;
        }));
        for (store::StreamRow& row : rows) {
            after = row.id;
            if (!query.unsettled && !row.settled) continue;
            UnderWay* place = nullptr;
            if (spare.empty()) {
                place = &under_way_nodes.emplace_back();
            } else {
                place = spare.back();
                spare.pop_back();
            }
            place->row = std::move(row);
            place->outstanding = 0;
            ++under_way;
            ready.push_back(place);
        }
        if (sweep) progress.judged += rows.size();
        return {};
    };
    if (under_way >= options.streams_at_once) return {};
    const std::size_t room = options.streams_at_once - under_way;
    if (!sweep) return take({.unsettled = true, .after_id = unsettled_after, .limit = room}, unsettled_after);
    if (!sweep->ended) {
        const std::int64_t before = sweep->after;
        WHOSENT_CHECK(take({.domain = sweep->domain, .provisional = sweep->provisional, .after_id = before, .limit = room}, sweep->after));
        sweep->ended = sweep->after == before;
    }
    if (sweep->ended && under_way == 0) sweep.reset();
    return {};
}

Result<void> Attributor::State::consider(UnderWay& stream) {
    const StreamView view = stream.row.stream.view();
    const auto settle = [&](Conclusion conclusion, AttributionState as) {
        settlements.push_back({stream.row.id, std::move(conclusion), as});
        spare.push_back(&stream);
        --under_way;
    };
    if (blank) {
        // To the letter what is said at ingest, so that nobody is told of a change that is none
        settle(first.of(view, stream.row.domain).conclusion, AttributionState::final);
        return {};
    }
    Explanation found = look(view, stream.row.domain, book, coverages);
    if (book.failed()) return std::unexpected(*book.failed());
    const std::vector<dns::Question> wanted = book.take_wanted();  // with DNS off: none
    if (!wanted.empty()) {
        stream.outstanding = wanted.size();
        for (const dns::Question& question : wanted) {
            auto& waiters = waiting[question];
            waiters.push_back(&stream);
            if (waiters.size() == 1) options.resolver->ask(question, [this](const dns::Answer& answer) { answered(answer); });
        }
        return {};
    }
    const auto& [attribution, authorization, incomplete, unanswered] = found.identification;
    settle(conclude(attribution, authorization, std::move(found.verdict)), !options.resolver || !unanswered ? AttributionState::final : AttributionState::provisional);
    return {};
}

void Attributor::State::answered(const dns::Answer& answer) {
    book.put(answer);
    answers.push_back(answer);
    for (const std::string& text : answer.texts) answer_bytes += text.size();
    const auto waiters = waiting.extract(answer.question);
    if (waiters.empty()) return;
    for (UnderWay* stream : waiters.mapped())
        if (--stream->outstanding == 0) ready.push_back(stream);
}

Result<void> Attributor::State::flush(store::Writer& writer) {
    if (!answers.empty()) WHOSENT_CHECK(writer.put_answers(answers));
    answers.clear();
    answer_bytes = 0;
    if (!settlements.empty()) {
        const store::SettleOutcome outcome = WHOSENT_TRY(writer.settle(settlements, cause(), options.resolver ? options.attribution_deadline : 0));
        progress.settled += static_cast<std::uint64_t>(std::ranges::count(settlements, AttributionState::final, &store::Settlement::state));
        progress.reclassified += static_cast<std::uint64_t>(outcome.reclassified);
        progress.events += static_cast<std::uint64_t>(outcome.events);
    }
    settlements.clear();
    if (empty) {
        empty = false;
        WHOSENT_CHECK(set_judged_by(writer, key()));
    }
    book.shrink();
    flushed = SteadyClock::now();
    return {};
}

Result<bool> Attributor::step(store::Writer& writer, std::chrono::milliseconds wait) {
    State& state = *state_;
    if (!state.taken) {
        // What is judged from here on is judged by another catalogue or inventory than the rest: until all is, nothing counts as judged
        if (out_of_date()) WHOSENT_CHECK(state.set_judged_by(writer, {}));
        state.taken = true;
    }
    WHOSENT_CHECK(state.take_up());
    bool waited = false;
    for (;;) {
        while (!state.ready.empty()) {
            std::vector<State::UnderWay*> ready;
            ready.swap(state.ready);
            for (State::UnderWay* stream : ready) WHOSENT_CHECK(state.consider(*stream));
        }
        const bool due = state.settlements.size() >= kSettledAtOnce || state.answers.size() >= kAnswersAtOnce || state.answer_bytes >= kAnswerBytes || state.under_way == 0 ||
                         SteadyClock::now() - state.flushed >= kFlushAfter;
        if ((due && !(state.settlements.empty() && state.answers.empty())) || state.empty) WHOSENT_CHECK(state.flush(writer));
        if (state.under_way == 0 || waited) break;
        state.options.resolver->poll(wait);
        waited = true;
    }
    state.progress.unsettled = state.under_way;
    if (state.options.resolver) state.progress.dns = state.options.resolver->counts();
    if (state.under_way > 0 || state.sweep) return true;
    // Whether there is more, the next page tells
    WHOSENT_CHECK(state.take_up());
    state.progress.unsettled = state.under_way;
    return state.under_way > 0 || state.sweep.has_value();
}

Result<void> Attributor::leave(store::Writer& writer) {
    // What waits stays unsettled in the store, where the next run finds it
    return state_->flush(writer);
}

// Those that wait already are settled first, as they would have been. False: `go_on` ended it.
Result<bool> Attributor::State::run(Attributor& attributor, store::Writer& writer, Sweep next, AnswerBook::Freshness freshness, const std::function<bool()>& go_on) {
    const auto steps = [&]() -> Result<bool> {
        for (bool more = true; more;) {
            more = WHOSENT_TRY(attributor.step(writer, kSweepWait));
            if (more && go_on && !go_on()) return false;
        }
        return true;
    };
    const auto draw_on = [&](AnswerBook::Freshness kind) {
        if (options.resolver) book.set_freshness(kind);
        coverages.forget();
    };
    if (!WHOSENT_TRY(steps())) return false;
    draw_on(freshness);
    sweep = std::move(next);
    auto done = steps();
    sweep.reset();
    draw_on(AnswerBook::Freshness::usual);
    return done;
}

Result<void> Attributor::judge_again(store::Writer& writer, store::Cause cause, bool everything, std::optional<std::string> domain, const std::function<bool()>& go_on) {
    State& state = *state_;
    const bool current = !out_of_date();
    WHOSENT_CHECK(state.read_approvals());
    const bool all = !domain;
    // Cut off, it begins again with the next run
    if (all) WHOSENT_CHECK(state.set_judged_by(writer, {}));
    const auto freshness = everything ? AnswerBook::Freshness::strict : AnswerBook::Freshness::kept;
    if (!WHOSENT_TRY(state.run(*this, writer, {.cause = cause, .domain = std::move(domain)}, freshness, go_on))) return {};
    // One domain was judged by its new approvals, which touch no other: then all are, if all were before
    if (!all && !current) return {};
    return state.set_judged_by(writer, state.key());
}

Result<void> Attributor::retry(store::Writer& writer, const std::function<bool()>& go_on) {
    State& state = *state_;
    if (!state.options.resolver) return {};
    state.book.set_freshness(AnswerBook::Freshness::again);
    state.coverages.forget();
    state.unsettled_after = 0;
    static_cast<void>(WHOSENT_TRY(state.run(*this, writer, {.provisional = true}, AnswerBook::Freshness::again, go_on)));
    return {};
}

bool Attributor::out_of_date() const { return !state_->empty && state_->judged_by != state_->key(); }

Attributor::Progress Attributor::progress() const { return state_->progress; }

Result<Explanation> Attributor::explain(const StreamView& stream, std::string_view domain, bool ask, std::chrono::milliseconds deadline) {
    State& state = *state_;
    dns::Resolver* const resolver = ask ? state.options.resolver : nullptr;
    AnswerBook book(*state.reader, state.clock, resolver ? AnswerBook::Freshness::usual : AnswerBook::Freshness::offline);
    identify::SpfCoverages coverages(book);
    const auto end = SteadyClock::now() + deadline;
    for (;;) {
        Explanation found = state.look(stream, domain, book, coverages);
        if (book.failed()) return std::unexpected(*book.failed());
        const std::vector<dns::Question> wanted = book.take_wanted();
        if (state.blank) found.verdict = state.first.of(stream, domain).conclusion.verdict;
        if (!resolver || wanted.empty() || SteadyClock::now() >= end) return found;
        std::size_t outstanding = wanted.size();
        for (const dns::Question& question : wanted) {
            resolver->ask(question, [&](const dns::Answer& answer) {
                book.put(answer);
                --outstanding;
            });
        }
        while (outstanding > 0) resolver->poll(kSweepWait);  // each has its own deadline
    }
}

}  // namespace whosent::pipeline
