#include <fmt/format.h>

#include "app/access.hpp"
#include "app/commands/commands.hpp"

namespace whosent::app {

void add_backup(CommandLine& line) {
    auto file = std::make_shared<std::string>();
    auto command = line.command("backup", "A consistent copy of the store, also while others read and write it");
    command.argument("FILE", *file, "The copy; must not exist");
    command.examples(
        "The copy has an epoch of its own: cursors of the original end with \"expired\" and the place to resume.\n\n"
        "Example:\n  whosent backup /var/backups/whosent-$(date +%F).db");
    command.action([file](Context& context) -> Result<Exit> {
        auto opened = WHOSENT_TRY(open_reader(context));
        WHOSENT_CHECK(opened.reader->backup(*file, [](double) {}));
        context.output.write(fmt::format("the store is copied to {}\n", *file));
        return Exit::done;
    });
}

}  // namespace whosent::app
