#include "app/daemon/parts.hpp"

#include <utility>

#include "app/access.hpp"
#include "app/pseudonym_keys.hpp"

namespace whosent::app {

Parts::Parts(Context& the_context, Pseudonyms the_pseudonyms, std::unique_ptr<store::Store> the_store, std::vector<CollectorState> states)
    : context(the_context),
      log(the_context.settings.log),
      pseudonyms(std::move(the_pseudonyms)),
      store(std::move(the_store)),
      session(the_context, *store, pseudonyms, intake),
      journal(log, pseudonyms, the_context.clock, std::move(states), configured_mailboxes(the_context.settings)),
      configured(configured_collectors(the_context.settings)) {}

Result<std::unique_ptr<Parts>> make_parts(Context& context, const std::vector<std::string>& names) {
    auto pseudonyms = WHOSENT_TRY(open_pseudonyms(context.settings, context.clock));
    auto store = WHOSENT_TRY(open_or_create(context));
    const auto reader = WHOSENT_TRY(store->reader());
    auto states = WHOSENT_TRY(reader->collectors());
    auto parts = std::make_unique<Parts>(context, std::move(pseudonyms), std::move(store), std::move(states));
    WHOSENT_CHECK(parts->session.open());
    for (const Configured& each : parts->configured) parts->journal.add(each.name);
    const collect::Surroundings surroundings{parts->io, parts->intake, parts->journal, context.clock, context.settings.limits};
    parts->collectors = make_collectors(context.settings, surroundings, names);
    return parts;
}

}  // namespace whosent::app
