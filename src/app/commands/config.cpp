#include "app/commands/commands.hpp"

namespace whosent::app {

void add_config(CommandLine& line) {
    auto command = line.command("config", "The configuration");
    auto show = command.command("show", "Prints the effective configuration as TOML, with where each value comes from");
    show.examples("What it prints is a configuration file:\n  whosent config show > whosent.toml\n  whosent --config whosent.toml sources");
    show.action([](Context& context) -> Result<Exit> {
        context.output.write(to_toml(context.settings));
        return Exit::done;
    });
}

}  // namespace whosent::app
