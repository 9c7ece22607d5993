#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "app/access.hpp"
#include "app/attribution_setup.hpp"
#include "app/commands/commands.hpp"
#include "app/hint.hpp"
#include "app/interrupt.hpp"
#include "app/listing_options.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string format = "json", after, since, until;
    std::vector<std::string> classes, domains, verdicts;
    std::optional<std::uint64_t> limit, min_severity;
    bool follow = false;
};

constexpr int kPollMilliseconds = 1000;          // an idle store is asked this often
constexpr std::size_t kFollowPage = 10'000;      // events between two looks at signals and the reader of the output
constexpr std::size_t kScan = 200'000;           // the same, where most of them may not be wanted

void print_cursor(const std::optional<store::Cursor>& cursor) {
    if (!cursor) return;
    const std::string line = cursor->to_string() + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
}

template <class Value, std::size_t Size>
Result<std::vector<Value>> read_words(std::string_view option, const std::vector<std::string>& texts, const Value (&known)[Size]) {
    std::vector<Value> values;
    for (const std::string& word : words_of(texts)) {
        const auto* const found = std::ranges::find_if(known, [&](Value value) { return name_of(value) == word; });
        if (found == std::end(known)) {
            std::vector<std::string_view> words;
            for (const Value value : known) words.push_back(name_of(value));
            const auto near = nearest(word, words);
            return std::unexpected(usage_error(fmt::format("{} {}: {}", option, printable(word, 60), near ? fmt::format("did you mean {}?", *near) : fmt::format("not one of {}", fmt::join(words, ", ")))));
        }
        values.push_back(*found);
    }
    return values;
}

Result<EventFilter> read_filter(const Options& options) {
    EventFilter filter;
    filter.classes = WHOSENT_TRY(read_words("--class", options.classes, kEventClasses));
    filter.verdicts = WHOSENT_TRY(read_words("--verdict", options.verdicts, kVerdicts));
    for (const std::string& word : words_of(options.domains)) {
        auto domain = normalise_domain(word);
        if (!domain) return std::unexpected(usage_error(fmt::format("--domain {}: not a domain name", printable(word, 80))));
        filter.domains.push_back(*std::move(domain));
    }
    if (options.min_severity.value_or(0) > 10) return std::unexpected(usage_error("--min-severity: from 0 to 10"));
    filter.min_severity = static_cast<int>(options.min_severity.value_or(0));
    return filter;
}

encode::Encoding encoding_of(std::string_view word) {
    return *std::ranges::find_if(encode::kEncodings, [&](encode::Encoding encoding) { return name_of(encoding) == word; });
}

Result<Exit> run(Context& context, const Options& options) {
    store::EventQuery query;
    query.attribution_deadline = attribution_deadline(context.settings);
    query.filter = WHOSENT_TRY(read_filter(options));
    query.until = WHOSENT_TRY(time_option("--until", options.until, context.clock));
    const auto since = WHOSENT_TRY(time_option("--since", options.since, context.clock));
    WHOSENT_CHECK(check_range(since, query.until));
    if (!options.after.empty() && since) return std::unexpected(usage_error("--after and --since: each says where to begin, give one"));
    if (options.follow && query.until) return std::unexpected(usage_error("--follow waits for what comes, and --until ends: give one"));
    if (!options.after.empty()) {
        query.after = store::Cursor::parse(options.after);
        if (!query.after) return std::unexpected(usage_error(fmt::format("--after {}: not a cursor", options.after)));
    }
    auto opened = WHOSENT_TRY(open_reader(context));
    if (since) query.after = WHOSENT_TRY(opened.reader->place_at(*since));
    const bool filtered = !query.filter.is_empty();
    const bool bounded = options.limit.value_or(0) != 0;
    const encode::Encoding encoding = encoding_of(options.format);
    std::uint64_t left = options.limit.value_or(0);
    std::string line;
    while (!interrupted() && !context.output.closed()) {
        query.limit = options.follow ? kFollowPage : 0;
        if (bounded) query.limit = options.follow ? std::min<std::size_t>(left, kFollowPage) : left;
        query.scan = filtered ? kScan : 0;
        std::size_t events = 0;
        auto next = opened.reader->events(query, [&](const Event& event) {
            line.clear();
            encode::append(line, event, encoding);
            line += '\n';
            context.output.write(line);
            ++events;
            return !context.output.closed() && !interrupted();
        });
        if (!next) {
            if (next.error().code == ErrorCode::cursor_expired && !next.error().detail.empty()) {
                next.error().message += fmt::format("; resume with --after {}", next.error().detail);
            }
            return std::unexpected(std::move(next).error());
        }
        const bool moved = next->sequence != (query.after ? query.after->sequence : 0);
        query.after = *next;
        if (bounded) left -= std::min<std::uint64_t>(left, events);
        if (bounded && left == 0) break;
        if (!options.follow && !(filtered && moved)) break;
        if (!options.follow) continue;
        context.output.flush();
        if (!moved) {
            context.output.wait(kPollMilliseconds);
            // anew: a backup may have been put in the store's place, and the old file would stay silent for ever
            opened = WHOSENT_TRY(open_reader(context));
        }
    }
    // Events that a reader did not get must not be passed over: no cursor then.
    const bool complete = !context.output.closed() && context.output.finish() && !context.output.closed();
    if (complete) print_cursor(query.after);
    return interrupted() && !options.follow ? Exit::failed : Exit::done;
}

}  // namespace

void add_events(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("events", "The event stream for a SIEM, one event a line; the next cursor is the last line on standard error");
    command.choice("--format", options->format, {"json", "cef", "ecs"}, "json (one object a line, the default), cef, or ecs (one document a line)");
    command.option("--after", options->after, "CURSOR", "Only what came after this cursor; without it, from the beginning");
    command.option("--since", options->since, "TIME", "Only what was published then or later: 2026-11-21, 30d (ago), yesterday");
    command.option("--until", options->until, "TIME", "Only what was published before");
    command.options("--class", options->classes, "CLASS", "Only events of this class, such as dmarc.record or source.reclassified; may be given several times");
    command.option("--min-severity", options->min_severity, "N", "Only events of this severity or above, 0 to 10");
    command.options("--domain", options->domains, "DOMAIN", "Only events about this policy domain or those below it; may be given several times");
    command.options("--verdict", options->verdicts, "VERDICT", "Only events with this verdict, such as spoofed; may be given several times");
    command.option("--limit", options->limit, "N", "At most N events (default 0 = all), counting those that are wanted");
    command.flag("--follow", options->follow, "Wait for further events until interrupted");
    command.examples(
        "A filter takes a source.reclassified by what was thought before as well as by what is thought now. The cursor goes on over what is not wanted.\n\n"
        "Examples:\n"
        "  whosent events --limit 1000 2> cursor\n"
        "  whosent events --limit 1000 --after \"$(tail -n 1 cursor)\"\n"
        "  whosent events --verdict spoofed --verdict misaligned --since 7d\n"
        "  whosent events --format cef --follow | logger --server siem.example.com");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
