#include "whosent/parse/authenticity.hpp"

#include <algorithm>
#include <vector>

#include "arf/authentication_results.hpp"
#include "arf/header.hpp"
#include "arf/values.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse {
namespace {

constexpr std::string_view kField = "Authentication-Results";
// Of the header, and of one value: a domain that was cut would be another domain.
constexpr std::size_t kMaxHeader = 256 * kKiB;

// What a mail server wrote needs no mending, and what the sender wrote is not to be mended into something that counts.
ArfRepairSet no_repairs() {
    ArfRepairSet off;
    for (std::size_t i = 0; i < kArfRepairs; ++i) off.insert(static_cast<ArfRepair>(i));
    return off;
}

// Up to the empty line; cut at the end of a line where that does not come within kMaxHeader.
std::string_view header_of(std::string_view message, bool& cut) {
    std::size_t at = 0;
    while (true) {
        const auto end = message.find('\n', at);
        cut = end == std::string_view::npos ? message.size() > kMaxHeader : end >= kMaxHeader;
        if (cut) return message.substr(0, at);
        if (end == std::string_view::npos) return message;
        if (end == at || (end == at + 1 && message[at] == '\r')) return message.substr(0, at);
        at = end + 1;
    }
}

// The organizational domain of the one author; empty where there is none, or more than one (RFC 7489 section 6.6.1 leaves such mail aside).
std::string author_of(const arf::HeaderBlock& header, const arf::Reading& reading) {
    const arf::HeaderField* from = nullptr;
    for (const arf::HeaderField& field : header.fields()) {
        if (!iequals(field.name, "From")) continue;
        if (from != nullptr) return {};
        from = &field;
    }
    if (from == nullptr) return {};
    const auto authors = arf::addresses_of(arf::unfold(from->value, "From", reading), "From", reading);
    if (authors.size() != 1) return {};
    return std::string(organizational_domain(arf::domain_of(authors.front())));
}

struct Summary {
    bool stated = false, passed = false, failed = false, passing = false;  // passing: an error that may pass by itself
};

}  // namespace

Authenticity authenticity_of(std::string_view message, std::span<const std::string> trusted) {
    if (trusted.empty()) return Authenticity::unknown;
    bool cut = false;
    const std::string_view text = header_of(message, cut);
    Limits limits;
    limits.header_bytes = limits.value_bytes = kMaxHeader;
    static const ArfRepairSet kOff = no_repairs();
    arf::Notes notes(0);
    const arf::Reading reading{{kOff, notes}, limits};
    const arf::HeaderBlock header(text, arf::BlockKind::message, "header", reading);

    const arf::HeaderField* field = nullptr;
    std::string value;
    for (const arf::HeaderField& candidate : header.fields()) {
        if (!iequals(candidate.name, kField)) continue;
        value = arf::unfold(candidate.value, kField, reading);
        const std::string id = arf::authserv_id_of(value);
        if (id.empty() || std::ranges::none_of(trusted, [&](const std::string& name) { return iequals(name, id); })) continue;
        field = &candidate;
        break;
    }
    if (field == nullptr || (cut && field == &header.fields().back())) return Authenticity::unknown;

    std::vector<AuthenticationResult> results;
    arf::read_authentication_results(value, results, reading);
    if (results.size() >= arf::kMaxEntries) return Authenticity::unknown;  // there may be more
    const std::string author = author_of(header, reading);
    Summary dmarc, dkim, spf;
    for (const AuthenticationResult& result : results) {
        Summary* summary = result.method == "dmarc" ? &dmarc : result.method == "dkim" ? &dkim : result.method == "spf" ? &spf : nullptr;
        if (summary == nullptr) continue;
        summary->stated = true;
        if (result.result == "pass") {
            summary->passed |= summary == &dmarc || (!author.empty() && !result.domain.empty() && organizational_domain(result.domain) == author);
        }
        summary->failed |= result.result == "fail";
        summary->passing |= result.result == "temperror";
    }
    // Where the author's domain demands strict alignment, a relaxed one is not enough: who checked DMARC knows.
    if (dmarc.failed) return Authenticity::failed;
    if (dmarc.passed || dkim.passed || spf.passed) return Authenticity::authenticated;
    if (dmarc.passing || dkim.passing || spf.passing) return Authenticity::unknown;
    // Without an author, nothing can be aligned, and nothing said of it.
    return dkim.stated && spf.stated && !author.empty() ? Authenticity::failed : Authenticity::unknown;
}

}  // namespace whosent::parse
