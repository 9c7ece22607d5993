#include <algorithm>
#include <tuple>

#include "app/approval_change.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/listing_options.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string domain;
    Format format = Format::table;
};

struct Entry {
    Approval approval;
    std::string where;
    bool in_force = true;
};

Result<Exit> run(Context& context, const Options& options) {
    const auto domain = WHOSENT_TRY(domain_option("--domain", options.domain));
    const auto catalogue = WHOSENT_TRY(load_catalogue(context.settings));
    WHOSENT_CHECK(configured_inventory(context.settings, *catalogue));
    std::vector<Entry> entries;
    for (const auto& [approval, where] : context.settings.approvals) entries.push_back({approval, where});
    auto opened = open_reader(context);
    if (!opened && opened.error().code != ErrorCode::not_found) return std::unexpected(std::move(opened).error());
    if (opened) {
        for (Approval& approval : WHOSENT_TRY(opened->reader->approvals())) {
            const bool in_force = configured_approval(context.settings, approval.domain, approval.sender) == nullptr;
            entries.push_back({std::move(approval), "whosent approve", in_force});
        }
    }
    std::erase_if(entries, [&](const Entry& entry) { return domain && !is_same_or_below(entry.approval.domain, *domain) && !is_same_or_below(*domain, entry.approval.domain); });
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::tie(a.approval.domain, a.approval.sender) < std::tie(b.approval.domain, b.approval.sender);
    });
    Listing listing(context.output, options.format,
                    {{"domain", "DOMAIN", true}, {"sender", "SENDER"}, {"sender_name", "NAME", true, 1}, {"by", "BY"}, {"where", "WHERE", true, 2}, {"since", "SINCE", false, 3},
                     {"in_force", "IN FORCE", false, 4}});
    for (const Entry& entry : entries) {
        const auto found = catalogue->find(entry.approval.sender);
        listing.add({entry.approval.domain, entry.approval.sender, known(found ? catalogue->senders()[*found].name : std::string()), std::string(name_of(entry.approval.by)), entry.where,
                     time_cell(entry.approval.from_command ? std::optional(entry.approval.since) : std::nullopt), entry.in_force});
    }
    listing.end("No sender is approved: every known sender that passes counts as authorized. `whosent approve DOMAIN SENDER` approves one.");
    return Exit::done;
}

}  // namespace

void add_approvals(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("approvals", "Which senders may send as which domain, by the configuration and by `whosent approve`");
    command.option("--domain", options->domain, "DOMAIN", "Only what holds for this domain or those below it");
    command.format(options->format);
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
