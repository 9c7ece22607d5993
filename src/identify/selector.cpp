// What DNS says of a DKIM selector.
#include <algorithm>

#include <fmt/format.h>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"
#include "whosent/dns/dkim_key.hpp"
#include "whosent/identify/identify.hpp"

namespace whosent::identify {

namespace {

constexpr std::size_t kMaxChain = 16;

// Where several records stand there the result is undefined (RFC 6376 section 3.6.2.2); the same one is taken whatever the order of the answer.
void read_key(const dns::Answer& answer, SelectorReport& report) {
    std::vector<std::string> texts = answer.texts;
    std::ranges::sort(texts);
    for (const std::string& text : texts) {
        const auto key = dns::parse_dkim_key(text);
        if (!key) {
            if (report.problem.empty()) report.problem = fmt::format("no key record: {}", printable(key.error()));
            continue;
        }
        report.problem.clear();
        report.bits = key->bits;
        report.fingerprint = key->fingerprint;
        if (key->revoked) report.key = SelectorReport::Key::revoked, report.problem = "the key is revoked (an empty p=)";
        else if (key->too_short()) report.key = SelectorReport::Key::too_short, report.problem = fmt::format("a key of {} bits; verifiers refuse those under 1024", key->bits);
        else if (key->testing) report.key = SelectorReport::Key::testing, report.problem = "the key is marked as a test (t=y)";
        else report.key = SelectorReport::Key::present;
        return;
    }
    report.key = SelectorReport::Key::invalid;
    if (report.problem.empty()) report.problem = "an empty record";
}

}  // namespace

SelectorReport look_at_selector(std::string_view selector, std::string_view domain, const Catalogue& catalogue, dns::Answers& answers) {
    SelectorReport report;
    const auto name = normalise_domain(selector), below = normalise_domain(domain);
    if (!name || !below || name->size() + below->size() > 253 - std::string_view("._domainkey.").size()) {
        report.name = printable(fmt::format("{}._domainkey.{}", selector, domain), 80);
        report.complete = true;
        report.key = SelectorReport::Key::none;  // for good: reports have the selector in an attacker's words, and nothing is to be waited for
        report.problem = "no name that DNS could know";
        return report;
    }
    report.name = fmt::format("{}._domainkey.{}", *name, *below);
    const dns::Answer* answer = answers.find(report.name, dns::Type::txt);
    if (answer == nullptr) return report;
    report.complete = true;
    report.read = answer->read;
    report.chain.assign(answer->chain.begin(), answer->chain.begin() + static_cast<std::ptrdiff_t>(std::min(answer->chain.size(), kMaxChain)));
    // The first hop in a sender's zone is the product's, the last one its carrier's.
    for (const std::string& hop : report.chain) {
        const auto match = catalogue.match_domain(DomainList::dkim_cname_target, hop);
        if (!match || !catalogue.senders()[match->sender].sends) continue;
        const std::string& id = catalogue.senders()[match->sender].id;
        if (report.product.empty()) report.product = id;
        report.carrier = id;
    }
    if (report.carrier == report.product) report.carrier.clear();
    switch (answer->status) {
        case dns::Status::found: read_key(*answer, report); break;
        case dns::Status::no_data:
        case dns::Status::no_name:
            report.key = SelectorReport::Key::none;
            report.problem = report.chain.empty() ? "no key is published" : fmt::format("it leads to {}, and no key is published there", printable(report.chain.back(), 100));
            break;
        case dns::Status::failed: report.problem = printable(answer->problem); break;
    }
    return report;
}

}  // namespace whosent::identify
