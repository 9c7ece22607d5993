// whosent: the wiring table of commands, and how an outcome becomes an exit code.

#include <malloc.h>

#include "app/access.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"

namespace {

using namespace whosent;
using namespace whosent::app;

constexpr void (*kCommands[])(CommandLine&) = {
    add_ingest, add_serve, add_collect, add_collectors, add_findings, add_sources, add_senders, add_explain, add_approve, add_revoke, add_approvals, add_domains, add_policy, add_resolve, add_reports, add_failures,
    add_complaints, add_tls, add_report, add_quarantine, add_events, add_sinks, add_replay, add_token, add_attribute, add_catalogue, add_purge, add_backup, add_pseudonym, add_config, add_setup, add_version,
};

Exit run(const CommandLine& line, const Action& action) {
    std::vector<Error> problems;
    auto settings = load_settings(line.flags(), problems);
    const SystemClock clock;
    Output output(1);
    Result<Exit> exit = Exit::usage;
    if (problems.empty() || line.checks_settings()) {
        Context context{std::move(settings), clock, output, std::move(problems)};
        exit = action(context);
    } else {
        exit = std::unexpected(std::move(problems.front()));
    }
    const auto written = output.finish();
    if (!exit) complain(to_string(exit.error()));
    if (!written) complain(to_string(written.error()));
    if (!exit) return exit.error().code == ErrorCode::invalid_argument ? Exit::usage : Exit::failed;
    return written ? *exit : Exit::failed;
}

}  // namespace

int main(int argc, char** argv) {
    // Rows are made on one thread and freed on another: with an arena for each thread the freed memory stays where nobody asks for it
    // (a sixth more memory in a long ingest, and no faster)
    mallopt(M_ARENA_MAX, 1);
    // Large blocks go back to the system when they are freed, however large earlier ones were
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    install_signal_handlers();
    CommandLine line("Who sent mail as us, and were they allowed to? Reads DMARC aggregate and failure reports, complaints and TLS reports, keeps them and answers.", version_text());
    for (const auto add : kCommands) add(line);
    Exit exit = Exit::done;
    const Action* action = line.parse(argc, argv, exit);
    return static_cast<int>(action == nullptr ? exit : run(line, *action));
}
