#include "record.hpp"

#include <fmt/format.h>

#include "whosent/base/text.hpp"

namespace whosent::identify {

std::string_view name_of(SpfResult result) noexcept {
    switch (result) {
        case SpfResult::none: return "none";
        case SpfResult::neutral: return "neutral";
        case SpfResult::pass: return "pass";
        case SpfResult::fail: return "fail";
        case SpfResult::softfail: return "softfail";
        case SpfResult::temperror: return "temperror";
        case SpfResult::permerror: return "permerror";
    }
    return "";
}

namespace spf {

Outcome outcome_of(char qualifier) noexcept {
    switch (qualifier) {
        case '-': return Outcome::fail;
        case '~': return Outcome::softfail;
        case '?': return Outcome::neutral;
        default: return Outcome::pass;
    }
}

Reading read_record(std::string_view domain, dns::Answers& answers) {
    Reading reading;
    if (!is_checkable(domain)) {
        reading.outcome = Outcome::none;
        reading.problem = "no domain that can have a record";
        return reading;
    }
    const dns::Answer* answer = answers.find(domain, dns::Type::txt);
    if (answer == nullptr) return reading;
    reading.read = answer->read;
    if (answer->status == dns::Status::failed) {
        reading.outcome = Outcome::temperror;
        reading.problem = no_answer(*answer);
        return reading;
    }
    // Section 4.5: those that do not begin with the version are discarded; more than one that is left is a permerror.
    const std::string* found = nullptr;
    unsigned count = 0;
    for (const std::string& text : answer->texts) {
        if (answer->status != dns::Status::found || !dns::is_spf_record(text)) continue;
        if (count++ == 0) found = &text;
    }
    if (count != 1) {
        reading.outcome = count == 0 ? Outcome::none : Outcome::permerror;
        reading.problem = count == 0   ? answer->status == dns::Status::no_name ? "no SPF record: no such name" : "no SPF record"
                          : count == 2 ? "two SPF records"
                                       : fmt::format("{} SPF records", count);
        return reading;
    }
    reading.text = *found;
    auto record = dns::parse_spf(*found);
    if (!record) {
        reading.outcome = Outcome::permerror;
        reading.problem = fmt::format("`{}`: {}", record.error().term, record.error().problem);
        return reading;
    }
    reading.outcome = Outcome::open;
    reading.record = std::move(*record);
    return reading;
}

std::string trouble_with(const Reading& reading, std::string_view domain, unsigned depth) {
    // An answer's failure names its question
    return depth == 0 || reading.problem.empty() || reading.outcome == Outcome::temperror ? reading.problem : fmt::format("{}: {}", shown(domain), reading.problem);
}

std::string plain_name(std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    return to_lower(name);
}

bool is_checkable(std::string_view domain) noexcept { return domain.find('.') != std::string_view::npos && dns::is_askable(domain); }

std::string static_target(std::string_view spec, std::string_view domain) {
    if (spec.empty()) return std::string(domain);
    const auto target = dns::expand_spf_macros(spec, {.domain = domain});
    return target ? to_lower(*target) : std::string();
}

bool is_void(const dns::Answer& answer) noexcept { return answer.status == dns::Status::no_name || answer.status == dns::Status::no_data; }

std::string too_many_lookups(std::string_view term, const SpfLimits& limits) {
    return fmt::format("`{}` is look-up number {}, {} are allowed", shown(term), limits.lookups + 1, limits.lookups);
}

std::string too_many_voids(std::string_view term, const SpfLimits& limits) {
    return fmt::format("`{}` is look-up number {} that finds nothing, {} are allowed", shown(term), limits.void_lookups + 1, limits.void_lookups);
}

std::string too_many_names(std::string_view term, std::size_t names, const SpfLimits& limits) {
    return fmt::format("`{}` has {} mail servers, {} are allowed", shown(term), names, limits.names_per_mx);
}

std::string no_answer(const dns::Answer& answer) {
    return fmt::format("{} of {}: {}", dns::name_of(answer.question.type), shown(answer.question.name), answer.problem.empty() ? "no answer" : shown(answer.problem));
}

std::string depends(std::string_view term, std::string_view domain) {
    return fmt::format("`{}` of {} depends on the address or the mail", shown(term), shown(domain));
}

std::string shown(std::string_view text) { return printable(text, 200); }

}  // namespace spf
}  // namespace whosent::identify
