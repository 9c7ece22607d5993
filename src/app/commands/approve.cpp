#include <fmt/format.h>

#include "app/access.hpp"
#include "app/approval_change.hpp"
#include "app/commands/commands.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string domain, sender, by = "any";
};

Result<Exit> run(Context& context, const Options& options) {
    Approval approval;
    approval.domain = WHOSENT_TRY(approval_domain(options.domain));
    approval.sender = options.sender;
    approval.by = options.by == "dkim" ? ApprovedBy::dkim : options.by == "spf" ? ApprovedBy::spf : ApprovedBy::any;
    approval.from_command = true;
    approval.since = context.clock.now();
    const AttributionSetup setup = WHOSENT_TRY(set_up_attribution(context));
    if (!setup.catalogue->find(approval.sender)) return std::unexpected(usage_error(unknown_sender(*setup.catalogue, approval.sender)));
    if (const auto* configured = configured_approval(context.settings, approval.domain, approval.sender)) {
        return std::unexpected(usage_error(fmt::format("the configuration approves {} for {} by {} already, and goes before this: see {}", approval.sender, approval.domain,
                                                       name_of(configured->value.by), configured->where)));
    }
    if (const OwnDomain* own = setup.inventory.find(approval.domain); own != nullptr && own->parked) {
        complain(fmt::format("{} is parked by the configuration: whatever passes for it is not authorized, approved or not", own->domain));
    }
    auto store = WHOSENT_TRY(open_or_create(context));
    const std::string done = fmt::format("{} may send as {} and the domains below it, by {}", sender_title(*setup.catalogue, approval.sender), approval.domain,
                                         approval.by == ApprovedBy::any ? "DKIM or SPF" : approval.by == ApprovedBy::dkim ? "DKIM" : "SPF");
    return change_approvals(context, setup, *store, approval.domain, done, [&](store::Writer& writer) { return writer.approve(approval); });
}

}  // namespace

void add_approve(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("approve", "Says that a sender may send as a domain, and judges what is stored again");
    command.argument("DOMAIN", options->domain, "The domain; it holds for those below it too");
    command.argument("SENDER", options->sender, "The sender's id, as `whosent senders` shows it");
    command.choice("--by", options->by, {"any", "dkim", "spf"}, "How it may authenticate: either way (the default), or only by an aligned DKIM or SPF pass");
    command.dns_options();
    command.examples(
        "As soon as one sender is approved for a domain, only those that are count as authorized; while none is, every known one does. An address of\n"
        "the domain's own networks ([[domain]] in the configuration) always counts. [[approve]] in the configuration says the same for good.\n\n"
        "Examples:\n"
        "  whosent approve example.com sendgrid --by dkim\n"
        "  whosent approve news.example.com mailchimp\n"
        "  whosent approvals");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
