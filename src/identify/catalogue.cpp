#include "whosent/identify/catalogue.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "identify/catalogue_tables.hpp"
#include "whosent/base/hash.hpp"

namespace whosent::identify {

namespace {

constexpr std::string_view kEmbedded[] = {
#include "senders.inc"
};
// Part of the version: the rules of identify() in their present form.
constexpr std::string_view kRules = "rules 1";

Key128 version_of(std::string_view json, std::span<const CustomSender> custom) {
    Sha256 hash;
    const auto add = [&hash](std::string_view text) {
        hash.update(fmt::format("{}:", text.size()));
        hash.update(text);
    };
    add(kRules);
    add(json);
    for (const CustomSender& sender : custom) {
        add(sender.id);
        add(sender.name);
        for (const auto* list : {&sender.spf_includes, &sender.dkim_domains, &sender.dkim_cname_targets, &sender.envelope_domains, &sender.ptr_suffixes, &sender.dkim_selectors}) {
            add(fmt::format("{} values", list->size()));
            for (const std::string& value : *list) add(value);
        }
        add(fmt::format("{} networks", sender.networks.size()));
        for (const IpPrefix& network : sender.networks) add(network.to_string());
    }
    const Sha256Digest digest = hash.finish();
    Key128 version;
    std::copy_n(digest.begin(), version.size(), version.begin());
    return version;
}

}  // namespace

Catalogue::Catalogue(std::unique_ptr<Tables> tables) noexcept : tables_(std::move(tables)) {}
Catalogue::~Catalogue() = default;

Result<std::shared_ptr<const Catalogue>> Catalogue::create(std::span<const CustomSender> custom) {
    std::string json;
    for (const std::string_view piece : kEmbedded) json += piece;
    return parse(json, "the built-in sender catalogue", custom);
}

Result<std::shared_ptr<const Catalogue>> Catalogue::parse(std::string_view json, const std::string& where, std::span<const CustomSender> custom) {
    auto tables = std::make_unique<Tables>();
    WHOSENT_CHECK(read_catalogue(json, where, *tables));
    WHOSENT_CHECK(add_custom(custom, *tables));
    const auto failed = [&where](std::string_view what, std::string problem) {
        return std::unexpected(Error{.code = ErrorCode::invalid_argument, .where = where, .message = fmt::format("the expressions for {} together: {}", what, problem)});
    };
    if (auto made = tables->selectors.compile(); !made) return failed("selectors", made.error());
    if (auto made = tables->labels.compile(); !made) return failed("envelope labels", made.error());
    tables->networks.compile();
    for (auto& [asn, users] : tables->asns) {
        std::ranges::sort(users, [](const NetworkMatch& a, const NetworkMatch& b) { return a.dedicated != b.dedicated ? a.dedicated : a.sender < b.sender; });
    }
    tables->version = version_of(json, custom);
    tables->forms.resize(tables->senders.size());
    return std::make_shared<const Catalogue>(std::move(tables));
}

std::span<const Sender> Catalogue::senders() const noexcept { return tables_->senders; }
std::optional<SenderIndex> Catalogue::find(std::string_view id) const noexcept {
    const auto found = tables_->by_id.find(id);
    return found == tables_->by_id.end() ? std::nullopt : std::optional(found->second);
}
const Key128& Catalogue::version() const noexcept { return tables_->version; }
std::span<const std::string> Catalogue::remarks() const noexcept { return tables_->remarks; }
double Catalogue::weight(Signal signal) const noexcept { return tables_->weights[static_cast<std::size_t>(signal)]; }
const Thresholds& Catalogue::thresholds() const noexcept { return tables_->thresholds; }
bool Catalogue::is_generic(std::string_view selector) const noexcept { return tables_->generic.contains(selector); }
bool Catalogue::is_generic_label(std::string_view label) const noexcept { return tables_->generic_labels.contains(label); }
bool Catalogue::has_fixed_selectors(SenderIndex sender) const noexcept { return tables_->forms[sender] == 1; }

std::optional<SuffixMatch> Catalogue::match_domain(DomainList list, std::string_view domain) const noexcept {
    return tables_->domains[static_cast<std::size_t>(list)].find(domain);
}

void Catalogue::match_selector(std::string_view selector, std::vector<SelectorMatch>& out) const {
    out.clear();
    for (const std::uint32_t value : tables_->selectors.match(selector)) {
        const auto sender = static_cast<SenderIndex>(value / 4);
        if (!out.empty() && out.back().sender == sender) continue;
        if (out.size() == 16) break;
        out.push_back({sender, static_cast<Signal>(static_cast<std::uint32_t>(Signal::selector_strong) + value % 4)});
    }
}

void Catalogue::match_envelope_label(std::string_view label, std::vector<SenderIndex>& out) const {
    out.clear();
    for (const std::uint32_t value : tables_->labels.match(label)) {
        if (out.size() < 16) out.push_back(static_cast<SenderIndex>(value));
    }
}

std::optional<NetworkMatch> Catalogue::match_network(const IpAddress& ip) const noexcept {
    const std::uint16_t found = tables_->networks.find(ip);
    return found == NetworkTable::kNone ? std::nullopt : std::optional(tables_->network_owners[found]);
}

std::uint16_t Catalogue::network_number(const IpAddress& ip) const noexcept { return static_cast<std::uint16_t>(tables_->networks.find(ip) + 1u); }

std::span<const NetworkMatch> Catalogue::match_asn(std::uint32_t asn) const noexcept {
    const auto found = tables_->asns.find(asn);
    return found == tables_->asns.end() ? std::span<const NetworkMatch>{} : std::span<const NetworkMatch>(found->second);
}

}  // namespace whosent::identify
