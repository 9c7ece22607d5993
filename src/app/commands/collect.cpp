#include "app/access.hpp"
#include "app/commands/commands.hpp"
#include "app/daemon/service.hpp"

namespace whosent::app {

void add_collect(CommandLine& line) {
    struct Options {
        std::vector<std::string> names;
        bool once = false;
        std::string summary = "text";
    };
    auto options = std::make_shared<Options>();
    auto command = line.command("collect", "Collects once from the configured mailboxes and folders, and ends");
    command.arguments("NAME", options->names, "Only these collectors (\"imap:reports\"); all that have rounds where none is named", false);
    command.flag("--once", options->once, "One round: all that is there now. Has to be given; `whosent serve` goes on collecting");
    command.choice("--summary", options->summary, {"text", "json"}, "text (the default), or json: a list with one object a collector");
    command.dns_options();
    command.jobs();
    command.examples(
        "Exit status 1: a collector failed, or a message could not be stored now; what was stored is acknowledged all the same, and the rest stays where it is.\n\n"
        "Examples:\n"
        "  whosent --config whosent.toml collect --once\n"
        "  whosent --config whosent.toml collect --once imap:reports");
    command.action([options](Context& context) -> Result<Exit> {
        if (!options->once) return std::unexpected(usage_error("give --once; `whosent serve` goes on collecting"));
        return collect_once(context, options->names, options->summary == "json");
    });
}

}  // namespace whosent::app
