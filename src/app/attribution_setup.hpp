// What the configuration says of attribution, made into what the Attributor takes.
#pragma once

#include <memory>

#include "app/command_line.hpp"
#include "whosent/dns/resolver.hpp"
#include "whosent/identify/catalogue.hpp"
#include "whosent/identify/identify.hpp"
#include "whosent/model/inventory.hpp"
#include "whosent/pipeline/attributor.hpp"

namespace whosent::app {

struct AttributionSetup {
    std::shared_ptr<const identify::Catalogue> catalogue;
    std::shared_ptr<const identify::HostDatabases> hosts;  // empty: none configured
    std::unique_ptr<dns::Resolver> resolver;               // empty: dns.mode is off
    Inventory inventory;                                   // of the configuration alone
    Seconds attribution_deadline = 0;
    // Valid as long as this.
    [[nodiscard]] pipeline::AttributionOptions options() const;
};

// The catalogue of the configuration, or the embedded one, with its senders added. Errors name file and line.
[[nodiscard]] Result<std::shared_ptr<const identify::Catalogue>> load_catalogue(const Settings& settings);
// Domains and approvals of the configuration. An approval of a sender that the catalogue does not have is an error with file and line.
[[nodiscard]] Result<Inventory> configured_inventory(const Settings& settings, const identify::Catalogue& catalogue);
// Errors are of the configuration (invalid_argument, with file and line: what the catalogue refuses, an approval of a sender that it does not have) or io. The context
// outlives what is returned.
[[nodiscard]] Result<AttributionSetup> set_up_attribution(const Context& context);

// The longest that events wait for their attribution: 0 where DNS is off.
[[nodiscard]] Seconds attribution_deadline(const Settings& settings) noexcept;

// "…; did you mean `sendgrid`?" for an id that the catalogue does not have.
[[nodiscard]] std::string unknown_sender(const identify::Catalogue& catalogue, std::string_view id);

}  // namespace whosent::app
