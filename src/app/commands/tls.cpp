#include <fmt/format.h>

#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "app/listing_options.hpp"

namespace whosent::app {
namespace {

struct Options {
    ScopeOptions scope;
    bool failures = false;
    std::optional<std::uint64_t> limit;
    Format format = Format::table;
};

constexpr std::uint64_t kDefaultLimit = 100;

const std::vector<Column> kColumns = {
    {"policy_domain", "DOMAIN", true},
    {"policy_type", "POLICY"},
    {"sessions", "SESSIONS"},
    {"failed", "FAILED"},
    {"failure_rate", "RATE"},
    {"result_types", "WHAT FAILED", true, 3},
    {"reports", "REPORTS", false, 5},
    {"reporters", "REPORTERS", false, 4},
    {"first_day", "FIRST", false, 6},
    {"last_day", "LAST", false, 1},
};

std::vector<Cell> cells(const store::TlsRow& row) {
    const std::int64_t sessions = row.successful + row.failed;
    std::vector<std::string> result_types;
    for (const auto& [type, failed] : row.result_types) result_types.push_back(fmt::format("{}={}", type, failed));
    return {known(row.policy_domain),
            known(row.policy_type),
            sessions,
            row.failed,
            sessions > 0 ? Cell(Rate{static_cast<double>(row.failed) / static_cast<double>(sessions)}) : Cell(),
            std::move(result_types),
            row.reports,
            row.reporters,
            format_day(row.first_day),
            format_day(row.last_day)};
}

Result<bool> list_domains(Context& context, const store::TlsQuery& query, std::size_t shown, Format format) {
    auto opened = WHOSENT_TRY(open_reader(context));
    auto rows = WHOSENT_TRY(opened.reader->tls(query));
    const bool more = shown != 0 && rows.size() > shown;
    if (more) rows.resize(shown);
    Listing listing(context.output, format, kColumns);
    for (const auto& row : rows) listing.add(cells(row));
    listing.end("No TLS report.");
    return more;
}

Result<bool> list_failures(Context& context, const store::TlsQuery& query, std::size_t shown, Format format) {
    auto opened = WHOSENT_TRY(open_reader(context));
    std::vector<Column> columns = {{"report", "REPORT"},           {"day", "DAY"},        {"policy_domain", "DOMAIN", true},
                                   {"policy_type", "POLICY", false, 5}, {"organization_name", "REPORTER", true, 4}};
    append_tls_failure_columns(columns);
    Listing listing(context.output, format, columns);
    std::size_t count = 0;
    bool more = false;
    WHOSENT_CHECK(opened.reader->tls_failures(query, [&](const store::TlsFailureRow& row) {
        more = shown != 0 && count == shown;
        if (more || interrupted()) return false;
        std::vector<Cell> line = {row.report, format_day(day_of(row.begin)), known(row.policy_domain), known(row.policy_type), known(row.organization_name)};
        append_tls_failure(line, row.details);
        listing.add(std::move(line));
        ++count;
        return !context.output.closed();
    }));
    listing.end("No TLS failure.");
    return more;
}

Result<Exit> run(Context& context, const Options& options) {
    store::TlsQuery query;
    WHOSENT_CHECK(read_scope(options.scope, context, query));
    const std::size_t shown = options.limit.value_or(kDefaultLimit);
    query.limit = limit_to_ask(shown);
    if (WHOSENT_TRY((options.failures ? list_failures : list_domains)(context, query, shown, options.format))) tell_more(context, options.format);
    return interrupted() ? Exit::failed : Exit::done;
}

}  // namespace

void add_tls(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("tls", "Whether others could send us mail over TLS (RFC 8460): one line a domain and type of policy");
    add_scope(command, options->scope, "this policy domain", "Reports whose first day is");
    command.flag("--failures", options->failures, "What failed, one line a failure detail, newest first");
    command.option("--limit", options->limit, "N", "At most N, most failed sessions first (default 100; 0 = all)");
    command.format(options->format);
    command.examples(
        "SESSIONS and FAILED are the sums that reporters give; the counts of WHAT FAILED overlap and need not add up to FAILED.\n"
        "POLICY is sts (MTA-STS), tlsa (DANE) or no-policy-found, where a failure is of TLS that nobody asked for.\n\n"
        "Examples:\n"
        "  whosent tls --since 7d\n"
        "  whosent tls --failures --domain example.com\n"
        "  whosent report 12");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
