#include <fmt/format.h>

#include "app/access.hpp"
#include "app/approval_change.hpp"
#include "app/commands/commands.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string domain, sender;
};

Result<Exit> run(Context& context, const Options& options) {
    const std::string domain = WHOSENT_TRY(approval_domain(options.domain));
    if (const auto* configured = configured_approval(context.settings, domain, options.sender)) {
        return std::unexpected(usage_error(fmt::format("{} is approved for {} by the configuration: take it out at {}", options.sender, domain, configured->where)));
    }
    // a sender that the catalogue no longer has can be revoked all the same
    const AttributionSetup setup = WHOSENT_TRY(set_up_attribution(context));
    auto store = WHOSENT_TRY(open_existing(context));
    const std::string done = fmt::format("{} is no longer approved for {}", sender_title(*setup.catalogue, options.sender), domain);
    return change_approvals(context, setup, *store, domain, done, [&](store::Writer& writer) -> Result<void> {
        if (WHOSENT_TRY(writer.revoke(domain, options.sender))) return {};
        return std::unexpected(Error{.code = ErrorCode::not_found, .stage = Stage::app,
                                     .message = fmt::format("{} is not approved for {}: `whosent approvals` lists what is", options.sender, domain)});
    });
}

}  // namespace

void add_revoke(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("revoke", "Takes an approval of `whosent approve` back, and judges what is stored again");
    command.argument("DOMAIN", options->domain, "The domain, as it was approved");
    command.argument("SENDER", options->sender, "The sender's id");
    command.dns_options();
    command.examples("Example:\n  whosent revoke example.com sendgrid");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
