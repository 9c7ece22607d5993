#include <fmt/format.h>

#include "app/commands/commands.hpp"
#include "whosent/base/version.hpp"

namespace whosent::app {

std::string version_text() { return fmt::format("whosent {}\nbuilt with {}", kVersion, WHOSENT_BUILT_WITH); }

void add_version(CommandLine& line) {
    auto command = line.command("version", "This build's version and the libraries that it was built with");
    command.action([](Context& context) -> Result<Exit> {
        context.output.write(version_text() + "\n");
        return Exit::done;
    });
}

}  // namespace whosent::app
