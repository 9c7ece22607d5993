#include "app/access.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"

namespace whosent::app {
namespace {

std::vector<Column> columns() {
    std::vector<Column> out = {{"domain", "DOMAIN", true}};
    append_totals_columns(out, false);
    out.insert(out.end(), {{"pass_rate", "PASS RATE"},
                           {"p", "POLICY"},
                           {"sp", "SUBDOMAINS", false, 2},
                           {"np", ""},
                           {"adkim", ""},
                           {"aspf", ""},
                           {"pct", "PCT", false, 5},
                           {"reports", "REPORTS", false, 3},
                           {"reporters", "REPORTERS", false, 4},
                           {"days", "DAYS", false, 1},
                           {"first_day", "FIRST", false, 6},
                           {"last_day", "LAST", false, 1}});
    return out;
}

std::vector<Cell> cells(const store::DomainRow& row) {
    const auto& totals = row.totals;
    std::vector<Cell> out = {row.domain};
    append_totals(out, totals);
    out.insert(out.end(), {totals.messages > 0 ? Cell(static_cast<double>(totals.pass) / static_cast<double>(totals.messages)) : Cell(),
                           known(row.p),
                           known(row.sp),
                           known(row.np),
                           known(row.adkim),
                           known(row.aspf),
                           number_cell(row.pct),
                           row.reports,
                           row.reporters,
                           row.days,
                           format_day(row.first_day),
                           format_day(row.last_day)});
    return out;
}

Result<Exit> run(Context& context, Format format) {
    auto opened = WHOSENT_TRY(open_reader(context));
    const auto rows = WHOSENT_TRY(opened.reader->domains());
    Listing listing(context.output, format, columns());
    for (const auto& row : rows) listing.add(cells(row));
    listing.end("No domain: no report is stored yet.");
    return Exit::done;
}

}  // namespace

void add_domains(CommandLine& line) {
    auto format = std::make_shared<Format>(Format::table);
    auto command = line.command("domains", "One line a domain: messages, pass rate, policy as last reported, reporters, days covered");
    command.format(*format);
    command.action([format](Context& context) { return run(context, *format); });
}

}  // namespace whosent::app
