#include "app/listing_options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/attribution_setup.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {

void add_scope(CommandLine::Command& command, ScopeOptions& into, const std::string& whose, const std::string& days) {
    command.option("--domain", into.domain, "DOMAIN", fmt::format("Only {} and those below it", whose));
    command.option("--since", into.since, "TIME", days + " not before: 2026-11-21, 30d (ago), yesterday");
    command.option("--until", into.until, "TIME", days + " before");
}

std::vector<std::string> words_of(const std::vector<std::string>& texts) {
    std::vector<std::string> words;
    for (const std::string& text : texts) {
        for (std::string_view rest = text;; rest.remove_prefix(rest.find(',') + 1)) {
            words.emplace_back(trim(rest.substr(0, rest.find(','))));
            if (rest.find(',') == std::string_view::npos) break;
        }
    }
    return words;
}

std::vector<std::string> verdict_words() {
    std::vector<std::string> words;
    for (const auto verdict : kVerdicts) words.emplace_back(name_of(verdict));
    return words;
}

std::optional<VerdictKind> read_verdict(std::string_view word) {
    const auto* found = std::find_if(std::begin(kVerdicts), std::end(kVerdicts), [&](VerdictKind verdict) { return name_of(verdict) == word; });
    return found == std::end(kVerdicts) ? std::nullopt : std::optional(*found);
}

Result<std::string> sender_option(const Context& context, std::string_view option, const std::string& text) {
    if (text == "unknown") return text;
    const auto catalogue = WHOSENT_TRY(load_catalogue(context.settings));
    if (!catalogue->find(text)) return std::unexpected(usage_error(fmt::format("{}: {}", option, unknown_sender(*catalogue, text))));
    return text;
}

Result<Inventory> effective_inventory(const Context& context, store::Reader& reader) {
    const auto catalogue = WHOSENT_TRY(load_catalogue(context.settings));
    Inventory inventory = WHOSENT_TRY(configured_inventory(context.settings, *catalogue));
    for (Approval& approval : WHOSENT_TRY(reader.approvals())) inventory.approvals.push_back(std::move(approval));
    return inventory;
}

void tell_more(Context& context, Format format, const std::string& how) {
    if (format == Format::table && terminal_width() > 0) context.output.write(fmt::format("… and more; {}\n", how));
}

}  // namespace whosent::app
