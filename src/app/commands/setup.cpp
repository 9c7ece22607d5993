#include "app/setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/access.hpp"
#include "app/attribution_setup.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "app/json.hpp"
#include "app/lookup.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

using Status = SetupRecord::Status;

struct Options {
    std::string domain, rua, ruf, tls_rua, policy;
    bool no_check = false;
    std::string format = "text";
};

constexpr std::chrono::seconds kDeadline{30};  // for all answers together
constexpr std::string_view kNone = "none";     // no address wanted

// An address of the configuration that takes reports, and where it stands.
struct Known {
    std::string address, from;
};

// Recipients of LMTP say what they take; the user of a mailbox is most often its address.
std::optional<Known> known_address(const Settings& settings, std::string_view kind) {
    for (const std::string_view wanted : {kind, std::string_view("any")}) {
        for (const auto& entry : settings.lmtp) {
            for (const auto& [address, takes] : entry.value.recipients) {
                if (takes == wanted && !address.starts_with('@')) return Known{address, fmt::format("a recipient of lmtp:{}", entry.value.name)};
            }
        }
    }
    for (const auto& entry : settings.imap) {
        if (mailto_uri(entry.value.user)) return Known{entry.value.user, fmt::format("the user of imap:{}", entry.value.name)};
    }
    return std::nullopt;
}

// The URIs of an option, or of the configuration; what was taken from there goes to `remarks`.
Result<std::vector<std::string>> uris(std::string_view option, const std::string& given, const Settings& settings, std::string_view kind, bool https, std::vector<std::string>& remarks) {
    if (given == kNone) return std::vector<std::string>{};
    if (given.empty()) {
        const auto known = known_address(settings, kind);
        if (!known) return std::vector<std::string>{};
        remarks.push_back(fmt::format("{} {}: {} of the configuration", option, known->address, known->from));
        return std::vector<std::string>{*mailto_uri(known->address)};
    }
    if (https && given.starts_with("https://") && given.size() > 8) {
        // RFC 8460 section 3: a comma, an exclamation point and a semicolon have to be escaped
        const bool odd = std::any_of(given.begin(), given.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7F || c == ',' || c == '!' || c == ';' || c == '"' || c == '\\'; });
        if (odd) return std::unexpected(usage_error(fmt::format("{}: the URL has characters that must be escaped", option)));
        return std::vector<std::string>{given};
    }
    const auto uri = mailto_uri(given);
    if (!uri) return std::unexpected(usage_error(fmt::format("{} {}: not an address such as reports@example.com{}", option, printable(given, 80), https ? " or an https URL" : "")));
    return std::vector<std::string>{*uri};
}

// ---- for people: a zone file, with what is said of each record in comments ----

std::string to_text(const std::vector<SetupRecord>& records, const std::vector<std::string>& remarks, bool checked) {
    std::string out;
    for (const std::string& remark : remarks) out += fmt::format("; {}\n", remark);
    for (const SetupRecord& record : records) {
        out += fmt::format("{}; {}\n", out.empty() ? "" : "\n", record.purpose);
        if (checked) out += fmt::format("; {}{}\n", name_of(record.status), record.status == Status::missing ? ": publish it" : "");
        if (record.status != Status::ok) {
            for (const std::string& text : record.found) out += fmt::format(";   is: {}\n", printable(text, 2000));
        }
        for (const std::string& change : record.changes) {
            if (checked) out += fmt::format(";   {}\n", change);
        }
        for (const std::string& remark : record.remarks) out += fmt::format(";   note: {}\n", remark);
        out += zone_line(record) + "\n";
    }
    return out;
}

std::string to_json(const std::string& domain, const std::vector<SetupRecord>& records, const std::vector<std::string>& remarks, bool checked) {
    Json json;
    json.begin_object().add("domain", domain).add("checked", checked).add("remarks", remarks).begin_list("records");
    for (const SetupRecord& record : records) {
        json.begin_object().add("name", record.name).add("type", "TXT").add("value", record.value).add("purpose", record.purpose);
        json.add("status", std::string(name_of(record.status))).add("found", record.found).add("changes", checked ? record.changes : std::vector<std::string>()).add("remarks", record.remarks);
        json.add("zone", zone_line(record)).end();
    }
    return json.end().end().take();
}

Result<Exit> run(Context& context, const Options& options) {
    SetupWish wish;
    auto domain = WHOSENT_TRY(domain_option("DOMAIN", options.domain));
    if (!domain) return std::unexpected(usage_error("DOMAIN is empty"));
    wish.domain = std::move(*domain);
    std::vector<std::string> remarks;
    wish.rua = WHOSENT_TRY(uris("--rua", options.rua, context.settings, "aggregate", false, remarks));
    wish.ruf = WHOSENT_TRY(uris("--ruf", options.ruf, context.settings, "failure", false, remarks));
    wish.tls_rua = WHOSENT_TRY(uris("--tls-rua", options.tls_rua, context.settings, "tls", true, remarks));
    if (wish.rua.empty() && options.rua != kNone) return std::unexpected(usage_error("where shall reports go? --rua ADDRESS says it; the configuration names no mailbox with an address"));
    for (const auto policy : {Policy::none, Policy::quarantine, Policy::reject}) {
        if (options.policy == name_of(policy)) wish.policy = policy;
    }

    std::vector<SetupRecord> records;
    bool checked = false, complete = true;
    if (!options.no_check) {
        if (!context.settings.dns.on) return std::unexpected(usage_error("DNS is off: --no-check prints the records without looking at what is there"));
        const auto setup = WHOSENT_TRY(set_up_attribution(context));
        Lookup lookup(setup.resolver.get(), nullptr);
        const auto work = [&](dns::Answers& answers) { records = advise(wish, &answers); };
        complete = WHOSENT_TRY(lookup.run(work, kDeadline));
        if (interrupted()) return Exit::failed;
        checked = true;
    } else {
        records = advise(wish, nullptr);
    }
    context.output.write(options.format == "json" ? to_json(wish.domain, records, remarks, checked) : to_text(records, remarks, checked));
    const bool good = std::all_of(records.begin(), records.end(), [&](const SetupRecord& record) { return !checked || record.status == Status::ok; });
    return good && complete ? Exit::done : Exit::failed;
}

}  // namespace

void add_setup(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("setup", "The DNS records that make receivers send their reports about a domain, and which of them are there");
    command.argument("DOMAIN", options->domain, "A domain that mail is sent from");
    command.option("--rua", options->rua, "ADDRESS", "Where aggregate reports go; else the configuration's mailbox for them; \"none\" leaves them out");
    command.option("--ruf", options->ruf, "ADDRESS", "Where failure reports go; likewise");
    command.option("--tls-rua", options->tls_rua, "ADDRESS|URL", "Where TLS reports go, by mail or to an https URL; likewise");
    command.choice("--policy", options->policy, {"none", "quarantine", "reject"}, "The policy to publish; else what is published, or none");
    command.flag("--no-check", options->no_check, "Only print the records: DNS is not asked");
    command.choice("--format", options->format, {"text", "json"}, "text (the default): lines of a zone file, or json: one object");
    command.dns_options();
    command.examples(
        "What is published already is kept: of a record that is there, all its tags and other addresses. Of each record it says whether it is ok,\n"
        "missing or different, and what to change. An address in the domain of another organization takes a record there (RFC 9990 section 4).\n"
        "Exit status: 0 all of them are ok, 1 not, 2 wrong usage.\n\n"
        "Examples:\n"
        "  whosent setup example.com --rua reports@example.com --tls-rua reports@example.com\n"
        "  whosent --config /etc/whosent/whosent.toml setup example.com\n"
        "  whosent setup example.com --rua dmarc@example.net --ruf none --policy quarantine --no-check");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
