// SPF: each line of the input is the text of a TXT record, the first of a.example.org, the second of b.example.org, and so on. What is parsed must parse again term by
// term, macros expand within their bounds, and the coverage of all addresses must say what check_host() says for each.
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "whosent/dns/spf_record.hpp"
#include "whosent/identify/spf_coverage.hpp"

using namespace whosent;

namespace {

class Zone final : public dns::Answers {
public:
    const dns::Answer* find(std::string_view name, dns::Type type) override {
        if (const dns::Answer* answer = snapshot_.find(name, type)) return answer;
        (void)snapshot_.take_wanted();
        put(std::string(name), type, dns::Status::no_name);
        return snapshot_.find(name, type);
    }
    void put(std::string name, dns::Type type, dns::Status status, std::vector<std::string> texts = {}, std::vector<IpAddress> addresses = {}) {
        dns::Answer answer;
        answer.question = {std::move(name), type};
        answer.status = status;
        answer.texts = std::move(texts);
        answer.addresses = std::move(addresses);
        snapshot_.put(std::move(answer));
    }

private:
    dns::Snapshot snapshot_;
};

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

void check_macros(std::string_view text, const IpAddress& address) {
    const dns::SpfMacroValues values{.local_part = "a-b+c", .sender_domain = "a.example.org", .domain = "b.a.example.org", .ip = address, .helo = "h.example.net", .validated = "unknown"};
    const auto domain = dns::expand_spf_macros(text, values);
    if (domain) {
        fuzz::check(domain->size() <= 253 || domain->find('.') == std::string::npos || domain->size() - domain->rfind('.') > 253, "a domain that is not cut", *domain);
    }
    dns::SpfMacroValues unknown = values;
    unknown.local_part_known = unknown.helo_known = unknown.validated_known = false;
    const auto without = dns::expand_spf_macros(text, unknown);
    fuzz::check(without ? without == domain : without.error() == (domain ? dns::SpfMacroProblem::unknown_value : dns::SpfMacroProblem::syntax),
                "what is not known changes more than that", text);
    if (dns::is_static_domain_spec(text) && !without) fuzz::check(without.error() == dns::SpfMacroProblem::syntax, "a static name that needs what is not known", text);
    const auto explanation = dns::expand_spf_macros(text, values, false, true);
    if (explanation) fuzz::check(explanation->size() <= 8'192, "a long explanation");
}

void check_record(std::string_view text) {
    if (!dns::is_spf_record(text)) return;
    const auto record = dns::parse_spf(text);
    if (!record) {
        fuzz::check(!record.error().problem.empty() && record.error().problem.size() < 500 && record.error().term.size() < 500, "an error without words, or with many", text);
        return;
    }
    for (const dns::SpfTerm& term : record->terms) {
        const auto again = dns::parse_spf("v=spf1 " + term.text);
        fuzz::check(again && again->terms.size() == 1, "a term that is none alone", term.text);
        const dns::SpfTerm& same = again->terms.front();
        fuzz::check(same.mechanism == term.mechanism && same.qualifier == term.qualifier && same.domain_spec == term.domain_spec && same.network == term.network &&
                        same.v4_length == term.v4_length && same.v6_length == term.v6_length,
                    "a term that is another alone", term.text);
        if (!term.domain_spec.empty()) fuzz::check(dns::expand_spf_macros(term.domain_spec, {.domain = "example.org"}).has_value(), "a domain-spec that cannot be expanded", term.text);
    }
}

void compare(Zone& zone, const identify::SpfCoverage& coverage, const IpAddress& address) {
    const identify::SpfCheckResult plain = identify::check_host({.ip = address, .domain = "a.example.org", .local_part = "l", .helo = "h.example.net"}, zone);
    const identify::SpfCoverageAnswer answer = coverage.find(address);
    fuzz::check(plain.complete && !plain.undecided && coverage.complete(), "a result that waits for nothing");
    fuzz::check(coverage.kind(address) == answer.kind, "two kinds");
    using Kind = identify::SpfCoverageAnswer::Kind;
    if (answer.kind == Kind::undecided) {
        fuzz::check(!answer.term.empty(), "undecided because of nothing");
        return;
    }
    fuzz::check(answer.result == plain.result && answer.lookups == plain.lookups && answer.voids == plain.voids && answer.path == plain.path,
                "the coverage says otherwise than check_host()", plain.path + " | " + answer.path);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = fuzz::text_of(data, size);
    Zone zone;
    zone.put("h.example.net", dns::Type::a, dns::Status::found, {}, {ip("192.0.2.1"), ip("198.51.100.1")});
    zone.put("h.example.net", dns::Type::aaaa, dns::Status::found, {}, {ip("2001:db8::1")});
    zone.put("h.example.net", dns::Type::mx, dns::Status::found, {"h.example.net", "", "gone.example.net"});
    zone.put("f.example.net", dns::Type::a, dns::Status::failed);
    zone.put("f.example.net", dns::Type::txt, dns::Status::failed);
    zone.put("1.2.0.192.in-addr.arpa", dns::Type::ptr, dns::Status::found, {"h.example.net"});
    for (char letter = 'a'; letter <= 'h' && !text.empty(); ++letter) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        check_record(line);
        check_macros(line, ip("192.0.2.1"));
        check_macros(line, ip("2001:db8::1"));
        zone.put(std::string(1, letter) + ".example.org", dns::Type::txt, dns::Status::found, {std::string(line)});
    }
    const auto coverage = identify::SpfCoverage::expand("a.example.org", zone);
    for (const char* address : {"192.0.2.1", "192.0.2.2", "198.51.100.1", "255.255.255.255", "0.0.0.0", "2001:db8::1", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
        compare(zone, coverage, ip(address));
    }
    return fuzz::kUsed;
}
