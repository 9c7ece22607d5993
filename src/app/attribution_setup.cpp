#include "app/attribution_setup.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "app/hint.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {

pipeline::AttributionOptions AttributionSetup::options() const {
    pipeline::AttributionOptions out;
    out.catalogue = catalogue;
    out.hosts = hosts;
    out.inventory = inventory;
    out.resolver = resolver.get();
    out.attribution_deadline = attribution_deadline;
    return out;
}

Result<std::shared_ptr<const identify::Catalogue>> load_catalogue(const Settings& settings) {
    const std::string& path = settings.catalogue_file;
    if (path.empty()) return identify::Catalogue::create(settings.senders);
    std::ifstream file(path);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    // reading a folder opens well and fails here
    if (!file || (text.str().empty() && errno == EISDIR)) {
        return std::unexpected(Error{.code = ErrorCode::io, .stage = Stage::app, .where = path, .message = std::strerror(errno)});
    }
    return identify::Catalogue::parse(text.str(), path, settings.senders);
}

Seconds attribution_deadline(const Settings& settings) noexcept { return settings.dns.on ? settings.dns.attribution_deadline : 0; }

std::string unknown_sender(const identify::Catalogue& catalogue, std::string_view id) {
    std::vector<std::string_view> ids;
    for (const auto& sender : catalogue.senders()) ids.push_back(sender.id);
    const auto near = nearest(id, ids);
    return fmt::format("the catalogue has no sender `{}`; {}", printable(id, 80),
                       near ? fmt::format("did you mean `{}`?", *near) : "[[sender]] in the configuration describes one of your own");
}

Result<Inventory> configured_inventory(const Settings& settings, const identify::Catalogue& catalogue) {
    Inventory inventory;
    for (const auto& [own, where] : settings.domains) inventory.domains.push_back(own);
    for (const auto& [approval, where] : settings.approvals) {
        if (!catalogue.find(approval.sender)) {
            return std::unexpected(Error{.code = ErrorCode::invalid_argument, .stage = Stage::app, .where = where, .message = unknown_sender(catalogue, approval.sender)});
        }
        inventory.approvals.push_back(approval);
    }
    return inventory;
}

Result<AttributionSetup> set_up_attribution(const Context& context) {
    const Settings& settings = context.settings;
    AttributionSetup setup;
    setup.catalogue = WHOSENT_TRY(load_catalogue(settings));
    setup.inventory = WHOSENT_TRY(configured_inventory(settings, *setup.catalogue));
    if (!settings.asn_file.empty() || !settings.country_file.empty()) {
        setup.hosts = WHOSENT_TRY(identify::HostDatabases::open(settings.asn_file, settings.country_file));
    }
    if (settings.dns.on) {
        dns::ResolverOptions options;
        options.servers = settings.dns.servers;
        options.deadline = std::chrono::seconds(settings.dns.deadline);
        options.in_flight = settings.dns.in_flight;
        setup.resolver = WHOSENT_TRY(dns::make_resolver(options, context.clock));
    }
    setup.attribution_deadline = attribution_deadline(settings);
    return setup;
}

}  // namespace whosent::app
