#include "app/access.hpp"
#include "app/commands/commands.hpp"

namespace whosent::app {
namespace {

const std::vector<Column> kColumns = {
    {"domain", "DOMAIN", true},
    {"messages", "MESSAGES"},
    {"pass", ""},
    {"fail", "FAIL"},
    {"pass_rate", "PASS RATE"},
    {"dkim_aligned", ""},
    {"spf_aligned", ""},
    {"forwarded", ""},
    {"mailing_list", ""},
    {"none", ""},
    {"quarantine", ""},
    {"reject", ""},
    {"other", ""},
    {"p", "POLICY"},
    {"sp", "SUBDOMAINS", false, 2},
    {"np", ""},
    {"adkim", "", false},
    {"aspf", "", false},
    {"pct", "PCT", false, 5},
    {"reports", "REPORTS", false, 3},
    {"reporters", "REPORTERS", false, 4},
    {"days", "DAYS", false, 1},
    {"first_day", "FIRST", false, 6},
    {"last_day", "LAST", false, 1},
};

Cell known(const std::string& text) { return text.empty() ? Cell() : Cell(text); }

std::vector<Cell> cells(const store::DomainRow& row) {
    const auto& totals = row.totals;
    return {row.domain,
            totals.messages,
            totals.pass,
            totals.messages - totals.pass,
            totals.messages > 0 ? Cell(static_cast<double>(totals.pass) / static_cast<double>(totals.messages)) : Cell(),
            totals.dkim_aligned,
            totals.spf_aligned,
            totals.forwarded,
            totals.mailing_list,
            totals.none,
            totals.quarantine,
            totals.reject,
            totals.other,
            known(row.p),
            known(row.sp),
            known(row.np),
            known(row.adkim),
            known(row.aspf),
            row.pct ? Cell(static_cast<std::int64_t>(*row.pct)) : Cell(),
            row.reports,
            row.reporters,
            row.days,
            format_day(row.first_day),
            format_day(row.last_day)};
}

Result<Exit> run(Context& context, Format format) {
    auto opened = WHOSENT_TRY(open_reader(context));
    const auto rows = WHOSENT_TRY(opened.reader->domains());
    Listing listing(context.output, format, kColumns);
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
