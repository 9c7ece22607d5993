#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "app/listing_options.hpp"

namespace whosent::app {
namespace {

struct Options {
    ScopeOptions scope;
    std::string by;
    bool daily = false, list = false, all = false;
    std::optional<std::uint64_t> limit;
    Format format = Format::table;
};

constexpr std::uint64_t kDefaultLimit = 100;

struct By {
    std::string_view word, title;
    store::ComplaintsBy by;
};
constexpr std::array<By, 4> kBy = {{
    {"sender-domain", "SENDER DOMAIN", store::ComplaintsBy::sender_domain},
    {"selector", "SELECTOR", store::ComplaintsBy::selector},
    {"campaign", "CAMPAIGN", store::ComplaintsBy::campaign},
    {"ip", "SOURCE", store::ComplaintsBy::ip},
}};

// The days of one key.
struct Group {
    const store::ComplaintRow* first = nullptr;
    const store::ComplaintRow* last = nullptr;
    std::int64_t complaints = 0;
    std::optional<std::int64_t> messages;
    std::int64_t rated = 0;  // complaints of the days that have messages

    void add(const store::ComplaintRow& row) {
        if (first == nullptr) first = &row;
        last = &row;
        complaints += row.complaints;
        if (!row.messages) return;
        messages = messages.value_or(0) + *row.messages;
        rated += row.complaints;
    }
    [[nodiscard]] std::int64_t days() const { return last - first + 1; }
};

Cell rate_cell(std::int64_t complaints, std::optional<std::int64_t> messages) {
    return messages.value_or(0) > 0 ? Cell(Rate{static_cast<double>(complaints) / static_cast<double>(*messages)}) : Cell();
}

// The keys with most complaints first. `rows` outlives the groups.
std::vector<Group> grouped_by_key(const std::vector<store::ComplaintRow>& rows) {
    std::vector<Group> groups;
    for (const auto& row : rows) {
        if (groups.empty() || groups.back().first->key != row.key) groups.emplace_back();
        groups.back().add(row);
    }
    std::sort(groups.begin(), groups.end(),
              [](const Group& a, const Group& b) { return a.complaints != b.complaints ? a.complaints > b.complaints : a.first->key < b.first->key; });
    return groups;
}

Result<Exit> count(Context& context, const Options& options) {
    const By& by = *std::find_if(kBy.begin(), kBy.end(), [&](const By& known) { return known.word == options.by || options.by.empty(); });
    store::ComplaintQuery query;
    query.by = by.by;
    WHOSENT_CHECK(read_scope(options.scope, context, query));
    const std::size_t shown = options.limit.value_or(kDefaultLimit);

    auto opened = WHOSENT_TRY(open_reader(context));
    const auto rows = WHOSENT_TRY(opened.reader->complaints(query));
    std::vector<Column> columns = {{"key", by.title, true}};
    if (options.daily) {
        columns.insert(columns.end(), {{"day", "DAY"}, {"complaints", "COMPLAINTS"}, {"messages", "MESSAGES", false, 1}, {"rate", "RATE"}});
    } else {
        columns.insert(columns.end(), {{"complaints", "COMPLAINTS"}, {"days", "DAYS", false, 1}, {"first_day", "FIRST", false, 3}, {"last_day", "LAST", false, 2},
                                       {"messages", "MESSAGES"}, {"rated_complaints", ""}, {"rate", "RATE"}});
    }
    Listing listing(context.output, options.format, columns);
    std::size_t lines = 0;
    bool more = false;
    const auto add = [&](std::vector<Cell> cells) {
        more = shown != 0 && lines == shown;
        if (more) return;
        listing.add(std::move(cells));
        ++lines;
    };
    for (const Group& group : grouped_by_key(rows)) {
        if (!options.daily) {
            add({known(group.first->key), group.complaints, group.days(), format_day(group.first->day), format_day(group.last->day),
                 number_cell(group.messages), group.rated, rate_cell(group.rated, group.messages)});
        }
        for (const auto* row = group.first; options.daily && row <= group.last && !more; ++row) {
            add({known(row->key), format_day(row->day), row->complaints, number_cell(row->messages), rate_cell(row->complaints, row->messages)});
        }
        if (more) break;
    }
    listing.end("No complaint.");
    if (more) tell_more(context, options.format);
    return Exit::done;
}

Result<Exit> list(Context& context, const Options& options) {
    store::ArfQuery query;
    if (!options.all) query.kind = store::ArfKind::complaint;
    WHOSENT_CHECK(read_scope(options.scope, context, query));
    const std::size_t shown = options.limit.value_or(kDefaultLimit);
    // with --all the store gives failures between, which are passed over here
    query.limit = options.all ? 0 : limit_to_ask(shown);

    auto opened = WHOSENT_TRY(open_reader(context));
    Listing listing(context.output, options.format, arf_columns(ArfView::feedback));
    std::size_t count = 0;
    bool more = false;
    WHOSENT_CHECK(opened.reader->arf_reports(query, [&](const store::ArfRow& row) {
        if (row.record.kind == store::ArfKind::failure) return !interrupted();
        more = shown != 0 && count == shown;
        if (more || interrupted()) return false;
        listing.add(arf_cells(row));
        ++count;
        return !context.output.closed();
    }));
    listing.end(options.all ? "No feedback." : "No complaint.");
    if (more) tell_more(context, options.format);
    return interrupted() ? Exit::failed : Exit::done;
}

Result<Exit> run(Context& context, const Options& options) {
    if (options.list && (!options.by.empty() || options.daily)) return std::unexpected(usage_error("--list shows single complaints, --by and --daily count them: give one"));
    if (options.all && !options.list) return std::unexpected(usage_error("--all goes with --list"));
    return options.list ? list(context, options) : count(context, options);
}

}  // namespace

void add_complaints(CommandLine& line) {
    auto options = std::make_shared<Options>();
    std::vector<std::string> words;
    for (const By& by : kBy) words.emplace_back(by.word);
    auto command = line.command("complaints", "What recipients complained about: counted and rated by sender, or one by one");
    command.choice("--by", options->by, words, "What to count by; sender-domain is the default");
    command.flag("--daily", options->daily, "One line a key and day");
    command.flag("--list", options->list, "The single complaints, newest first");
    command.flag("--all", options->all, "With --list: also feedback that is no complaint (not-spam, opt-out, other)");
    add_scope(command, options->scope, "mail of this domain", "Mails of a day");
    command.option("--limit", options->limit, "N", "At most N lines (default 100; 0 = all)");
    command.format(options->format);
    command.examples(
        "MESSAGES is what DMARC aggregate reports tell of the same key on days with complaints, RATE the complaints of these days for each of\n"
        "these messages; \"-\" where no aggregate report tells of any (for campaigns never, as such reports do not know them). In JSON and CSV\n"
        "rated_complaints is how many complaints the rate rests on. Few receivers send aggregate reports, and others feedback: compare the\n"
        "rate of one sender with another's or with the days before; it is not the rate that a mailbox provider computes of its own users.\n"
        "Complaints in reports whose mail failed authentication are listed, not counted. Recipients are pseudonyms: see `whosent pseudonym`.\n\n"
        "Examples:\n"
        "  whosent complaints --by campaign --since 30d\n"
        "  whosent complaints --by selector --daily --format csv > complaints.csv\n"
        "  whosent complaints --list --domain example.com");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
