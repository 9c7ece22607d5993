// identify(): gathers evidence, then decides (decide.cpp), then looks at what the domain's records say (authorize.cpp). What is asked of DNS for one stream is bounded:
// the keys of 8 signatures, the SPF trees of 2 domains (shared by all of a domain's streams), the MX of one name, one reverse name and 6 forward look-ups of it.
#include "identify/gathered.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"
#include "whosent/base/time.hpp"

namespace whosent::identify {

namespace {

constexpr std::size_t kMaxResults = 100;  // RFC 9990 section 3.1.3
constexpr std::size_t kMaxSignatures = 8, kMaxReverseNames = 3, kMaxEvidence = 40;

std::string shown(std::string_view text) {
    const bool plain = text.size() <= 100 && std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
    return plain ? std::string(text) : printable(text, 100);
}

// A name that is made of the address (c-192-0-2-1.hsd1.example.net) names a line that somebody rents, not the provider's mail servers.
bool is_made_of(std::string_view name, const IpAddress& ip) {
    std::string digits;  // numbers of the name, one space between
    for (const char c : name) {
        if (c >= '0' && c <= '9') digits += c;
        else if (!digits.empty() && digits.back() != ' ') digits += ' ';
    }
    digits = ' ' + digits + ' ';
    const auto bytes = ip.bytes();
    if (!ip.is_v4()) return false;
    const auto holds = [&](const std::string& text) { return digits.find(text) != std::string::npos; };
    return holds(fmt::format(" {} {} {} {} ", bytes[0], bytes[1], bytes[2], bytes[3])) || holds(fmt::format(" {} {} {} {} ", bytes[3], bytes[2], bytes[1], bytes[0])) ||
           name.find(fmt::format("{:02x}{:02x}{:02x}{:02x}", bytes[0], bytes[1], bytes[2], bytes[3])) != std::string_view::npos ||
           name.find(fmt::format("{:03}{:03}{:03}{:03}", bytes[0], bytes[1], bytes[2], bytes[3])) != std::string_view::npos;
}

std::string read_at(std::string_view what, Seconds read) { return fmt::format("DNS {}, read {}", what, format_time(read)); }

}  // namespace

bool Gathered::is_aligned(std::string_view domain) const {
    if (domain.empty() || !is_same_or_below(domain, organization)) return false;
    return domain == stream.header_from || organizational_domain(domain) == organization;
}

void Gathered::missing(std::string text) {
    auto& list = out.attribution.missing;
    if (std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
}

void Gathered::add(Signal signal, SenderIndex sender, std::string value, std::string origin, std::string why_not, bool supports, bool aligned) {
    if (!sender_of(sender).sends) return;
    Seen& s = seen.emplace_back();
    s.sender = sender;
    s.supports = supports;
    s.aligned = aligned;
    s.evidence = {.signal = signal, .sender = sender_of(sender).id, .value = std::move(value), .weight = why_not.empty() ? knowledge.catalogue.weight(signal) : 0,
                  .origin = std::move(origin), .note = std::move(why_not)};
}

const dns::Answer* Gathered::ask(std::string_view name, dns::Type type, std::string_view what) {
    if (knowledge.answers == nullptr) {
        missing(fmt::format("{}: {}", what, knowledge.no_dns));
        return nullptr;
    }
    const dns::Answer* answer = knowledge.answers->find(name, type);
    if (answer == nullptr) {
        out.incomplete = true;
        missing(fmt::format("{}: no answer yet", what));
    } else if (answer->status == dns::Status::failed) {
        out.unanswered = true;
        missing(fmt::format("{}: {}", what, printable(answer->problem)));
        return nullptr;
    }
    return answer;
}

// Those that pass first, the aligned ones before the others: what is cut off of an absurd number is the least telling, in whatever order they were written.
void Gathered::read_signatures() {
    std::string_view lines = stream.dkim;
    for (std::size_t i = 0; i < kMaxResults && !lines.empty(); ++i) {
        const DkimLine line = take_dkim_line(lines);
        Signature& s = signatures.emplace_back();
        s.line = line;
        s.pass = line.result == "pass";
        s.aligned = is_aligned(line.domain);
        s.vendor = knowledge.catalogue.match_domain(DomainList::dkim_domain, line.domain);
    }
    std::ranges::sort(signatures, [](const Signature& a, const Signature& b) {
        return std::tuple(!a.pass, !a.aligned, a.line.domain, a.line.selector, a.line.result) < std::tuple(!b.pass, !b.aligned, b.line.domain, b.line.selector, b.line.result);
    });
    if (signatures.size() > kMaxSignatures) signatures.resize(kMaxSignatures);
}

void Gathered::look_at_signatures() {
    std::vector<SelectorMatch> forms;
    for (Signature& s : signatures) {
        const std::string not_passed = s.pass ? "" : fmt::format("the result is {}, not pass", s.line.result.empty() ? "missing" : shown(s.line.result));
        const std::string value = "d=" + shown(s.line.domain) + " s=" + shown(s.line.selector);
        // A third party cannot sign for the sender's own domain; and there its selectors tell nothing more.
        if (s.vendor) {
            add(Signal::dkim_vendor_domain_pass, s.vendor->sender, value, "report", not_passed, false, s.aligned);
            if (s.pass) signed_by.push_back(s.vendor->sender);
            continue;
        }
        if (s.line.domain.empty() || s.line.selector.empty()) continue;
        // Where the key is; of a signature that did not pass only for what the domain's own records say.
        std::optional<SenderIndex> product;
        bool known_text_key = false;
        if (s.pass || s.aligned) {
            if (knowledge.answers == nullptr) {
                missing(fmt::format("DKIM keys: {}", knowledge.no_dns));
            } else {
                s.key = look_at_selector(s.line.selector, s.line.domain, knowledge.catalogue, *knowledge.answers);
                const SelectorReport& key = *s.key;
                if (!key.complete) {
                    out.incomplete = true;
                    missing(fmt::format("DKIM key {}: no answer yet", key.name));
                } else if (key.key == SelectorReport::Key::unknown && !key.problem.empty()) {
                    out.unanswered = true;
                    missing(fmt::format("DKIM key {}: {}", key.name, key.problem));
                }
                const bool no_key = key.key == SelectorReport::Key::none || key.key == SelectorReport::Key::revoked || key.key == SelectorReport::Key::invalid;
                if (!key.product.empty()) {
                    // In a zone of his own anybody can let a name lead where he likes
                    const std::string not_counted = !not_passed.empty() ? not_passed : no_key && !s.aligned ? "no key stands there" : "";
                    std::string chain = key.name;
                    for (const std::string& hop : key.chain) chain += fmt::format(" → {}", shown(hop));
                    const std::string origin = read_at(fmt::format("CNAME of {}", key.name), key.read);
                    product = knowledge.catalogue.find(key.product);
                    add(Signal::dkim_selector_cname, *product, chain, origin, not_counted, !s.aligned, s.aligned);
                    if (const auto carrier = key.carrier.empty() ? std::nullopt : knowledge.catalogue.find(key.carrier)) {
                        add(Signal::dkim_selector_cname, *carrier, chain, origin, not_counted, !s.aligned, s.aligned);
                        if (s.pass && s.aligned) runs_on_by_cname.emplace_back(*product, *carrier);
                    }
                    if (s.pass && s.aligned) signed_by.push_back(*product);
                }
                known_text_key = key.chain.empty() && key.key != SelectorReport::Key::unknown && key.key != SelectorReport::Key::none;
            }
        }
        knowledge.catalogue.match_selector(s.line.selector, forms);
        const bool generic = knowledge.catalogue.is_generic(s.line.selector);
        for (const SelectorMatch& form : forms) {
            std::string note = not_passed;
            if (note.empty() && product && *product != form.sender && !runs_on(*product, form.sender)) note = fmt::format("the CNAME leads to {}", sender_of(*product).id);
            if (note.empty() && known_text_key && sender_of(form.sender).keys_by_cname) note = "the key is published as text; this sender's are CNAMEs into its zone";
            // Below a domain of his own anybody can name a selector as he likes
            add(form.strength, form.sender, value, "report", std::move(note), generic || form.strength == Signal::selector_weak || !s.aligned, s.aligned);
        }
    }
}

// The MAIL FROM domain, or the HELO name where SPF was checked for that.
void Gathered::look_at_envelope() {
    const std::string_view checked = stream.spf_domain;
    if (checked.empty()) return;
    const bool pass = stream.spf_result == "pass", helo = stream.spf_scope == "helo";
    const std::string not_passed = pass ? "" : fmt::format("SPF says {}, not pass", stream.spf_result.empty() ? "nothing" : shown(stream.spf_result));
    const std::string value = (helo ? "HELO " : "MAIL FROM ") + shown(checked);
    if (const auto vendor = knowledge.catalogue.match_domain(DomainList::envelope_domain, checked)) {
        add(Signal::spf_vendor_envelope_pass, vendor->sender, value, "report", not_passed);
        if (pass) vendor_envelope = vendor->sender;
        return;
    }
    if (helo || !is_aligned(checked) || checked == organization) return;
    std::vector<SenderIndex> users;
    const std::string_view label = checked.substr(0, checked.find('.'));
    knowledge.catalogue.match_envelope_label(label, users);
    for (const SenderIndex user : users) add(Signal::envelope_label, user, value, "report", not_passed, knowledge.catalogue.is_generic_label(label));
}

// A bounce domain of the customer's own leads to the one who collects the bounces.
void Gathered::look_at_return_path() {
    const std::string_view checked = stream.spf_domain;
    if (checked.empty() || stream.spf_result != "pass" || stream.spf_scope == "helo" || vendor_envelope) return;
    // The mail of a registered domain itself goes to people: that says nothing of who sends.
    if (checked == stream.header_from || checked == organization || organizational_domain(checked) == checked) return;
    const auto name = normalise_domain(checked);
    if (!name) return;
    const dns::Answer* answer = ask(*name, dns::Type::mx, "MX of " + *name);
    if (answer == nullptr) return;
    const auto look = [&](const std::string& target, std::span<const DomainList> lists, std::string_view kind) {
        for (const DomainList list : lists) {
            const auto match = knowledge.catalogue.match_domain(list, target);
            if (!match) continue;
            const SenderCategory category = sender_of(match->sender).category;
            if (category == SenderCategory::mailbox_provider || sender_of(match->sender).forwards) return;
            // So can an MX of his own name whom he likes
            add(Signal::return_path_cname, match->sender, fmt::format("{} → {}", *name, shown(target)), read_at(fmt::format("{} of {}", kind, *name), answer->read), {}, !is_aligned(checked));
            return;
        }
    };
    constexpr DomainList kByCname[] = {DomainList::return_path_target, DomainList::envelope_domain, DomainList::dkim_cname_target, DomainList::mx};
    constexpr DomainList kByMx[] = {DomainList::mx, DomainList::return_path_target};
    for (std::size_t i = 0; i < answer->chain.size() && i < 8; ++i) look(answer->chain[i], kByCname, "CNAME");
    for (std::size_t i = 0; i < answer->texts.size() && i < 8; ++i) look(answer->texts[i], kByMx, "MX");
}

void Gathered::look_at_network() {
    if (!stream.ip) {
        missing("the host: the report names no address");
        return;
    }
    const IpAddress& ip = *stream.ip;
    if (std::ranges::any_of(knowledge.own_networks, [&ip](const IpPrefix& network) { return network.contains(ip); })) {
        out.attribution.own_network = true;
        Seen& s = seen.emplace_back();
        s.sender = kNoSender;
        s.evidence = {.signal = Signal::own_network, .value = "a network of the domain's own", .weight = knowledge.catalogue.weight(Signal::own_network), .origin = "configuration"};
    }
    HostDatabases::Host host;
    if (knowledge.hosts != nullptr) host = knowledge.hosts->find(ip);
    out.attribution.country = host.country;
    const auto network = knowledge.catalogue.match_network(ip);
    network_owner = !host.organization.empty() ? host.organization : host.asn != 0 ? fmt::format("AS{}", host.asn) : network ? std::string(network->owner) : std::string();
    if (network && network->asn == 0) {
        add(Signal::asn_dedicated, network->sender, fmt::format("a network of {}", network->owner), "configuration");
        dedicated.push_back(network->sender);
        return;
    }
    // The operator's database is younger than the catalogue.
    const std::uint32_t asn = host.asn != 0 ? host.asn : network ? network->asn : 0;
    const auto users = knowledge.catalogue.match_asn(asn);
    for (const NetworkMatch& user : users) {
        const std::string_view owner = host.organization.empty() ? user.owner : std::string_view(host.organization);
        // Two senders of one house, neither part of the other, in a network of nobody else: it is one or the other.
        const bool one_of_few = !user.dedicated && users.front().dedicated && !runs_on(user.sender, users.front().sender);
        add(user.dedicated || one_of_few ? Signal::asn_dedicated : Signal::asn_shared, user.sender, fmt::format("AS{}{}{}", asn, owner.empty() ? "" : " ", owner),
            host.asn != 0 ? "ASN database" : "catalogue network", {}, !user.dedicated && !one_of_few);
        if (user.dedicated) dedicated.push_back(user.sender);
        else if (one_of_few) sharing.push_back(user.sender);
    }
}

// 1: the address's name leads back to it, 0: it does not, -1: not known.
int Gathered::confirm(const std::string& name) {
    const dns::Type type = stream.ip->is_v4() ? dns::Type::a : dns::Type::aaaa;
    const dns::Answer* answer = ask(name, type, fmt::format("{} of {}", dns::name_of(type), shown(name)));
    if (answer == nullptr) return -1;
    return std::ranges::find(answer->addresses, *stream.ip) != answer->addresses.end() ? 1 : 0;
}

void Gathered::look_at_reverse_names() {
    if (!stream.ip || out.attribution.own_network) return;
    // Without DNS nothing may depend on the address itself.
    if (knowledge.answers == nullptr) return missing(fmt::format("reverse name: {}", knowledge.no_dns));
    const dns::Answer* answer = ask(dns::reverse_name(*stream.ip), dns::Type::ptr, fmt::format("reverse name of {}", stream.ip->to_string()));
    if (answer == nullptr) return;
    std::vector<std::pair<std::string, std::optional<SuffixMatch>>> names;
    for (const std::string& text : answer->texts) {
        if (auto name = normalise_domain(text)) {
            auto match = knowledge.catalogue.match_domain(DomainList::ptr, *name);
            names.emplace_back(std::move(*name), match);
        }
    }
    std::ranges::sort(names, [](const auto& a, const auto& b) { return std::pair(!a.second, a.first) < std::pair(!b.second, b.first); });
    names.erase(std::ranges::unique(names, {}, &std::pair<std::string, std::optional<SuffixMatch>>::first).begin(), names.end());
    if (names.size() > kMaxReverseNames) names.resize(kMaxReverseNames);
    for (const auto& [name, match] : names) {
        if (!match) {
            other_names.push_back(name);
            continue;
        }
        const int confirmed = confirm(name);
        if (confirmed < 0) continue;
        std::string note;
        if (confirmed == 0) note = "the name does not lead back to the address";
        else if (sender_of(match->sender).category == SenderCategory::mailbox_provider && is_made_of(name, *stream.ip)) note = "a name made of the address: a line in the provider's network, not one of its servers";
        if (confirmed == 1 && reverse_name.empty()) reverse_name = name;
        const bool at_home = std::ranges::any_of(dedicated, [&](SenderIndex owner) { return owner == match->sender || runs_on(match->sender, owner); });
        add(at_home ? Signal::ptr_template : Signal::fcrdns_ptr, match->sender, fmt::format("{} → {}", stream.ip->to_string(), name), read_at("PTR", answer->read), std::move(note));
    }
}

void Gathered::look_at_spf_includes() {
    if (!stream.ip) return;
    std::vector<std::string_view> domains{stream.header_from};
    if (stream.spf_scope != "helo" && stream.spf_domain != stream.header_from && is_aligned(stream.spf_domain)) domains.push_back(stream.spf_domain);
    for (const std::string_view domain : domains) {
        if (knowledge.coverages == nullptr || knowledge.answers == nullptr) {
            missing(fmt::format("SPF record of {}: {}", shown(domain), knowledge.no_dns));
            continue;
        }
        const auto name = normalise_domain(domain);
        if (!name) continue;
        const SpfCoverage& coverage = knowledge.coverages->of(*name);
        if (!coverage.complete()) {
            out.incomplete = true;
            missing(fmt::format("SPF record of {}: no answer yet", *name));
            continue;
        }
        const auto answer = coverage.find(*stream.ip);
        if (answer.kind == SpfCoverageAnswer::Kind::unusable && answer.result == SpfResult::temperror) {
            missing(fmt::format("SPF record of {}: {}", *name, answer.term));
        }
        if (answer.kind == SpfCoverageAnswer::Kind::undecided) look_at_spf_path(*name);
        struct Hit {
            SenderIndex sender;
            const SpfCoverage::Included* included;
        };
        std::vector<Hit> hits;
        for (const SpfCoverage::Included& included : coverage.included()) {
            const auto match = knowledge.catalogue.match_domain(DomainList::spf_include, included.domain);
            if (match && sender_of(match->sender).sends && included.covers(*stream.ip)) hits.push_back({match->sender, &included});
        }
        for (const Hit& hit : hits) {
            // An include that covers the address only by way of another sender's speaks for that one.
            const auto inner = std::ranges::find_if(hits, [&hit](const Hit& other) {
                return other.sender != hit.sender && other.included->path.size() > hit.included->path.size() && other.included->path.starts_with(hit.included->path + " ");
            });
            const std::string note = inner == hits.end() ? "" : fmt::format("only by way of the include of {}", sender_of(inner->sender).id);
            add(Signal::spf_record_include, hit.sender, shown(hit.included->path), fmt::format("DNS TXT of {}", *name), note);
        }
    }
}

// Where terms depend on the address (a gateway's `include:%{ir}.%{v}.%{d}.spf.…`), the way by which this one passes names the sender.
void Gathered::look_at_spf_path(const std::string& domain) {
    constexpr std::string_view kArrow = " → ", kInclude = "include:";
    const SpfCheckResult tried = check_macros(domain);
    if (!tried.complete) {
        out.incomplete = true;
        return missing(fmt::format("SPF record of {}: no answer yet", domain));
    }
    if (tried.undecided || tried.result != SpfResult::pass) return;
    std::optional<SenderIndex> last;  // the innermost include that is a sender's
    for (std::string_view left = tried.path; !left.empty();) {
        const std::string_view step = left.substr(0, left.find(kArrow));
        left.remove_prefix(std::min(left.size(), step.size() + kArrow.size()));
        if (!step.starts_with(kInclude)) continue;
        const auto match = knowledge.catalogue.match_domain(DomainList::spf_include, step.substr(kInclude.size()));
        if (match && sender_of(match->sender).sends) last = match->sender;
    }
    if (last) add(Signal::spf_record_include, *last, shown(tried.path), fmt::format("DNS TXT of {}", domain));
}

// Aggregate reports tell neither local part nor HELO.
SpfCheckResult Gathered::check_macros(const std::string& domain) const {
    return check_host({.ip = *stream.ip, .domain = domain, .sender_domain = domain, .local_part_known = false, .helo_known = false}, *knowledge.answers);
}

bool Gathered::is_settled() const {
    const auto agrees = [this](SenderIndex host) {
        return std::ranges::any_of(signed_by, [&](SenderIndex s) { return s == host || runs_on(s, host) || runs_on(host, s); });
    };
    return std::ranges::any_of(dedicated, agrees) || (vendor_envelope && agrees(*vendor_envelope));
}

// Senders that run on another's platform: by the catalogue, or as this stream's keys lead.
bool Gathered::runs_on(SenderIndex product, SenderIndex carrier, unsigned depth) const {
    if (product == carrier || depth == 0) return false;
    if (std::ranges::find(runs_on_by_cname, std::pair(product, carrier)) != runs_on_by_cname.end()) return true;
    const Sender& sender = sender_of(product);
    const auto leads = [&](const std::string& id) {
        const auto next = knowledge.catalogue.find(id);
        return next && (*next == carrier || runs_on(*next, carrier, depth - 1));
    };
    return (!sender.parent.empty() && leads(sender.parent)) || std::ranges::any_of(sender.carriers, leads);
}

Identification identify(const StreamView& stream, std::string_view policy_domain, const Knowledge& knowledge) {
    Gathered all{.stream = stream, .policy_domain = policy_domain, .knowledge = knowledge};
    all.organization = organizational_domain(stream.header_from);
    all.seen.reserve(8);
    all.read_signatures();
    all.look_at_network();
    all.look_at_signatures();
    all.look_at_envelope();
    all.look_at_spf_includes();
    // A signature and a host that name the same need no reverse name; where they differ, or a key is still awaited, it is asked in a second round, as is where bounces lead.
    const bool host_known = !all.dedicated.empty() || all.vendor_envelope;
    const bool first_round_done = !all.out.incomplete;
    if (!all.is_settled() && (!host_known || first_round_done)) all.look_at_reverse_names();
    if (first_round_done && all.signed_by.empty()) all.look_at_return_path();
    all.decide();
    all.look_at_host();
    all.authorize();
    auto& evidence = all.out.attribution.evidence;
    for (Seen& s : all.seen) evidence.push_back(std::move(s.evidence));
    std::ranges::sort(evidence, [](const Evidence& a, const Evidence& b) {
        return std::tie(b.weight, a.signal, a.sender, a.value, a.origin, a.note) < std::tie(a.weight, b.signal, b.sender, b.value, b.origin, b.note);
    });
    evidence.erase(std::ranges::unique(evidence, [](const Evidence& a, const Evidence& b) {
                       return a.signal == b.signal && a.sender == b.sender && a.value == b.value && a.note == b.note;
                   }).begin(), evidence.end());
    if (evidence.size() > kMaxEvidence) evidence.resize(kMaxEvidence);
    std::ranges::sort(all.out.attribution.missing);
    return std::move(all.out);
}

bool may_name_somebody(const StreamView& stream, const Knowledge& knowledge) {
    const Catalogue& catalogue = knowledge.catalogue;
    if (stream.ip) {
        if (catalogue.network_number(*stream.ip) != 0) return true;
        if (std::ranges::any_of(knowledge.own_networks, [&](const IpPrefix& network) { return network.contains(*stream.ip); })) return true;
        if (knowledge.hosts != nullptr && !catalogue.match_asn(knowledge.hosts->find(*stream.ip).asn).empty()) return true;
    }
    if (!stream.spf_domain.empty()) {
        if (catalogue.match_domain(DomainList::envelope_domain, stream.spf_domain)) return true;
        std::vector<SenderIndex> users;
        const std::string_view label = stream.spf_domain.substr(0, stream.spf_domain.find('.'));
        if (!catalogue.is_generic_label(label)) catalogue.match_envelope_label(label, users);
        if (!users.empty()) return true;
    }
    std::vector<SelectorMatch> forms;
    for (std::string_view lines = stream.dkim; !lines.empty();) {
        const DkimLine line = take_dkim_line(lines);
        if (catalogue.match_domain(DomainList::dkim_domain, line.domain)) return true;
        if (line.result != "pass" || line.selector.empty()) continue;
        // Weak and generic forms only choose among those that something else names
        catalogue.match_selector(line.selector, forms);
        if (std::ranges::any_of(forms, [](const SelectorMatch& form) { return form.strength != Signal::selector_weak; }) && !catalogue.is_generic(line.selector)) return true;
    }
    return false;
}

}  // namespace whosent::identify
