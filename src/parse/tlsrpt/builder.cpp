#include "builder.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "whosent/base/text.hpp"

namespace whosent::parse::tls {
namespace {

using boost::system::error_code;

static_assert(kFields <= 32, "Frame::seen has a bit for each Field");
constexpr std::uint32_t bit(Field field) { return std::uint32_t{1} << static_cast<unsigned>(field); }

constexpr std::size_t kKeyBytes = 200;  // of a member's name; the longest known one has 30

// The object that a member stands in.
Field parent_of(Field field) {
    switch (field) {
        case Field::organization_name:
        case Field::contact_info:
        case Field::report_id:
        case Field::date_range:
        case Field::policies: return Field::document;
        case Field::start_datetime:
        case Field::end_datetime: return Field::date_range;
        case Field::policy:
        case Field::summary:
        case Field::failure_details: return Field::entry;
        case Field::policy_type:
        case Field::policy_string:
        case Field::policy_domain:
        case Field::mx_host:
        case Field::mx_host_pattern: return Field::policy;
        case Field::total_successful_session_count:
        case Field::total_failure_session_count: return Field::summary;
        case Field::result_type:
        case Field::sending_mta_ip:
        case Field::receiving_ip:
        case Field::receiving_mx_hostname:
        case Field::receiving_mx_helo:
        case Field::failed_session_count:
        case Field::additional_information:
        case Field::failure_reason_code: return Field::detail;
        default: return Field::unknown;
    }
}

Field member_of(Field object, std::string_view name) {
    for (std::size_t i = 0; i < kFields; ++i) {
        const auto field = static_cast<Field>(i);
        if (parent_of(field) == object && name_of(field) == name) return field;
    }
    return Field::unknown;
}

// A name that hardly any other JSON has.
bool is_telltale(std::string_view name) {
    if (name.find('-') == std::string_view::npos || name == "contact-info") return false;
    for (std::size_t i = 0; i < kFields; ++i) {
        if (name_of(static_cast<Field>(i)) == name) return true;
    }
    return false;
}

bool is_object(Field place) {
    return place == Field::document || place == Field::date_range || place == Field::entry || place == Field::policy || place == Field::summary ||
           place == Field::detail;
}

bool is_list(Field place) {
    return place == Field::policies || place == Field::failure_details || place == Field::policy_string || place == Field::mx_host;
}

// RFC 8460 section 4.4, but for what Microsoft and others leave out where it has no meaning. A domain is not required without a policy.
bool is_required(Field field) {
    switch (field) {
        case Field::organization_name:
        case Field::report_id:
        case Field::date_range:
        case Field::start_datetime:
        case Field::end_datetime:
        case Field::policies:
        case Field::policy:
        case Field::policy_type:
        case Field::summary:
        case Field::total_successful_session_count:
        case Field::total_failure_session_count:
        case Field::result_type:
        case Field::failed_session_count: return true;
        default: return false;
    }
}

Field item_of(Field list) {
    return list == Field::policies ? Field::entry : list == Field::failure_details ? Field::detail : list;
}

}  // namespace

Field Builder::slot() const noexcept {
    if (depth_ == 0) return Field::document;
    const Frame& top = frames_[depth_ - 1];
    return top.array ? item_of(top.place) : member_;
}

bool Builder::charge(std::size_t bytes) {
    if (used_ + bytes <= limits_.tls_report_bytes) {
        used_ += bytes;
        return true;
    }
    used_ = limits_.tls_report_bytes;
    lost_ = true;
    notes_.add(Code::limit, Field::document);
    return false;
}

// A value that is not wanted begins with a brace or bracket: only its levels are counted.
void Builder::skip(Field field, std::string_view what) {
    if (field != Field::unknown && !what.empty()) wrong_type(field, what);
    skipping_ = 1;
}

void Builder::wrong_type(Field field, std::string_view what) {
    notes_.add(Code::wrong_type, field, what);
    if (is_object(field) || field == Field::policies || field == Field::failure_details) lost_ = true;
}

void Builder::open(Field place, bool array) {
    if (place == Field::entry) {
        notes_.set_row(ordinal_);
        if (!charge(sizeof(TlsPolicy))) return skip(place, {});
        policy_ = {};
    } else if (place == Field::detail) {
        detail_ = {};
    }
    frames_[depth_++] = Frame{place, array, 0, 0};
    member_ = Field::unknown;
}

bool Builder::on_object_begin(error_code&) {
    if (skipping_ > 0) return ++skipping_ > 0;
    Field place = slot();
    if ((place == Field::policies || place == Field::failure_details) && reading_.mend(TlsRepair::bare_object, Code::bare_object, place)) {
        place = item_of(place);
    }
    if (is_object(place)) {
        open(place, false);
    } else {
        skip(place, "an object");
    }
    return true;
}

bool Builder::on_array_begin(error_code&) {
    if (skipping_ > 0) return ++skipping_ > 0;
    const Field place = slot();
    if (depth_ > 0 && !frames_[depth_ - 1].array && is_list(place)) {
        open(place, true);
    } else {
        skip(place, "an array");
    }
    return true;
}

bool Builder::on_object_end(std::size_t, error_code&) {
    if (skipping_ > 0) {
        --skipping_;
    } else {
        close();
    }
    return true;
}

bool Builder::on_array_end(std::size_t size, error_code& error) { return on_object_end(size, error); }

void Builder::check_members(const Frame& frame) {
    for (std::size_t i = 0; i < kFields; ++i) {
        const auto field = static_cast<Field>(i);
        if (parent_of(field) == frame.place && is_required(field) && (frame.seen & bit(field)) == 0) notes_.add(Code::missing_required, field);
    }
}

// The open object or array is complete.
void Builder::close() {
    const Frame frame = frames_[--depth_];
    member_ = Field::unknown;
    if (frame.array) return;
    if (depth_ > 0) frames_[depth_ - 1].complete |= bit(frame.place);
    if (frame.place != Field::document) check_members(frame);
    switch (frame.place) {
        case Field::policy: {
            // Google and others leave the domain out where there is no policy.
            const bool none = policy_.policy_type.value == TlsPolicyType::no_policy_found;
            if (policy_.policy_domain.empty()) notes_.add(none ? Code::missing : Code::missing_required, Field::policy_domain);
            break;
        }
        case Field::detail:
            if ((frame.seen & bit(Field::sending_mta_ip)) == 0) notes_.add(Code::missing, Field::sending_mta_ip);
            if (charge(sizeof(TlsFailureDetails))) policy_.failure_details.push_back(std::move(detail_));
            break;
        case Field::entry:
            report_.policies.push_back(std::move(policy_));
            ++ordinal_;
            notes_.clear_row();
            break;
        default: break;
    }
}

void Builder::salvage() {
    for (std::size_t i = 0; i < depth_; ++i) {
        if (frames_[i].place != Field::entry || frames_[i].array) continue;
        lost_ = true;
        constexpr std::uint32_t kNeeded = bit(Field::policy) | bit(Field::summary);
        if ((frames_[i].complete & kNeeded) == kNeeded) {
            notes_.add(Code::policy_cut, Field::entry, fmt::format("{}", policy_.failure_details.size()));
            report_.policies.push_back(std::move(policy_));
        } else {
            notes_.add(Code::policy_lost, Field::entry);
        }
        ++ordinal_;
        break;
    }
    notes_.clear_row();
}

void Builder::check_report() {
    notes_.clear_row();
    const Frame& document = frames_[0];  // as it was left, closed or cut
    check_members(document);
    if ((document.seen & bit(Field::contact_info)) == 0) notes_.add(Code::missing, Field::contact_info);
    if (ordinal_ == 0 && !lost_ && (document.seen & bit(Field::policies)) != 0) notes_.add(Code::no_policies, Field::policies);
    if (report_.start_datetime && report_.end_datetime) {
        if (*report_.start_datetime > *report_.end_datetime) notes_.add(Code::date_range_reversed, Field::date_range);
        // RFC 8460 section 4.1: a day; some send a week
        if (*report_.end_datetime - *report_.start_datetime > 7 * kSecondsPerDay) notes_.add(Code::date_range_long, Field::date_range);
    }
}

bool Builder::on_key_part(std::string_view part, std::size_t, error_code&) {
    key_ += part.substr(0, kKeyBytes - std::min(kKeyBytes, key_.size()));
    return true;
}

bool Builder::on_key(std::string_view part, std::size_t size, error_code& error) {
    on_key_part(part, size, error);
    if (!telltale_ && is_telltale(key_)) telltale_ = true;
    if (skipping_ == 0) named(key_);
    key_.clear();
    return true;
}

void Builder::named(std::string_view name) {
    Frame& object = frames_[depth_ - 1];
    member_ = member_of(object.place, name);
    if (member_ == Field::mx_host_pattern) {
        member_ = reading_.mend(TlsRepair::mx_host_pattern, Code::mx_host_pattern, Field::mx_host_pattern) ? Field::mx_host : Field::unknown;
    }
    if (member_ == Field::unknown) {
        notes_.add(Code::unknown_member, object.place, name);
        return;
    }
    if ((object.seen & bit(member_)) != 0) {
        notes_.add(is_list(member_) ? Code::duplicate_list : Code::duplicate, member_);
        if (!is_list(member_)) member_ = Field::unknown;
        return;
    }
    object.seen |= bit(member_);
}

void Builder::gather(std::string_view part) {
    if (skipping_ > 0 || slot() == Field::unknown) return;
    const std::size_t room = limits_.value_bytes - std::min(limits_.value_bytes, text_.size());
    if (part.size() > room) text_long_ = true;
    text_ += part.substr(0, room);
}

bool Builder::on_string_part(std::string_view part, std::size_t, error_code&) {
    gather(part);
    return true;
}
bool Builder::on_string(std::string_view part, std::size_t, error_code&) {
    gather(part);
    scalar(true);
    return true;
}
bool Builder::on_number_part(std::string_view part, error_code&) {
    gather(part);
    return true;
}
// The text of a number is read, never the converted value: a double would not be what stood there.
bool Builder::on_int64(std::int64_t, std::string_view part, error_code&) {
    gather(part);
    scalar(false);
    return true;
}
bool Builder::on_uint64(std::uint64_t, std::string_view part, error_code& error) { return on_int64(0, part, error); }
bool Builder::on_double(double, std::string_view part, error_code& error) { return on_int64(0, part, error); }

bool Builder::on_bool(bool truth, error_code&) {
    if (skipping_ == 0 && depth_ > 0 && slot() != Field::unknown) wrong_type(slot(), truth ? "true" : "false");
    return true;
}
bool Builder::on_null(error_code&) {
    if (skipping_ == 0 && depth_ > 0 && slot() != Field::unknown) notes_.add(is_required(slot()) ? Code::missing_required : Code::null, slot());
    return true;
}

// The text of a value: at most value_bytes, UTF-8.
std::string Builder::decoded(Field field) {
    if (text_long_) {
        notes_.add(Code::value_long, field);
        // A character that the cut goes through is left out; longer ones than 4 bytes there are not.
        for (std::size_t left_out = 0; left_out < 4 && left_out <= text_.size(); ++left_out) {
            if (!is_utf8(std::string_view(text_).substr(0, text_.size() - left_out))) continue;
            text_.resize(text_.size() - left_out);
            break;
        }
    }
    std::string text = std::move(text_);
    text_.clear();
    text_long_ = false;
    if (is_utf8(text)) return text;
    notes_.add(Code::windows1252, Field::document);
    return utf8_or_windows1252(text);
}

void Builder::scalar(bool is_string) {
    const Field field = slot();
    if (skipping_ > 0 || depth_ == 0 || field == Field::unknown) return;
    const std::string text = decoded(field);
    std::string_view trimmed = trim(text);
    if (trimmed.size() != text.size() && !reading_.mend(TlsRepair::whitespace, Code::whitespace, field, text)) trimmed = text;
    if (trimmed.empty()) {
        notes_.add(is_required(field) ? Code::missing_required : Code::empty, field);
        return;
    }
    value(field, trimmed, is_string);
}

void Builder::value(Field field, std::string_view text, bool is_string) {
    const bool date = field == Field::start_datetime || field == Field::end_datetime;
    const bool count = field == Field::total_successful_session_count || field == Field::total_failure_session_count || field == Field::failed_session_count;
    if (is_object(field) || field == Field::policies || field == Field::failure_details) {
        return wrong_type(field, is_string ? "a string" : "a number");
    }
    if (!is_string && !date && !count && !reading_.mend(TlsRepair::number_for_text, Code::number_for_text, field, text)) {
        return wrong_type(field, "a number");
    }
    switch (field) {
        case Field::organization_name: return keep(report_.organization_name, text);
        case Field::contact_info: return keep(report_.contact_info, text);
        case Field::report_id: return keep(report_.report_id, text);
        case Field::start_datetime: report_.start_datetime = read_date(text, field, reading_); return;
        case Field::end_datetime: report_.end_datetime = read_date(text, field, reading_); return;
        case Field::policy_type:
            policy_.policy_type.present = true;
            policy_.policy_type.value = read_policy_type(text, reading_);
            return keep(policy_.policy_type.raw, text);
        case Field::policy_string: return add(field, policy_.policy_string, text);
        case Field::policy_domain: return keep(policy_.policy_domain, text);
        case Field::mx_host: return add(field, policy_.mx_host, text);
        case Field::total_successful_session_count: policy_.total_successful_session_count = read_count(text, is_string, field, reading_); return;
        case Field::total_failure_session_count: policy_.total_failure_session_count = read_count(text, is_string, field, reading_); return;
        case Field::result_type:
            detail_.result_type.present = true;
            detail_.result_type.value = read_result_type(text, reading_);
            return keep(detail_.result_type.raw, text);
        case Field::sending_mta_ip: return address(field, detail_.sending_mta_ip, detail_.sending_mta_ip_raw, text);
        case Field::receiving_ip: return address(field, detail_.receiving_ip, detail_.receiving_ip_raw, text);
        case Field::receiving_mx_hostname: return keep(detail_.receiving_mx_hostname, text);
        case Field::receiving_mx_helo: return keep(detail_.receiving_mx_helo, text);
        case Field::failed_session_count: detail_.failed_session_count = read_count(text, is_string, field, reading_); return;
        case Field::additional_information: return keep(detail_.additional_information, text);
        case Field::failure_reason_code: return keep(detail_.failure_reason_code, text);
        default: return;
    }
}

void Builder::keep(std::string& into, std::string_view text) {
    if (charge(text.size())) into = text;
}

void Builder::add(Field field, std::vector<std::string>& into, std::string_view text) {
    const bool bare = !frames_[depth_ - 1].array;
    if (bare && !reading_.mend(TlsRepair::string_for_array, Code::string_for_array, field)) return wrong_type(field, "a string");
    if (charge(sizeof(std::string) + text.size())) into.emplace_back(text);
}

void Builder::address(Field field, std::optional<IpAddress>& into, std::string& raw, std::string_view text) {
    into = read_ip(text, field, reading_);
    if (!into) keep(raw, text);
}

}  // namespace whosent::parse::tls
