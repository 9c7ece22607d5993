#include "app/setup.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"
#include "whosent/dns/dmarc_record.hpp"

namespace whosent::app {
namespace {

using Status = SetupRecord::Status;

constexpr std::string_view kMailto = "mailto:";
constexpr std::size_t kHonouredUris = 2;  // RFC 9989 section 4.7: a receiver may stop at two addresses
constexpr std::size_t kStringBytes = 255;  // RFC 1035 section 3.3.14
constexpr unsigned kTtl = 3600;            // seconds

struct Tag {
    std::string name, value;
};

// "v=DMARC1; p=none" in the order in which it is written, so that what is not ours stays as it is.
std::vector<Tag> tags_of(std::string_view record) {
    std::vector<Tag> out;
    while (!record.empty()) {
        const std::size_t end = std::min(record.find(';'), record.size());
        const std::string_view item = trim(record.substr(0, end));
        record.remove_prefix(std::min(end + 1, record.size()));
        const std::size_t equals = item.find('=');
        if (item.empty() || equals == std::string_view::npos) continue;
        out.push_back({std::string(trim(item.substr(0, equals))), std::string(trim(item.substr(equals + 1)))});
    }
    return out;
}

Tag* find(std::vector<Tag>& tags, std::string_view name) {
    const auto found = std::find_if(tags.begin(), tags.end(), [&](const Tag& tag) { return iequals(tag.name, name); });
    return found == tags.end() ? nullptr : &*found;
}

std::string joined(const std::vector<Tag>& tags) {
    std::string out;
    for (const Tag& tag : tags) out += fmt::format("{}{}={}", out.empty() ? "" : "; ", tag.name, tag.value);
    return out;
}

std::vector<std::string> uris_of(std::string_view list) {
    std::vector<std::string> out;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view uri = trim(list.substr(0, comma));
        if (!uri.empty()) out.emplace_back(uri);
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return out;
}

// Without the size that RFC 7489 allowed behind it ("!10m").
std::string_view bare(std::string_view uri) { return uri.substr(0, uri.find('!')); }

// Adds those of `wanted` that the tag lacks, and says so.
void add_uris(std::vector<Tag>& tags, std::string_view name, const std::vector<std::string>& wanted, std::vector<std::string>& changes) {
    for (const std::string& uri : wanted) {
        Tag* tag = find(tags, name);
        if (tag != nullptr) {
            const auto there = uris_of(tag->value);
            if (std::any_of(there.begin(), there.end(), [&](std::string_view each) { return iequals(bare(each), uri); })) continue;
        }
        changes.push_back(fmt::format("add {} to {}=", uri, name));
        if (tag == nullptr) {
            tags.push_back({std::string(name), uri});
        } else {
            tag->value = tag->value.empty() ? uri : fmt::format("{},{}", tag->value, uri);
        }
    }
}

// What is at the name: of `is_kind`, and whether the answer is there at all.
struct Found {
    bool asked = false, answered = false;
    std::string problem;
    std::vector<std::string> texts, chain;
};
template <class IsKind>
Found look(dns::Answers* answers, const std::string& name, IsKind is_kind) {
    Found found;
    if (answers == nullptr) return found;
    found.asked = true;
    const dns::Answer* answer = answers->find(name, dns::Type::txt);
    if (answer == nullptr) {
        found.problem = "no answer";
        return found;
    }
    found.chain = answer->chain;
    found.problem = answer->problem;
    found.answered = answer->status != dns::Status::failed;
    for (const std::string& text : answer->texts) {
        if (is_kind(text)) found.texts.push_back(text);
    }
    return found;
}

// Everything but `changes` and `value` of a record that has one text.
void settle(SetupRecord& record, const Found& found) {
    record.found = found.texts;
    if (!found.asked) return;
    if (!found.answered) {
        record.status = Status::unknown;
        record.changes = {fmt::format("DNS does not answer: {}", found.problem)};
    } else if (found.texts.empty()) {
        record.status = Status::missing;
        record.changes.clear();
    } else {
        record.status = record.changes.empty() ? Status::ok : Status::different;
        if (record.status == Status::ok) record.value = found.texts.front();
    }
    if (!found.chain.empty()) record.remarks.push_back(fmt::format("{} is an alias (CNAME) of {}: the record stands there", record.name, found.chain.back()));
}

SetupRecord dmarc_record(const SetupWish& wish, dns::Answers* answers, const dns::DmarcDiscovery& above) {
    SetupRecord record;
    record.name = "_dmarc." + wish.domain;
    record.purpose = "where receivers send reports about mail from " + wish.domain + ", and what they do with mail that fails";
    const Found found = look(answers, record.name, dns::is_dmarc_record);
    std::vector<Tag> tags = found.texts.empty() ? std::vector<Tag>{{"v", "DMARC1"}} : tags_of(found.texts.front());
    if (found.texts.size() > 1) record.changes.push_back("there must be one record: with several, receivers heed none (RFC 9989 section 4.7)");
    if (!found.texts.empty()) {
        const auto parsed = dns::parse_dmarc(found.texts.front());
        if (!parsed) {
            record.changes.push_back(fmt::format("it cannot be read: {}", parsed.error()));
            tags = {{"v", "DMARC1"}};
        } else {
            for (const std::string& problem : parsed->problems) record.remarks.push_back(problem);
        }
    } else if (above.record && above.policy_domain != wish.domain) {
        record.remarks.push_back(fmt::format("until then the record of {} holds for it; a record of its own replaces all of that", above.policy_domain));
    }

    Tag* policy = find(tags, "p");
    const auto known_policy = [&] { return policy != nullptr && (iequals(policy->value, "none") || iequals(policy->value, "quarantine") || iequals(policy->value, "reject")); };
    // A record of its own must not be weaker by chance than the one above it that held until then.
    const Policy usual = found.texts.empty() && above.policy ? *above.policy : Policy::none;
    if (wish.policy ? policy == nullptr || !iequals(policy->value, name_of(*wish.policy)) : !known_policy()) {
        const std::string value(name_of(wish.policy.value_or(usual)));
        record.changes.push_back(policy == nullptr ? fmt::format("add p={}", value) : fmt::format("change p={} to p={}", printable(policy->value, 40), value));
        if (policy != nullptr) {
            policy->value = value;
        } else {
            tags.insert(tags.begin() + 1, {"p", value});
        }
    }
    add_uris(tags, "rua", wish.rua, record.changes);
    add_uris(tags, "ruf", wish.ruf, record.changes);
    for (const auto* name : {"rua", "ruf"}) {
        const Tag* tag = find(tags, name);
        if (tag != nullptr && uris_of(tag->value).size() > kHonouredUris) record.remarks.push_back(fmt::format("receivers need to heed the first two addresses of {}= only (RFC 9989 section 4.7)", name));
    }
    record.value = joined(tags);
    settle(record, found);
    return record;
}

// RFC 8460 section 3: "v=TLSRPTv1" first, then rua=.
bool is_tlsrpt_record(std::string_view text) {
    const auto tags = tags_of(text);
    return !tags.empty() && tags.front().name == "v" && tags.front().value == "TLSRPTv1";
}

SetupRecord tls_record(const SetupWish& wish, dns::Answers* answers) {
    SetupRecord record;
    record.name = "_smtp._tls." + wish.domain;
    record.purpose = "where senders send reports about TLS on the way to " + wish.domain;
    const Found found = look(answers, record.name, is_tlsrpt_record);
    std::vector<Tag> tags = found.texts.empty() ? std::vector<Tag>{{"v", "TLSRPTv1"}} : tags_of(found.texts.front());
    if (found.texts.size() > 1) record.changes.push_back("there must be one record: with several, senders heed none (RFC 8460 section 3)");
    add_uris(tags, "rua", wish.tls_rua, record.changes);
    record.value = joined(tags);
    settle(record, found);
    return record;
}

// The domain that a report to the URI goes to by mail; empty: it goes otherwise.
std::string mail_domain(std::string_view uri) {
    if (uri.size() < kMailto.size() || !iequals(uri.substr(0, kMailto.size()), kMailto)) return {};
    std::string_view address = bare(uri.substr(kMailto.size()));
    address = address.substr(0, address.find('?'));
    const std::size_t at = address.rfind('@');
    return at == std::string_view::npos ? std::string() : normalise_domain(address.substr(at + 1)).value_or("");
}

}  // namespace

std::string_view name_of(SetupRecord::Status status) noexcept {
    constexpr std::string_view kNames[] = {"unchecked", "ok", "missing", "different", "unknown"};
    return kNames[static_cast<std::size_t>(status)];
}

std::vector<SetupRecord> advise(const SetupWish& wish, dns::Answers* answers) {
    std::vector<SetupRecord> out;
    const auto organization = [&](const std::string& domain) -> std::string {
        if (answers != nullptr) {
            const auto walk = dns::discover_by_tree_walk(domain, *answers);
            if (walk.complete && !walk.organizational_domain.empty()) return walk.organizational_domain;
        }
        return std::string(organizational_domain(domain));
    };
    out.push_back(dmarc_record(wish, answers, answers == nullptr ? dns::DmarcDiscovery() : dns::discover_by_tree_walk(wish.domain, *answers)));

    // RFC 9990 section 4: who is asked to take the reports of another organization has to agree.
    std::vector<std::string> hosts;
    std::vector<Tag> tags = tags_of(out.front().value);
    for (const auto* name : {"rua", "ruf"}) {
        const Tag* tag = find(tags, name);
        if (tag == nullptr) continue;
        for (const std::string& uri : uris_of(tag->value)) {
            const std::string host = mail_domain(uri);
            if (!host.empty() && std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
        }
    }
    std::vector<SetupRecord> authorizations;
    const std::string own = organization(wish.domain);
    for (const std::string& host : hosts) {
        if (organization(host) == own) continue;
        SetupRecord record;
        record.name = fmt::format("{}._report._dmarc.{}", wish.domain, host);
        record.value = "v=DMARC1";
        record.purpose = fmt::format("that {} takes the reports about {}; it is published by {}", host, wish.domain, host);
        settle(record, look(answers, record.name, dns::is_dmarc_record));
        authorizations.push_back(std::move(record));
    }
    if (!wish.tls_rua.empty()) out.push_back(tls_record(wish, answers));
    out.insert(out.end(), std::make_move_iterator(authorizations.begin()), std::make_move_iterator(authorizations.end()));
    return out;
}

std::optional<std::string> mailto_uri(std::string_view address) {
    const std::size_t at = address.rfind('@');
    if (at == std::string_view::npos || at == 0 || at > 64) return std::nullopt;
    const auto domain = normalise_domain(address.substr(at + 1));
    if (!domain) return std::nullopt;
    std::string out(kMailto);
    for (const char c : address.substr(0, at)) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c <= 0x20 || c >= 0x7F || std::string_view("<>()[]\\,;:@\"").find(c) != std::string_view::npos) return std::nullopt;
        if (letter || std::string_view("._~+-=").find(c) != std::string_view::npos) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned>(c));
        }
    }
    return out + "@" + *domain;
}

std::string zone_line(const SetupRecord& record) {
    std::string out = fmt::format("{}. {} IN TXT", record.name, kTtl);
    std::string_view rest = record.value;
    do {
        out += " \"";
        for (const char c : rest.substr(0, kStringBytes)) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte < 0x20 || byte > 0x7E) {
                out += fmt::format("\\{:03}", byte);
            } else {
                if (c == '"' || c == '\\') out += '\\';
                out += c;
            }
        }
        out += '"';
        rest.remove_prefix(std::min(kStringBytes, rest.size()));
    } while (!rest.empty());
    return out;
}

}  // namespace whosent::app
