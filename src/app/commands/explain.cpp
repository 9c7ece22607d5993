#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>

#include "app/access.hpp"
#include "app/attribution_setup.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "app/json.hpp"
#include "app/lookup.hpp"
#include "app/selector_view.hpp"
#include "app/tree.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/judge/alignment.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string ip, domain;
    std::string format = "text";
    bool offline = false;
};

constexpr std::size_t kMostStreams = 20;              // explained; the newest
constexpr std::size_t kMostSelectors = 8;             // of a stream; reports may tell of a hundred signatures
constexpr std::chrono::seconds kDeadline{30};         // for all answers together

using SteadyClock = std::chrono::steady_clock;

struct Signature {
    std::string domain, selector, result;
    bool aligned = false;
    std::optional<identify::SelectorReport> key;
};

struct Explained {
    const store::StreamRow* row = nullptr;  // nullptr: the address alone
    pipeline::Explanation explanation;
    std::vector<Signature> signatures;
};

struct Answer {
    IpAddress ip;
    std::string domain;
    std::size_t streams = 0;  // that are stored; only the newest kMostStreams are explained
    bool asked = false;       // DNS, rather than what is kept of it
    std::vector<Explained> explained;
};

std::string_view word_of(Known known) {
    switch (known) {
        case Known::no: return "no";
        case Known::yes: return "yes";
        case Known::undetermined: return "undetermined";
    }
    return "undetermined";
}

// ---- finding out ----

std::vector<Signature> signatures_of(const Stream& stream) {
    const judge::Domain author{stream.header_from, organizational_domain(stream.header_from)};
    std::vector<Signature> out;
    for (std::string_view lines = stream.dkim; !lines.empty();) {
        const auto [domain, selector, result] = take_dkim_line(lines);
        out.push_back({std::string(domain), std::string(selector), std::string(result), judge::aligned({domain, organizational_domain(domain)}, author, stream.adkim), {}});
    }
    return out;
}

Result<bool> look_at_keys(std::vector<Signature>& signatures, const identify::Catalogue& catalogue, Lookup& lookup, std::chrono::milliseconds deadline) {
    const auto look = [&](dns::Answers& answers) {
        std::size_t looked = 0;
        for (Signature& signature : signatures) {
            if (signature.selector.empty() || signature.domain.empty()) continue;
            if (++looked > kMostSelectors) break;
            signature.key = look_at_selector(signature.selector, signature.domain, catalogue, answers);
        }
    };
    return lookup.run(look, deadline);
}

Result<std::vector<store::StreamRow>> streams_of(store::Reader& reader, const IpAddress& ip, const std::string& domain, std::size_t& count) {
    store::StreamQuery query;
    query.ip = ip;
    std::deque<store::StreamRow> newest;
    WHOSENT_CHECK(reader.streams(query, [&](const store::StreamRow& row) {
        // by the policy domain or the author's: people know the one or the other
        if (!is_same_or_below(row.domain, domain) && !is_same_or_below(row.stream.header_from, domain)) return !interrupted();
        ++count;
        newest.push_front(row);
        if (newest.size() > kMostStreams) newest.pop_back();
        return !interrupted();
    }));
    return std::vector<store::StreamRow>(std::make_move_iterator(newest.begin()), std::make_move_iterator(newest.end()));
}

// ---- for people ----

Tree seen_tree(const Explained& one) {
    const Stream& stream = one.row->stream;
    Tree tree{"what reports say", {}};
    tree.add(fmt::format("From {}", stream.header_from.empty() ? "unknown" : stream.header_from));
    if (!stream.spf_domain.empty() || !stream.spf_result.empty()) {
        tree.add(fmt::format("SPF {} for {}{}", stream.spf_result.empty() ? "unknown" : stream.spf_result, stream.spf_domain.empty() ? "an unknown domain" : stream.spf_domain,
                             stream.alignment.spf ? ", aligned" : ""));
    }
    if (!stream.envelope_from.empty() && stream.envelope_from != stream.spf_domain) tree.add(fmt::format("MAIL FROM {}", stream.envelope_from));
    for (const Signature& signature : one.signatures) {
        Tree& line = tree.add(fmt::format("DKIM {} for {}{}", signature.result.empty() ? "unknown" : signature.result, dkim_text(signature.domain, signature.selector, {}),
                                          signature.aligned ? ", aligned" : ""));
        if (signature.key) line.below.push_back(selector_tree(*signature.key));
    }
    if (one.signatures.empty()) tree.add("no DKIM signature");
    tree.add(fmt::format("so DMARC says {}", name_of(stream.alignment.judgement)));
    return tree;
}

Tree evidence_tree(const Evidence& evidence, const std::string& sender) {
    Tree tree{fmt::format("{}{}: {}", evidence.weight > 0 ? fmt::format("{:.2f} ", evidence.weight) : std::string(), name_of(evidence.signal), evidence.value), {}};
    if (evidence.sender != sender) tree.text += fmt::format(" (speaks for {})", evidence.sender);
    if (!evidence.origin.empty()) tree.add(fmt::format("from: {}", evidence.origin));
    if (!evidence.note.empty()) tree.add(evidence.note);
    return tree;
}

Tree attribution_tree(const Attribution& said) {
    Tree tree{"who sent it: ", {}};
    if (!said.sender.empty()) {
        tree.text += fmt::format("{} ({}), confidence {}, score {:.2f}", said.sender_name, said.sender, name_of(said.confidence), said.score);
    } else if (said.own_network) {
        tree.text += "a network of the domain's own";
    } else if (!said.candidates.empty()) {
        tree.text += fmt::format("not decided between {}", fmt::join(said.candidates, ", "));
    } else {
        tree.text += "unknown";
    }
    if (!said.sender.empty()) tree.add(fmt::format("category {}", name_of(said.category)));
    if (!said.sender.empty() && said.own_network) tree.add("from a network of the domain's own");
    if (!said.carrier.empty()) tree.add(fmt::format("runs on {}", said.carrier));
    if (!said.via.empty()) tree.add(fmt::format("handed on by {}", said.via));
    if (said.forwarder) tree.add("this host hands on mail of others");
    if (!said.host.empty()) tree.add(fmt::format("host or network: {}", said.host));
    if (!said.country.empty()) tree.add(fmt::format("country {}", said.country));
    Tree counts{"what counts", {}}, ignored{"what does not count", {}};
    for (const Evidence& evidence : said.evidence) (evidence.weight > 0 ? counts : ignored).below.push_back(evidence_tree(evidence, said.sender));
    if (counts.below.empty()) counts.text = "nothing counts";
    tree.below.push_back(std::move(counts));
    if (!ignored.below.empty()) tree.below.push_back(std::move(ignored));
    return tree;
}

Tree authorization_tree(const Authorization& said) {
    Tree tree{"whether the domain's records authorize it", {}};
    std::string dkim = fmt::format("DKIM: {}", word_of(said.dkim));
    if (!said.dkim_selector.empty()) dkim += fmt::format(", by {}", said.dkim_selector);
    tree.add(std::move(dkim));
    Tree& spf = tree.add(fmt::format("SPF{}{}: {}", said.spf_domain.empty() ? "" : " of ", said.spf_domain, word_of(said.spf)));
    if (!said.spf_path.empty()) spf.add(said.spf == Known::undetermined ? fmt::format("depends on {}", said.spf_path) : said.spf_path);
    if (!said.spf_include.empty()) spf.add(fmt::format("the sender is included by {}", said.spf_include));
    for (const auto& problem : said.problems) tree.add(fmt::format("problem: {}", problem));
    return tree;
}

Tree missing_tree(const identify::Identification& found) {
    Tree tree{"what could not be found out", {}};
    for (const auto* list : {&found.attribution.missing, &found.authorization.missing}) {
        for (const auto& line : *list) {
            if (std::none_of(tree.below.begin(), tree.below.end(), [&](const Tree& other) { return other.text == line; })) tree.add(line);
        }
    }
    return tree;
}

Tree verdict_tree(const Explained& one) {
    const Verdict& said = one.explanation.verdict;
    Tree tree{fmt::format("verdict: {}", name_of(said.kind)), {}};
    if (!said.reason.empty()) tree.add(said.reason);
    if (!said.remedy.empty()) tree.add(fmt::format("to do: {}", said.remedy));
    return tree;
}

Tree kept_tree(const store::StreamRow& row, const pipeline::Explanation& now) {
    Tree tree{"what the store says", {}};
    if (row.revision == 0) {
        tree.text += ": nothing yet";
        return tree;
    }
    const Conclusion& kept = row.conclusion;
    const std::string sender = sender_text(kept);
    tree.text += fmt::format(": {}, {}, {} (revision {}, {}{})", sender.empty() ? "unknown" : sender, name_of(kept.confidence), name_of(kept.verdict.kind), row.revision,
                             name_of(row.state), row.settled ? "" : ", waits for answers");
    if (kept.sender != now.identification.attribution.sender || kept.verdict.kind != now.verdict.kind) {
        tree.add("that is not what is found now: `whosent attribute --all` judges again");
    }
    return tree;
}

std::string to_text(const Answer& answer) {
    Tree root{fmt::format("{} under {}", answer.ip.to_string(), answer.domain), {}};
    std::size_t number = 0;
    for (const Explained& one : answer.explained) {
        Tree tree;
        if (one.row == nullptr) {
            tree.text = "no report tells of this address: what is known of it alone";
        } else {
            tree.text = fmt::format("stream {} of {}, under the policy of {}{}", ++number, answer.streams, one.row->domain,
                                    one.explanation.own_domain ? ", a domain of yours" : "");
            tree.below.push_back(seen_tree(one));
        }
        tree.below.push_back(attribution_tree(one.explanation.identification.attribution));
        tree.below.push_back(authorization_tree(one.explanation.identification.authorization));
        if (Tree missing = missing_tree(one.explanation.identification); !missing.below.empty()) tree.below.push_back(std::move(missing));
        if (one.row != nullptr) {
            tree.below.push_back(verdict_tree(one));
            tree.below.push_back(kept_tree(*one.row, one.explanation));
        }
        root.below.push_back(std::move(tree));
    }
    if (answer.streams > answer.explained.size()) {
        root.add(fmt::format("the newest {} of {} streams are shown", answer.explained.size(), grouped(answer.streams)));
    }
    if (!answer.asked) root.add("DNS was not asked: this rests on the catalogue and on answers that the store keeps");
    return draw(root);
}

// ---- JSON ----

void append_attribution(Json& json, const Attribution& said) {
    json.begin_object("attribution")
        .add("sender", known(said.sender))
        .add("sender_name", known(said.sender_name))
        .add("category", said.sender.empty() ? Cell() : Cell(std::string(name_of(said.category))))
        .add("carrier", known(said.carrier))
        .add("via", known(said.via))
        .add("candidates", said.candidates)
        .add("confidence", std::string(name_of(said.confidence)))
        .add("score", said.score)
        .add("own_network", said.own_network)
        .add("forwarder", said.forwarder)
        .add("host", known(said.host))
        .add("country", known(said.country))
        .begin_list("evidence");
    for (const Evidence& evidence : said.evidence) {
        json.begin_object()
            .add("signal", std::string(name_of(evidence.signal)))
            .add("sender", known(evidence.sender))
            .add("value", known(evidence.value))
            .add("weight", evidence.weight)
            .add("origin", known(evidence.origin))
            .add("note", known(evidence.note))
            .end();
    }
    json.end().add("missing", said.missing).end();
}

void append_authorization(Json& json, const Authorization& said) {
    json.begin_object("authorization")
        .add("spf", std::string(word_of(said.spf)))
        .add("spf_domain", known(said.spf_domain))
        .add("spf_path", known(said.spf_path))
        .add("spf_include", known(said.spf_include))
        .add("dkim", std::string(word_of(said.dkim)))
        .add("dkim_selector", known(said.dkim_selector))
        .add("problems", said.problems)
        .add("missing", said.missing)
        .end();
}

void append_stream(Json& json, const Explained& one) {
    const store::StreamRow& row = *one.row;
    json.add("stream", to_hex(row.stream.key))
        .add("domain", row.domain)
        .add("header_from", known(row.stream.header_from))
        .add("envelope_from", known(row.stream.envelope_from))
        .add("spf_domain", known(row.stream.spf_domain))
        .add("spf_result", known(row.stream.spf_result))
        .add("spf_aligned", row.stream.alignment.spf)
        .add("dkim_aligned", row.stream.alignment.dkim)
        .add("judgement", std::string(name_of(row.stream.alignment.judgement)))
        .begin_list("dkim");
    for (const Signature& signature : one.signatures) {
        json.begin_object()
            .add("domain", known(signature.domain))
            .add("selector", known(signature.selector))
            .add("result", known(signature.result))
            .add("aligned", signature.aligned);
        if (signature.key) {
            json.begin_object("key");
            append_selector(json, *signature.key);
            json.end();
        }
        json.end();
    }
    json.end()
        .begin_object("stored")
        .add("revision", row.revision)
        .add("attribution_state", std::string(name_of(row.state)))
        .add("settled", row.settled)
        .add("sender", known(row.conclusion.sender))
        .add("confidence", std::string(name_of(row.conclusion.confidence)))
        .add("verdict", std::string(name_of(row.conclusion.verdict.kind)))
        .end();
}

std::string to_json(const Answer& answer) {
    Json json;
    json.begin_object()
        .add("source_ip", answer.ip.to_string())
        .add("domain", answer.domain)
        .add("streams", static_cast<std::int64_t>(answer.streams))
        .add("dns_asked", answer.asked)
        .begin_list("explanations");
    for (const Explained& one : answer.explained) {
        json.begin_object();
        if (one.row != nullptr) append_stream(json, one);
        append_attribution(json, one.explanation.identification.attribution);
        append_authorization(json, one.explanation.identification.authorization);
        json.add("complete", !one.explanation.identification.incomplete).add("own_domain", one.explanation.own_domain);
        if (one.row != nullptr) {  // of an address alone there is nothing to judge
            const Verdict& verdict = one.explanation.verdict;
            json.add("verdict", std::string(name_of(verdict.kind))).add("reason", known(verdict.reason)).add("remedy", known(verdict.remedy));
        }
        json.end();
    }
    return json.end().end().take();
}

// ----

Result<Exit> run(Context& context, const Options& options) {
    const auto ip = IpAddress::parse(options.ip);
    if (!ip) return std::unexpected(usage_error(fmt::format("{}: not an IP address", options.ip)));
    const auto domain = WHOSENT_TRY(domain_option("--domain", options.domain));
    if (!domain) return std::unexpected(usage_error("--domain is empty"));
    Answer answer{*ip, *domain, 0, false, {}};

    auto opened = WHOSENT_TRY(open_reader(context));
    const auto setup = WHOSENT_TRY(set_up_attribution(context));
    auto attributor = WHOSENT_TRY(pipeline::Attributor::create(*opened.store, context.clock, setup.options()));
    const auto rows = WHOSENT_TRY(streams_of(*opened.reader, *ip, answer.domain, answer.streams));
    answer.asked = !options.offline && setup.resolver != nullptr;

    const auto until = SteadyClock::now() + kDeadline;
    const auto left = [&] { return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(until - SteadyClock::now()), std::chrono::milliseconds{0}); };
    Lookup lookup(answer.asked ? setup.resolver.get() : nullptr, opened.reader.get());
    for (const auto& row : rows) {
        if (interrupted()) return Exit::failed;
        Explained one{&row, WHOSENT_TRY(attributor->explain(row.stream.view(), row.domain, answer.asked, left())), signatures_of(row.stream)};
        WHOSENT_CHECK(look_at_keys(one.signatures, *setup.catalogue, lookup, left()));
        answer.explained.push_back(std::move(one));
    }
    if (rows.empty()) {
        Stream alone;
        alone.ip = *ip;
        alone.header_from = answer.domain;
        answer.explained.push_back({nullptr, WHOSENT_TRY(attributor->explain(alone.view(), answer.domain, answer.asked, left())), {}});
    }
    context.output.write(options.format == "json" ? to_json(answer) : to_text(answer));
    return interrupted() ? Exit::failed : Exit::done;
}

}  // namespace

void add_explain(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("explain", "Why whosent thinks what it thinks of a source: every piece of evidence, as a tree");
    command.argument("IP", options->ip, "A source address, as `whosent sources` shows it");
    command.option("--domain", options->domain, "DOMAIN", "The domain in whose name it sent", true);
    command.choice("--format", options->format, {"text", "json"}, "text (the default), or json: one object");
    command.flag("--offline", options->offline, "Asks no DNS server: what the store keeps of earlier answers is used");
    command.dns_options();
    command.examples(
        "For each stream (the same address, domains, signatures and results) that reports tell of: who sent it and how sure that is, each piece\n"
        "of evidence with its weight and where it comes from, what was seen but does not count and why, whether SPF and DKIM records of the domain\n"
        "authorize it and by which path, what could not be found out, the verdict with what to do, and what the store said until now. Nothing is\n"
        "stored by it. Where no report tells of the address, what is known of the address alone.\n\n"
        "Examples:\n"
        "  whosent explain 192.0.2.10 --domain example.com\n"
        "  whosent explain 2001:db8::25 --domain example.com --offline --format json");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
