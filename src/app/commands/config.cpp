#include <fmt/format.h>

#include "app/access.hpp"
#include "app/commands/commands.hpp"
#include "app/config_check.hpp"
#include "app/configured_sinks.hpp"
#include "app/daemon/collectors.hpp"

namespace whosent::app {
namespace {

Result<Exit> check(Context& context) {
    // What could not be read is not there: looking at the rest of it would tell of things that follow from that alone.
    ConfigCheck found = check_config(context.settings);
    context.problems.insert(context.problems.end(), std::make_move_iterator(found.problems.begin()), std::make_move_iterator(found.problems.end()));
    for (const std::string& remark : found.remarks) complain(remark);
    if (!context.problems.empty()) {
        for (const Error& problem : context.problems) complain(to_string(problem));
        complain(counted(context.problems.size(), "problem"));
        return Exit::usage;
    }
    const Settings& settings = context.settings;
    const std::size_t collectors = configured_collectors(settings).size(), sinks = configured_sinks(settings).size();
    context.output.write(fmt::format("in order: {}, {}, {}\n", counted(collectors, "collector"), counted(sinks, "sink"), counted(settings.domains.size(), "domain")));
    return Exit::done;
}

}  // namespace

void add_config(CommandLine& line) {
    auto command = line.command("config", "The configuration");
    auto show = command.command("show", "Prints the effective configuration as TOML, with where each value comes from");
    show.examples("What it prints is a configuration file; of secrets it tells where they are, never what they are:\n  whosent config show > whosent.toml\n  whosent --config whosent.toml sources");
    show.action([](Context& context) -> Result<Exit> {
        context.output.write(to_toml(context.settings));
        return Exit::done;
    });
    auto checked = command.command("check", "Looks for everything that is wrong with the configuration, and with the files and folders that it names");
    checked.checks_settings("FILE", "The configuration to check; else that of --config");
    checked.examples(
        "Every problem is a line on standard error, with file and line, and a hint. Secrets, certificates and keys are read, folders looked at;\n"
        "nothing is written, and nobody connected to. Exit status: 0 in order, 2 not.\n\n"
        "Examples:\n"
        "  whosent config check /etc/whosent/whosent.toml\n"
        "  whosent --config whosent.toml config check");
    checked.action(check);
}

}  // namespace whosent::app
