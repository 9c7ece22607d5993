#include "app/listing_options.hpp"

#include <fmt/format.h>

namespace whosent::app {

void add_scope(CommandLine::Command& command, ScopeOptions& into, const std::string& whose, const std::string& days) {
    command.option("--domain", into.domain, "DOMAIN", fmt::format("Only {} and those below it", whose));
    command.option("--since", into.since, "TIME", days + " not before: 2026-11-21, 30d (ago), yesterday");
    command.option("--until", into.until, "TIME", days + " before");
}

void tell_more(Context& context, Format format, const std::string& how) {
    if (format == Format::table && terminal_width() > 0) context.output.write(fmt::format("… and more; {}\n", how));
}

}  // namespace whosent::app
