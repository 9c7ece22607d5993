#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include "app/access.hpp"
#include "app/attribution_setup.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/json.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

using identify::Catalogue;
using identify::DomainList;

constexpr std::size_t kMostBytes = 64u << 20;  // of a catalogue's file; the embedded one has 1 MB
constexpr std::size_t kRemarksShown = 20;

// ---- check ----

struct CheckOptions {
    std::string file;
    std::string format = "text";
};

Result<std::string> read_file(const std::string& path) {
    const auto failed = [&](ErrorCode code, std::string message) {
        return std::unexpected(Error{.code = code, .stage = Stage::app, .where = path, .message = std::move(message)});
    };
    std::ifstream file(path, std::ios::binary);
    if (!file) return failed(ErrorCode::io, "cannot be opened");
    std::string text;
    std::array<char, 65536> buffer;
    while (file.read(buffer.data(), buffer.size()), file.gcount() > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(file.gcount()));
        if (text.size() > kMostBytes) return failed(ErrorCode::limit, fmt::format("is larger than {}, which no catalogue is", human_bytes(kMostBytes)));
    }
    if (file.bad()) return failed(ErrorCode::io, "cannot be read");
    return text;
}

Counts by_category(const Catalogue& catalogue) {
    std::map<SenderCategory, std::int64_t> counts;
    for (const auto& sender : catalogue.senders()) ++counts[sender.category];
    Counts out;
    for (const auto& [category, count] : counts) out.emplace_back(name_of(category), count);
    return out;
}

Result<Exit> check(Context& context, const CheckOptions& options) {
    const bool json = options.format == "json";
    const auto text = read_file(options.file);
    const auto catalogue = text ? Catalogue::parse(*text, options.file) : Result<std::shared_ptr<const Catalogue>>(std::unexpected(text.error()));
    if (!catalogue) {
        if (json) {
            context.output.write(
                Json().begin_object().add("file", options.file).add("valid", false).add("error", to_string(catalogue.error())).end().take());
        } else {
            complain(to_string(catalogue.error()));
        }
        return Exit::failed;
    }
    const auto remarks = (*catalogue)->remarks();
    const auto senders = static_cast<std::int64_t>((*catalogue)->senders().size());
    if (json) {
        context.output.write(Json()
                                 .begin_object()
                                 .add("file", options.file)
                                 .add("valid", true)
                                 .add("version", to_hex((*catalogue)->version()))
                                 .add("senders", senders)
                                 .add("categories", by_category(**catalogue))
                                 .add("remarks", std::vector<std::string>(remarks.begin(), remarks.end()))
                                 .end()
                                 .take());
        return Exit::done;
    }
    std::string out = fmt::format("{}: {}\n", printable(options.file, 1000), counted(static_cast<std::uint64_t>(senders), "sender"));
    for (const auto& [category, count] : by_category(**catalogue)) out += fmt::format("  {:<20} {:>6}\n", category, count);
    if (!remarks.empty()) out += fmt::format("{} (what is told but decides nothing):\n", counted(remarks.size(), "remark"));
    for (std::size_t i = 0; i < std::min(remarks.size(), kRemarksShown); ++i) out += fmt::format("  {}\n", printable(remarks[i], 500));
    if (remarks.size() > kRemarksShown) out += fmt::format("  … and {} more; --format json has them all\n", grouped(remarks.size() - kRemarksShown));
    context.output.write(out);
    return Exit::done;
}

// ---- match ----

struct MatchOptions {
    std::vector<std::string> ips, dkim, spf, hosts;
    Format format = Format::table;
};

const std::vector<Column> kMatchColumns = {
    {"input", "INPUT", true},
    {"list", "LIST"},
    {"matched", "MATCHED", true, 3},
    {"sender", "SENDER", true},
    {"sender_name", "NAME", true, 4},
    {"signal", "SIGNAL", false, 5},
    {"weight", "WEIGHT"},
    {"note", "NOTE", true, 2},
};

struct Matcher {
    const Catalogue& catalogue;
    Listing& listing;

    void add(const std::string& input, std::string_view list, std::string_view matched, identify::SenderIndex sender, std::optional<Signal> signal, std::string note = {}) {
        const identify::Sender& found = catalogue.senders()[sender];
        listing.add({input, std::string(list), known(matched), found.id, found.name, signal ? Cell(std::string(name_of(*signal))) : Cell(),
                     signal ? Cell(fmt::format("{:.2f}", catalogue.weight(*signal))) : Cell(), known(note)});
    }
    bool domain(const std::string& input, DomainList list, std::string_view name, std::string_view domain, std::optional<Signal> signal, std::string note = {}) {
        const auto found = catalogue.match_domain(list, domain);
        if (found) add(input, name, found->suffix, found->sender, signal, std::move(note));
        return found.has_value();
    }
    void nothing(const std::string& input) { listing.add({input, Cell(), Cell(), Cell(), Cell(), Cell(), Cell(), std::string("nothing in the catalogue")}); }

    void ip(const IpAddress& address) {
        const auto found = catalogue.match_network(address);
        if (!found) return nothing(address.to_string());
        std::string note(found->owner);
        if (found->asn != 0) note = fmt::format("AS{}{}{}", found->asn, note.empty() ? "" : " ", note);
        add(address.to_string(), "network", found->dedicated ? "dedicated" : "shared", found->sender, found->dedicated ? Signal::asn_dedicated : Signal::asn_shared, std::move(note));
    }
    void dkim(const std::string& input, std::string_view domain_name, std::string_view selector) {
        bool any = domain(input, DomainList::dkim_domain, "dkim-domain", domain_name, Signal::dkim_vendor_domain_pass, "where the signature passes");
        std::vector<identify::SelectorMatch> selectors;
        if (!selector.empty()) catalogue.match_selector(selector, selectors);
        for (const auto& match : selectors) {
            add(input, "dkim-selector", selector, match.sender, match.strength, match.strength == Signal::selector_weak ? "decides nothing alone" : "where the signature passes");
        }
        any = any || !selectors.empty();
        if (!any) nothing(input);
    }
    void spf(const std::string& domain_name) {
        bool any = domain(domain_name, DomainList::envelope_domain, "envelope-domain", domain_name, Signal::spf_vendor_envelope_pass, "where SPF passes");
        std::vector<identify::SenderIndex> labels;
        const std::string_view label = std::string_view(domain_name).substr(0, domain_name.find('.'));
        catalogue.match_envelope_label(label, labels);
        for (const auto sender : labels) add(domain_name, "envelope-label", label, sender, Signal::envelope_label);
        any = any || !labels.empty();
        any = domain(domain_name, DomainList::spf_include, "spf-include", domain_name, Signal::spf_record_include, "as the target of an include") || any;
        if (!any) nothing(domain_name);
    }
    void host(const std::string& name) {
        bool any = domain(name, DomainList::ptr, "ptr", name, Signal::fcrdns_ptr, "as a confirmed reverse name");
        any = domain(name, DomainList::dkim_cname_target, "dkim-cname-target", name, Signal::dkim_selector_cname, "as the target of a selector's CNAME") || any;
        any = domain(name, DomainList::return_path_target, "return-path-target", name, Signal::return_path_cname, "as the target of the MAIL FROM domain's CNAME") || any;
        any = domain(name, DomainList::mx, "mx", name, std::nullopt, "as a mail exchanger") || any;
        if (!any) nothing(name);
    }
};

Result<std::string> domain_of(std::string_view option, std::string_view text) {
    auto domain = normalise_domain(text);
    if (!domain) return std::unexpected(usage_error(fmt::format("{} {}: not a domain name", option, text)));
    return std::move(*domain);
}

Result<Exit> match(Context& context, const MatchOptions& options) {
    if (options.ips.empty() && options.dkim.empty() && options.spf.empty() && options.hosts.empty()) {
        return std::unexpected(usage_error("give at least one of --ip, --dkim, --spf, --host"));
    }
    std::vector<IpAddress> ips;
    for (const auto& text : options.ips) {
        const auto ip = IpAddress::parse(text);
        if (!ip) return std::unexpected(usage_error(fmt::format("--ip {}: not an IP address", text)));
        ips.push_back(*ip);
    }
    std::vector<std::array<std::string, 2>> dkim;
    for (const auto& text : options.dkim) {
        const std::size_t slash = text.find('/');
        dkim.push_back({WHOSENT_TRY(domain_of("--dkim", std::string_view(text).substr(0, slash))), slash == std::string::npos ? std::string() : to_lower(text.substr(slash + 1))});
    }
    std::vector<std::string> spf, hosts;
    for (const auto& text : options.spf) spf.push_back(WHOSENT_TRY(domain_of("--spf", text)));
    for (const auto& text : options.hosts) hosts.push_back(WHOSENT_TRY(domain_of("--host", text)));

    const auto catalogue = WHOSENT_TRY(load_catalogue(context.settings));
    Listing listing(context.output, options.format, kMatchColumns);
    Matcher matcher{*catalogue, listing};
    for (const auto& ip : ips) matcher.ip(ip);
    for (const auto& [domain, selector] : dkim) matcher.dkim(selector.empty() ? domain : dkim_text(domain, selector, {}), domain, selector);
    for (const auto& domain : spf) matcher.spf(domain);
    for (const auto& host : hosts) matcher.host(host);
    listing.end();
    return Exit::done;
}

// ---- list ----

struct ListOptions {
    std::string category;
    Format format = Format::table;
};

constexpr SenderCategory kCategories[] = {SenderCategory::transactional,    SenderCategory::marketing, SenderCategory::crm_helpdesk_saas,
                                          SenderCategory::mailbox_provider, SenderCategory::gateway,   SenderCategory::forwarder_list,
                                          SenderCategory::custom};

Result<Exit> list(Context& context, const ListOptions& options) {
    const auto catalogue = WHOSENT_TRY(load_catalogue(context.settings));
    std::vector<const identify::Sender*> senders;
    for (const auto& sender : catalogue->senders()) {
        if (options.category.empty() || name_of(sender.category) == options.category) senders.push_back(&sender);
    }
    std::sort(senders.begin(), senders.end(), [](const auto* a, const auto* b) { return a->id < b->id; });
    Listing listing(context.output, options.format,
                    {{"id", "SENDER"}, {"name", "NAME", true}, {"category", "CATEGORY"}, {"parent", "PARENT", false, 2}, {"carriers", "RUNS ON", true, 1}, {"forwards", ""}, {"website", "WEBSITE", true, 3}, {"notes", ""}});
    for (const auto* sender : senders) {
        listing.add({sender->id, sender->name, std::string(name_of(sender->category)), known(sender->parent), sender->carriers, sender->forwards, known(sender->website), known(sender->notes)});
    }
    listing.end("No sender of that category.");
    return Exit::done;
}

}  // namespace

void add_catalogue(CommandLine& line) {
    auto command = line.command("catalogue", "The senders that whosent knows, and what it knows them by");

    auto listed = std::make_shared<ListOptions>();
    auto list_command = command.command("list", "The senders: the ids that `approve`, `revoke` and `sources --sender` take");
    std::vector<std::string> categories;
    for (const auto category : kCategories) categories.emplace_back(name_of(category));
    list_command.choice("--category", listed->category, categories, "Only of this category");
    list_command.format(listed->format);
    list_command.action([listed](Context& context) { return list(context, *listed); });

    auto matched = std::make_shared<MatchOptions>();
    auto match_command = command.command("match", "What the catalogue alone says of an address, a signature, a MAIL FROM domain or a host, without DNS");
    match_command.options("--ip", matched->ips, "IP", "A source address");
    match_command.options("--dkim", matched->dkim, "DOMAIN/SELECTOR", "d= and s= of a signature; the selector may be left out");
    match_command.options("--spf", matched->spf, "DOMAIN", "A MAIL FROM domain, or the target of an include");
    match_command.options("--host", matched->hosts, "NAME", "A reverse name, or the target of a CNAME or MX record");
    match_command.format(matched->format);
    match_command.examples(
        "Each option may be given several times. WEIGHT is what a signal counts (0 to 1) where it counts at all: `whosent explain` shows how they\n"
        "add up for a source that reports tell of. A weak selector (k1, s1, ...) decides nothing alone: several senders use it.\n\n"
        "Examples:\n"
        "  whosent catalogue match --ip 192.0.2.1 --dkim example.com/k1 --spf bounce.example.com\n"
        "  whosent catalogue match --host o1.ptr1234.mailer.example --format json");
    match_command.action([matched](Context& context) { return match(context, *matched); });

    auto checked = std::make_shared<CheckOptions>();
    auto check_command = command.command("check", "Reads a catalogue of your own, and says what is wrong with it");
    check_command.argument("FILE", checked->file, "JSON of the form of schemas/senders.schema.json");
    check_command.choice("--format", checked->format, {"text", "json"}, "text (the default), or json: one object");
    check_command.examples(
        "Exit status 0: it can be used ([attribution] catalogue in the configuration, see `whosent config show`). 1: it cannot; the place and the\n"
        "reason are told. Remarks are values that count for nothing, such as those that are only remembered (basis memory).\n\n"
        "Example:\n"
        "  whosent catalogue check my-senders.json");
    check_command.action([checked](Context& context) { return check(context, *checked); });
}

}  // namespace whosent::app
