// What listings take: --domain, --since, --until, --verdict, --sender, and a limit of which the reader is told when it cut something off.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/access.hpp"
#include "whosent/model/inventory.hpp"
#include "whosent/model/verdict.hpp"

namespace whosent::app {

struct ScopeOptions {
    std::string domain, since, until;
};

// `whose`: "this policy domain"; `days`: "Reports whose first day is".
void add_scope(CommandLine::Command& command, ScopeOptions& into, const std::string& whose, const std::string& days);

// Sets domain, since and until of a query of the store. Errors are of wrong usage.
template <class Query>
[[nodiscard]] Result<void> read_scope(const ScopeOptions& options, const Context& context, Query& query) {
    query.domain = WHOSENT_TRY(domain_option("--domain", options.domain));
    query.since = WHOSENT_TRY(time_option("--since", options.since, context.clock));
    query.until = WHOSENT_TRY(time_option("--until", options.until, context.clock));
    return check_range(query.since, query.until);
}

// Of an option that may be given several times, or once with commas ("spoofed,misaligned"), each word.
[[nodiscard]] std::vector<std::string> words_of(const std::vector<std::string>& texts);
// The words of --verdict, and which one a word is; nothing: not given.
[[nodiscard]] std::vector<std::string> verdict_words();
[[nodiscard]] std::optional<VerdictKind> read_verdict(std::string_view word);
// An id of the catalogue, or "unknown". Errors are of wrong usage, with a hint.
[[nodiscard]] Result<std::string> sender_option(const Context& context, std::string_view option, const std::string& text);

// What the configuration and `whosent approve` say of the operator's domains.
[[nodiscard]] Result<Inventory> effective_inventory(const Context& context, store::Reader& reader);

// One more than is shown tells whether there are more; 0 = all.
[[nodiscard]] constexpr std::size_t limit_to_ask(std::size_t shown) noexcept { return shown == 0 ? 0 : shown + 1; }
// "… and more" for people who look at a table.
void tell_more(Context& context, Format format, const std::string& how = "--limit 0 shows all");

}  // namespace whosent::app
