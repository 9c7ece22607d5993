#include <fmt/format.h>

#include <algorithm>

#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/json.hpp"
#include "app/listing_options.hpp"
#include "app/simulation.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string domain, policy, since, until;
    std::string format = "text";
};

constexpr std::size_t kRemediesShown = 5, kHitsShown = 12, kApartShown = 5;

struct Answer {
    std::string domain, policy;
    std::optional<Seconds> since, until;
    Simulation simulation;
    std::optional<store::DomainRow> published;  // as the newest report has it
    std::string above;                          // the policy domain that holds instead; empty: none
};

std::string messages(std::int64_t count) { return counted(static_cast<std::uint64_t>(count), "message"); }

double part(std::int64_t count, std::int64_t all) { return all > 0 ? static_cast<double>(count) / static_cast<double>(all) : 0; }

// For people.
std::string heading(Effect effect, bool reject) {
    switch (effect) {
        case Effect::lost: return reject ? "legitimate, lost" : "legitimate, put aside";
        case Effect::to_decide: return "known senders that nobody authorized: yours to decide";
        case Effect::undetermined: return "undetermined";
        case Effect::stopped: return reject ? "spoofed, stopped" : "spoofed, put aside";
    }
    return {};
}

std::vector<std::string> notes(const Answer& answer) {
    std::vector<std::string> out;
    const auto& apart = answer.simulation.apart;
    if (answer.published) {
        const auto& row = *answer.published;
        out.push_back(fmt::format("the record that the newest report names: p={}, sp={}{}", row.p.empty() ? "unknown" : row.p, row.sp.empty() ? "as p" : row.sp,
                                  row.np.empty() ? std::string() : fmt::format(", np={}", row.np)));
    }
    if (answer.simulation.messages > 0) {
        out.push_back(fmt::format("counted is all mail under the policy of {}, that of subdomains without a record of their own included: for these sp must be {} too, or left out",
                                  answer.domain, answer.policy));
    }
    if (!apart.empty()) {
        std::string names;
        for (std::size_t i = 0; i < std::min(apart.size(), kApartShown); ++i) names += fmt::format("{}{} ({})", i > 0 ? ", " : "", apart[i].first, messages(apart[i].second));
        if (apart.size() > kApartShown) names += fmt::format(" and {} more", apart.size() - kApartShown);
        out.push_back(fmt::format("not counted, because a record of their own holds for them: {}", names));
    }
    if (answer.simulation.messages == 0 && !answer.above.empty()) {
        out.push_back(fmt::format("the policy of {} holds for {}: simulate that", answer.above, answer.domain));
    }
    return out;
}

std::string to_text(const Answer& answer) {
    const Simulation& simulation = answer.simulation;
    const std::int64_t all = simulation.messages;
    const bool reject = answer.policy == "reject";
    std::string out = fmt::format("{} with p={}: {}", answer.domain, answer.policy, messages(all));
    if (answer.since) out += fmt::format(" since {}", format_day(day_of(*answer.since)));
    if (answer.until) out += fmt::format(" before {}", format_day(day_of(*answer.until)));
    out += '\n';
    const auto line = [&](std::size_t indent, std::string_view label, std::int64_t count) {
        const std::size_t width = 56 - indent;
        out += fmt::format("{:{}}{:<{}} {:>12} {:>8}\n", "", indent, printable(label, 200), width, grouped(static_cast<std::uint64_t>(count)), fmt::format("{:.2f}%", 100 * part(count, all)));
    };
    if (all > 0) line(2, "pass: never hit", simulation.passed);
    if (answer.policy == "none") out += "p=none asks receivers for nothing: no message would have been lost, and none stopped.\n";
    for (const Effect effect : kEffects) {
        const std::int64_t count = simulation.of(effect);
        if (count == 0 && effect != Effect::lost) continue;
        if (answer.policy == "none" || all == 0) continue;
        line(2, heading(effect, reject), count);
        std::size_t shown = 0;
        for (const Hit& hit : simulation.hits) {
            if (hit.effect == effect && ++shown <= kHitsShown) line(4, fmt::format("{:<18} {}", name_of(hit.verdict), hit.label), hit.messages);
        }
        if (shown > kHitsShown) out += fmt::format("    … and {} more senders; --format json has them all\n", shown - kHitsShown);
    }
    if (!simulation.remedies.empty() && answer.policy != "none") {
        out += "\nWhat to mend first:\n";
        for (std::size_t i = 0; i < std::min(simulation.remedies.size(), kRemediesShown); ++i) {
            const Remedy& remedy = simulation.remedies[i];
            out += fmt::format("  {}. {} ({}): {}\n", i + 1, messages(remedy.messages), printable(fmt::format("{}", fmt::join(remedy.senders, ", ")), 200), printable(remedy.text, 1000));
        }
        if (simulation.remedies.size() > kRemediesShown) out += fmt::format("  … and {} more; --format json has them all\n", simulation.remedies.size() - kRemediesShown);
    }
    const auto told = notes(answer);
    if (!told.empty()) out += '\n';
    for (const auto& note : told) out += fmt::format("Note: {}.\n", printable(note, 1000));
    return out;
}

std::string to_json(const Answer& answer) {
    const Simulation& simulation = answer.simulation;
    const bool hits = answer.policy != "none";
    const auto time = [](std::optional<Seconds> value) { return value ? Cell(format_day(day_of(*value))) : Cell(); };
    Json json;
    json.begin_object()
        .add("domain", answer.domain)
        .add("simulate", answer.policy)
        .add("since", time(answer.since))
        .add("until", time(answer.until))
        .add("messages", simulation.messages)
        .add("pass", simulation.passed);
    for (const Effect effect : kEffects) json.add(effect == Effect::to_decide ? "to_decide" : name_of(effect), hits ? simulation.of(effect) : 0);
    json.begin_list("hits");
    for (const Hit& hit : simulation.hits) {
        if (!hits) break;
        json.begin_object()
            .add("effect", std::string(name_of(hit.effect)))
            .add("verdict", std::string(name_of(hit.verdict)))
            .add("sender", known(hit.sender))
            .add("sender_name", known(hit.sender_name))
            .add("messages", hit.messages)
            .add("share", part(hit.messages, simulation.messages))
            .add("reason", known(hit.reason))
            .add("remedy", known(hit.remedy))
            .end();
    }
    json.end().begin_list("mend_first");
    for (const Remedy& remedy : simulation.remedies) {
        if (!hits) break;
        json.begin_object().add("effect", std::string(name_of(remedy.effect))).add("remedy", remedy.text).add("senders", remedy.senders).add("messages", remedy.messages).end();
    }
    json.end().begin_object("published");
    if (answer.published) json.add("p", known(answer.published->p)).add("sp", known(answer.published->sp)).add("np", known(answer.published->np));
    json.end().add("apart", simulation.apart).add("notes", notes(answer));
    return json.end().take();
}

Result<Exit> run(Context& context, const Options& options) {
    ScopeOptions scope{options.domain, options.since, options.until};
    store::ConclusionQuery query;
    WHOSENT_CHECK(read_scope(scope, context, query));
    if (!query.domain) return std::unexpected(usage_error("DOMAIN is empty"));
    auto opened = WHOSENT_TRY(open_reader(context));
    const Inventory inventory = WHOSENT_TRY(effective_inventory(context, *opened.reader));
    Answer answer{*query.domain, options.policy, query.since, query.until, simulate(*query.domain, WHOSENT_TRY(opened.reader->conclusions(query)), inventory), {}, {}};
    for (auto& row : WHOSENT_TRY(opened.reader->domains())) {
        if (row.domain == answer.domain) {
            answer.published = std::move(row);
        } else if (is_same_or_below(answer.domain, row.domain) && row.domain.size() > answer.above.size()) {
            answer.above = row.domain;
        }
    }
    context.output.write(options.format == "json" ? to_json(answer) : to_text(answer));
    return Exit::done;
}

}  // namespace

void add_policy(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("policy", "What a DMARC policy would have cost: the legitimate mail lost, the spoofed mail stopped, what to mend first");
    command.argument("DOMAIN", options->domain, "The domain whose policy would be another");
    command.choice("--simulate", options->policy, {"none", "quarantine", "reject"}, "The policy; reject is the default");
    command.option("--since", options->since, "TIME", "Reports whose first day is not before: 2026-11-21, 30d (ago), yesterday");
    command.option("--until", options->until, "TIME", "Reports whose first day is before");
    command.choice("--format", options->format, {"text", "json"}, "text (the default), or json: one object");
    command.examples(
        "A policy hits mail for which nothing aligned authenticates. Of that, forwarded and misaligned mail and that of approved senders and own\n"
        "networks counts as legitimate, and would have been lost; spoofed mail would have been stopped; of known senders that nobody authorized\n"
        "only you can say whether they are yours (`whosent approve`); undetermined mail waits for evidence (`whosent attribute`). Shares are of\n"
        "all mail that reports tell of. Receivers may be milder than a policy asks, so what was lost is what it could have cost at most.\n\n"
        "Examples:\n"
        "  whosent policy example.com --simulate reject --since 30d\n"
        "  whosent policy example.com --simulate quarantine --format json");
    command.action([options](Context& context) {
        if (options->policy.empty()) options->policy = "reject";
        return run(context, *options);
    });
}

}  // namespace whosent::app
