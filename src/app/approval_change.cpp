#include "app/approval_change.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/access.hpp"
#include "app/hand_over.hpp"
#include "app/interrupt.hpp"
#include "app/progress.hpp"
#include "whosent/base/domain_name.hpp"

namespace whosent::app {
namespace {

struct Count {
    std::int64_t streams = 0, messages = 0;
    bool operator==(const Count&) const = default;
};
using ByVerdict = std::array<Count, std::size(kVerdicts)>;  // index: VerdictKind

Result<ByVerdict> count(store::Store& store, const std::string& domain) {
    auto reader = WHOSENT_TRY(store.reader());
    ByVerdict counts{};
    for (const auto& row : WHOSENT_TRY(reader->conclusions({.domain = domain}))) {
        Count& of = counts.at(static_cast<std::size_t>(row.conclusion.verdict.kind));
        of.streams += row.streams;
        of.messages += row.totals.messages;
    }
    return counts;
}

std::string told(const Count& count) {
    return fmt::format("{} with {}", counted(static_cast<std::uint64_t>(count.streams), "stream"), counted(static_cast<std::uint64_t>(count.messages), "message"));
}

}  // namespace

Result<std::string> approval_domain(const std::string& text) {
    auto domain = WHOSENT_TRY(domain_option("DOMAIN", text));
    if (!domain) return std::unexpected(usage_error("DOMAIN is empty"));
    return *domain;
}

const Placed<Approval>* configured_approval(const Settings& settings, std::string_view domain, std::string_view sender) {
    const auto found = std::find_if(settings.approvals.begin(), settings.approvals.end(),
                                    [&](const Placed<Approval>& each) { return each.value.domain == domain && each.value.sender == sender; });
    return found == settings.approvals.end() ? nullptr : &*found;
}

std::string sender_title(const identify::Catalogue& catalogue, std::string_view id) {
    const auto found = catalogue.find(id);
    if (!found || catalogue.senders()[*found].name.empty()) return std::string(id);
    return fmt::format("{} ({})", catalogue.senders()[*found].name, id);
}

Result<Exit> change_approvals(Context& context, const AttributionSetup& setup, store::Store& store, const std::string& domain, const std::string& done,
                              const std::function<Result<void>(store::Writer&)>& change) {
    // reports come under the policy domain, which may stand above the domain that is approved
    const std::string scope(organizational_domain(domain));
    auto writer = WHOSENT_TRY(open_writer(context, store));
    const auto attributor = WHOSENT_TRY(pipeline::Attributor::create(store, context.clock, setup.options()));
    const ByVerdict before = WHOSENT_TRY(count(store, scope));
    WHOSENT_CHECK(change(*writer));
    context.output.write(done + "\n");
    context.output.flush();  // it is durable, whatever becomes of the rest

    const StatusLine status;
    const auto go_on = [&] {
        status.show(fmt::format("judging {} again: {} streams", scope, grouped(attributor->progress().judged)));
        return !interrupted();
    };
    WHOSENT_CHECK(attributor->judge_again(*writer, store::Cause::approvals, false, scope, go_on));
    if (interrupted()) {
        complain(fmt::format("interrupted; `whosent attribute` judges the rest of {} again", scope));
        return Exit::failed;
    }
    const ByVerdict after = WHOSENT_TRY(count(store, scope));
    const auto progress = attributor->progress();
    context.output.write(fmt::format("{} under {} judged again, {}\n", counted(progress.judged, "stream"), scope,
                                     progress.reclassified == 0 ? std::string("none told before has changed")
                                                                : fmt::format("{} changed ({})", grouped(progress.reclassified), counted(progress.events, "source.reclassified event"))));
    for (const VerdictKind kind : kVerdicts) {
        const Count &was = before.at(static_cast<std::size_t>(kind)), &is = after.at(static_cast<std::size_t>(kind));
        if (was != is) context.output.write(fmt::format("  {:<17}  {}; before: {}\n", name_of(kind), told(is), told(was)));
    }
    if (attributor->out_of_date()) complain("the configuration or the catalogue has changed since the other domains were judged: `whosent attribute` judges them again");
    return Exit::done;
}

}  // namespace whosent::app
