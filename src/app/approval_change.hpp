// What `whosent approve` and `whosent revoke` share: a change of the store's approvals, and what it makes of what is stored.
#pragma once

#include <string>
#include <string_view>

#include "app/attribution_setup.hpp"

namespace whosent::app {

// The domain of the command line, normalised. Errors are of wrong usage.
[[nodiscard]] Result<std::string> approval_domain(const std::string& text);
// The approval of the configuration for just this domain and sender; nullptr: none.
[[nodiscard]] const Placed<Approval>* configured_approval(const Settings& settings, std::string_view domain, std::string_view sender);
// "Twilio SendGrid (sendgrid)", or the id alone.
[[nodiscard]] std::string sender_title(const identify::Catalogue& catalogue, std::string_view id);

// Makes the change, judges the domain's streams again and prints `done` and what became of them.
[[nodiscard]] Result<Exit> change_approvals(Context& context, const AttributionSetup& setup, store::Store& store, const std::string& domain, const std::string& done,
                                            const std::function<Result<void>(store::Writer&)>& change);

}  // namespace whosent::app
