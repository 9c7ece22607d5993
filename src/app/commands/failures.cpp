#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "app/listing_options.hpp"

namespace whosent::app {
namespace {

struct Options {
    ScopeOptions scope;
    std::optional<std::uint64_t> limit;
    Format format = Format::table;
};

constexpr std::uint64_t kDefaultLimit = 100;

Result<Exit> run(Context& context, const Options& options) {
    store::ArfQuery query;
    query.kind = store::ArfKind::failure;
    WHOSENT_CHECK(read_scope(options.scope, context, query));
    const std::size_t shown = options.limit.value_or(kDefaultLimit);
    query.limit = limit_to_ask(shown);

    auto opened = WHOSENT_TRY(open_reader(context));
    Listing listing(context.output, options.format, arf_columns(ArfView::failures));
    std::size_t count = 0;
    bool more = false;
    WHOSENT_CHECK(opened.reader->arf_reports(query, [&](const store::ArfRow& row) {
        more = shown != 0 && count == shown;
        if (more || interrupted()) return false;
        listing.add(arf_cells(row));
        ++count;
        return !context.output.closed();
    }));
    listing.end("No failure report.");
    if (more) tell_more(context, options.format);
    return interrupted() ? Exit::failed : Exit::done;
}

}  // namespace

void add_failures(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("failures", "The single mails that failed, as failure reports (ruf) tell: newest first");
    add_scope(command, options->scope, "mail of this domain", "Mails of a day");
    command.option("--limit", options->limit, "N", "At most N (default 100; 0 = all)");
    command.format(options->format);
    command.examples(
        "FAILED is the check that failed (dmarc, spf, signature, bodyhash, ...), DELIVERY what the receiver did with the mail. Recipients are\n"
        "pseudonyms: `whosent pseudonym ADDRESS` tells that of an address. `whosent report ID` shows all of a report.\n\n"
        "Examples:\n"
        "  whosent failures --domain example.com --since 7d\n"
        "  whosent failures --format csv > failures.csv");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
