#include "fields.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>

#include "authentication_results.hpp"
#include "values.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

template <class T>
Token<T, std::string> read_token(std::string_view text, std::size_t count, std::string_view where, const Reading& reading) {
    Token<T, std::string> token{true, std::nullopt, std::string(trim(text))};
    for (std::size_t i = 0; i < count; ++i) {
        // RFC 5965 section 7.3: the values are case-insensitive
        if (iequals(name_of(static_cast<T>(i)), token.raw)) token.value = static_cast<T>(i);
    }
    if (!token.value) reading.notes.add(Code::token_unknown, where, token.raw);
    return token;
}

template <class T>
std::optional<T> read_number(std::string_view text, std::string_view where, const Reading& reading) {
    T value{};
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec == std::errc() && read.ptr == text.data() + text.size()) return value;
    reading.notes.add(Code::number_unreadable, where, text);
    return std::nullopt;
}

// "a; b" of Netease, "a, b" of others: one value each. Without the repair it is one value.
std::vector<std::string_view> split_list(std::string_view text, std::string_view where, const Reading& reading) {
    if (text.find_first_of(";,") == std::string_view::npos || !reading.mend(ArfRepair::domain_list, Code::domain_list, where, text)) return {text};
    std::vector<std::string_view> items;
    while (!text.empty() && items.size() <= kMaxEntries) {  // one too many, so that push_entry() tells of it
        const auto end = text.find_first_of(";,");
        if (const auto item = trim(text.substr(0, end)); !item.empty()) items.push_back(item);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return items;
}

struct Context {
    ArfReport& report;
    Stated& stated;
    std::vector<std::string>& domains;    // DKIM-Domain
    std::vector<std::string>& selectors;  // DKIM-Selector, in the same order
    std::optional<Seconds>& received_date;
    std::string_view name;
    std::string value;
    const Reading& reading;

    void push(std::vector<std::string>& list, std::string text) const {
        if (!text.empty()) push_entry(list, std::move(text), name, reading);
    }
};

struct Known {
    std::string_view name;
    bool once;
    bool failure_only;
    void (*read)(Context& c);
};

void ignore(Context&) {}

constexpr std::array kKnown = {
    Known{"Feedback-Type", true, false, [](Context& c) { c.report.feedback_type = read_feedback_type(c.value, c.reading); }},
    Known{"User-Agent", true, false, [](Context& c) { c.report.user_agent = c.value; }},
    Known{"Version", true, false, [](Context& c) {
              c.report.version = c.value;
              // RFC 5965 section 3.1; "1.0" is as common, drafts had 0.1
              if (c.value != "1" && c.value != "1.0" && !c.value.empty()) c.reading.notes.add(Code::version, c.name, c.value);
          }},
    Known{"Arrival-Date", true, false, [](Context& c) { c.report.arrival_date = read_date(c.value, c.name, c.reading); }},
    Known{"Received-Date", true, false, [](Context& c) { c.received_date = read_date(c.value, c.name, c.reading); }},
    Known{"Incidents", true, false, [](Context& c) { c.report.incidents = read_number<std::uint64_t>(c.value, c.name, c.reading); }},
    Known{"Original-Mail-From", true, false, [](Context& c) {
              c.report.original_mail_from = address_of(c.value);
              c.stated.mail_from = true;
          }},
    Known{"Original-Rcpt-To", false, false, [](Context& c) { c.push(c.report.original_rcpt_to, address_of(c.value)); }},
    Known{"Original-Envelope-Id", true, false, [](Context& c) { c.report.original_envelope_id = c.value; }},
    Known{"Reporting-MTA", true, false, [](Context& c) {
              // RFC 3464 section 2.2.2: "dns; host"
              c.report.reporting_mta = trim(std::string_view(c.value).substr(c.value.find(';') + 1));
          }},
    Known{"Source-IP", true, false, [](Context& c) {
              c.report.source_ip = read_source_ip(c.value, c.name, c.reading);
              if (!c.report.source_ip) c.report.source_ip_raw = c.value;
          }},
    Known{"Source-Port", true, false, [](Context& c) { c.report.source_port = read_number<std::uint16_t>(c.value, c.name, c.reading); }},
    Known{"Reported-Domain", false, false, [](Context& c) {
              for (const auto item : split_list(c.value, c.name, c.reading)) c.push(c.report.reported_domain, domain_or_text(item, c.name, c.reading));
          }},
    Known{"Reported-URI", false, false, [](Context& c) { c.push(c.report.reported_uri, c.value); }},
    Known{"Authentication-Results", false, false, [](Context& c) { read_authentication_results(c.value, c.report.authentication_results, c.reading); }},
    Known{"Auth-Failure", true, true, [](Context& c) { c.report.auth_failure = read_token<AuthFailure>(c.value, 6, c.name, c.reading); }},
    Known{"Delivery-Result", true, false, [](Context& c) { c.report.delivery_result = read_token<DeliveryResult>(c.value, 5, c.name, c.reading); }},
    Known{"Identity-Alignment", true, true, [](Context& c) {
              // RFC 9991 section 4: a list
              std::string_view rest = c.value;
              while (!rest.empty()) {
                  const auto end = rest.find(',');
                  c.push(c.report.identity_alignment, to_lower(trim(rest.substr(0, end))));
                  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
              }
          }},
    Known{"DKIM-Domain", false, false, [](Context& c) {
              for (const auto item : split_list(c.value, c.name, c.reading)) c.push(c.domains, domain_or_text(item, c.name, c.reading));
          }},
    Known{"DKIM-Selector", false, false, [](Context& c) {
              for (const auto item : split_list(c.value, c.name, c.reading)) c.push(c.selectors, to_lower(item));
          }},
    Known{"DKIM-Identity", true, false, [](Context& c) { c.report.dkim_identity = c.value; }},
    Known{"SPF-DNS", false, true, [](Context& c) { c.push(c.report.spf_dns, c.value); }},
    Known{"Source", true, false, [](Context& c) { c.report.provider = c.value; }},
    Known{"Abuse-Type", true, false, [](Context& c) { c.stated.complaint = iequals(c.value, "complaint"); }},
    Known{"DKIM-Canonicalized-Header", false, true, ignore},
    Known{"DKIM-Canonicalized-Body", false, true, ignore},
    Known{"DKIM-Selector-DNS", false, true, ignore},
    Known{"DKIM-ADSP-DNS", false, true, ignore},
    Known{"CFBL-Feedback-ID", false, false, ignore},  // campaign_of reads it
    Known{"Feedback-ID", false, false, ignore},
    Known{"Subscription-Link", false, false, ignore},
    Known{"Redacted-Address", false, false, ignore},
    Known{"Removal-Recipient", false, false, ignore},
    Known{"Message-ID", false, false, ignore},
    Known{"MIME-Version", false, false, ignore},  // a part's header that slipped in
};

}  // namespace

Token<FeedbackType, std::string> read_feedback_type(std::string_view word, const Reading& reading) {
    return read_token<FeedbackType>(word, 7, "Feedback-Type", reading);
}

std::string domain_or_text(std::string_view text, std::string_view where, const Reading& reading) {
    if (auto domain = normalise_domain(text)) return *std::move(domain);
    reading.notes.add(Code::domain_unreadable, where, text);
    return std::string(text);
}

void add_dkim(ArfReport& report, DkimIdentity identity, const Reading& reading) {
    for (DkimIdentity& known : report.dkim) {
        if (known.domain != identity.domain) continue;
        if (known.selector.empty()) known.selector = identity.selector;
        if (identity.selector.empty() || known.selector == identity.selector) return;
    }
    const std::size_t most = reading.limits.dkim_results;
    if (report.dkim.size() >= most) return reading.notes.add(Code::too_many, "DKIM-Signature", std::to_string(most));
    report.dkim.push_back(std::move(identity));
}

Stated read_fields(const HeaderBlock& fields, ArfReport& report, const Reading& reading) {
    Stated stated;
    std::vector<std::string> domains, selectors;
    std::optional<Seconds> received_date;
    std::bitset<kKnown.size()> seen;
    for (const HeaderField& field : fields.fields()) {
        const auto known = std::ranges::find_if(kKnown, [&](const Known& k) { return iequals(k.name, field.name); });
        if (known == kKnown.end()) {
            reading.notes.add(Code::field_unknown, "feedback", field.name);
            continue;
        }
        ++stated.fields;
        const auto index = static_cast<std::size_t>(known - kKnown.begin());
        if (known->once && seen[index]) {
            reading.notes.add(Code::field_duplicate, known->name);
            continue;
        }
        std::string value = unfold(field.value, known->name, reading);
        // Yahoo sends an empty Authentication-Results; an empty envelope sender means something.
        if (value.empty() && known->name != "Original-Mail-From") continue;
        seen[index] = true;
        stated.failure_only |= known->failure_only;
        Context context{report, stated, domains, selectors, received_date, known->name, std::move(value), reading};
        known->read(context);
    }
    if (!report.arrival_date && received_date && reading.mend(ArfRepair::received_date, Code::received_date, "Arrival-Date")) {
        report.arrival_date = received_date;
    }
    for (std::size_t i = 0; i < std::max(domains.size(), selectors.size()); ++i) {
        add_dkim(report, {i < domains.size() ? domains[i] : std::string(), i < selectors.size() ? selectors[i] : std::string()}, reading);
    }
    for (std::size_t i = 0; i < 3; ++i) {  // RFC 5965 section 3.1
        if (!seen[i]) reading.notes.add(Code::field_missing, kKnown[i].name);
    }
    return stated;
}

}  // namespace whosent::parse::arf
