#include "convert.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "convert_walk.hpp"
#include "scan.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse {
namespace {

constexpr std::size_t kBlock = 64;       // bytes looked at together; the scratch buffer has as much room after the section
constexpr std::size_t kNameBytes = 100;  // of an unknown element's name in a path; the standard's longest is 18
constexpr std::size_t kExtensions = 1000;     // unknown elements kept of one record, and of one report besides
constexpr std::size_t kExtensionPath = 256;   // bytes of a path
constexpr unsigned kFlags = pugi::parse_escapes | pugi::parse_cdata | pugi::parse_embed_pcdata;

// True where a byte is not ASCII, one of & and = (of attributes), or a control character other than tab and line ends.
bool is_odd(const char* bytes, std::size_t size) noexcept {
    for (std::size_t at = 0; at < size; at += kBlock) {
        unsigned char odd = 0;
        for (std::size_t i = 0; i < kBlock; ++i) {
            const auto c = static_cast<unsigned char>(bytes[at + i]);
            odd |= static_cast<unsigned char>((c >= 0x80) | (c == '&') | (c == '=') | ((c < 0x20) & (c != '\n') & (c != '\r') & (c != '\t')));
        }
        if (odd != 0) return true;
    }
    return false;
}

bool is_infrastructure(std::string_view attribute_name) noexcept {
    return attribute_name == "lang" || attribute_name.starts_with("xml") || attribute_name.starts_with("xsi:");
}

}  // namespace

std::string joined(std::string_view path, char separator, std::string_view name) {
    std::string result;
    result.reserve(path.size() + 1 + name.size());
    result.append(path.substr(0, kExtensionPath));
    if (!path.empty()) result += separator;
    result.append(name.substr(0, kNameBytes));
    return result;
}

void Converter::start(std::string_view legacy_encoding) {
    legacy_encoding_ = legacy_encoding;
    texts_.clear();
}

Converter::Loaded Converter::load(std::string_view section, Field field) {
    if (scratch_.size() < section.size() + 2 * kBlock) scratch_.resize(section.size() + 2 * kBlock);
    std::memcpy(scratch_.data(), section.data(), section.size());
    std::memset(scratch_.data() + section.size(), ' ', kBlock);
    not_utf8_ = has_attributes_ = is_plain_ = false;
    odd_.clear();
    if (!texts_.empty()) texts_.clear();
    if (is_odd(scratch_.data(), section.size()) && !prepare_odd(section.size())) return Loaded::no;
    const auto parsed = document_.load_buffer_inplace(scratch_.data(), section.size(), kFlags, pugi::encoding_utf8);
    if (!parsed) return Loaded::malformed;
    // Not before: what is malformed comes again, mended.
    for (const Code code : odd_) notes_.add(code, field);
    return Loaded::yes;
}

std::size_t Converter::load_plain(std::string_view text, std::string_view open) {
    if (limits_.xml_nodes < PlainTree::kNodes || limits_.xml_depth < PlainTree::kDepth) return 0;
    const std::size_t length = plain_.read(text, open);
    if (length == 0 || length > limits_.xml_section_bytes) return 0;
    if (!texts_.empty()) texts_.clear();
    not_utf8_ = has_attributes_ = false;
    is_plain_ = true;
    return length;
}

// pugixml takes 64 bytes of memory a node and more time the more there are. A section too short to hold too many is not looked at.
std::string_view Converter::beyond_limits(std::string_view section) const {
    if (section.size() > limits_.xml_section_bytes) return "the element is longer than the limit xml_section_bytes";
    constexpr std::size_t kShortestNode = 3;  // bytes of <a>
    if (section.size() / kShortestNode <= limits_.xml_nodes) return {};
    if (static_cast<std::size_t>(std::ranges::count(section, '<')) <= limits_.xml_nodes) return {};
    return "the element holds more elements than the limit xml_nodes";
}

bool Converter::prepare_odd(std::size_t size) {
    const auto mend = [&](Repair repair, Code code) {
        if (switched_off_.contains(repair)) return false;
        odd_.push_back(code);
        return true;
    };
    char* const begin = scratch_.data();
    const std::string_view section(begin, size);
    bool high = false;
    std::size_t literal_end = 0;  // of a CDATA section or comment, in which & stands for itself
    for (std::size_t i = 0; i < size; ++i) {
        const auto c = static_cast<unsigned char>(begin[i]);
        high = high || c >= 0x80;
        has_attributes_ = has_attributes_ || c == '=';
        const bool control = c < 0x20 && !is_space(begin[i]);
        if (control) {
            if (!mend(Repair::control_character, Code::control_character)) return false;
            begin[i] = ' ';
        }
        if (c == '<' && i >= literal_end && section.substr(i).starts_with("<!")) {
            const std::string_view end = section.substr(i).starts_with("<!--") ? "-->" : "]]>";
            literal_end = std::min(section.find(end, i), size);
        }
        if (c != '&' || i < literal_end || entity_length(section, i) > 0) continue;
        // A reference to a character that XML does not allow, such as &#0;, would end the value early.
        const auto end = section.substr(i, 12).find(';');
        if (end != std::string_view::npos && section.substr(i, 2) == "&#") {
            if (!mend(Repair::control_character, Code::control_character)) return false;
            std::memset(begin + i, ' ', end + 1);
        } else if (!mend(Repair::raw_ampersand, Code::raw_ampersand)) {
            return false;  // pugixml itself leaves it as it is
        }
    }
    if (!high) return true;
    if (!legacy_encoding_.empty()) {
        if (switched_off_.contains(Repair::declared_encoding)) return false;
        not_utf8_ = true;
    } else if (!is_utf8(section)) {
        if (!mend(Repair::windows1252, Code::windows1252)) return false;
        not_utf8_ = true;
    }
    return true;
}

std::string_view Converter::keep_text(std::string value) { return texts_.emplace_back(std::move(value)); }

// Text as read, with the oddities that need a look at its bytes mended.
std::string_view Converter::odd_value(std::string_view value, Field field) {
    if (not_utf8_) {
        const bool high = std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
        if (high && !legacy_encoding_.empty()) {
            std::string decoded;
            for (const char c : value) decoded += utf8_or_windows1252(std::string_view(&c, 1));
            notes_.add(Code::declared_encoding, field, legacy_encoding_);
            value = keep_text(std::move(decoded));
        } else if (high && !is_utf8(value)) {
            value = keep_text(utf8_or_windows1252(value));
        }
    }
    if (value.size() > limits_.value_bytes) {
        notes_.add(Code::value_long, field);
        std::size_t end = limits_.value_bytes;
        while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;  // not within a UTF-8 sequence
        value = value.substr(0, end);
    }
    return value;
}

std::string_view Converter::clean(std::string_view value, Field field) {
    if (value.empty()) return value;
    if ((is_space(value.front()) || is_space(value.back())) && !switched_off_.contains(Repair::whitespace)) {
        value = trim(value);
        notes_.add(Code::whitespace, field, value);
    }
    if (not_utf8_ || value.size() > limits_.value_bytes) return odd_value(value, field);
    return value;
}

void Converter::time(std::optional<Seconds>& into, bool& seen, XmlNode node, Field field) {
    const std::string_view value = text(node, field);
    if (seen) {
        notes_.add(Code::duplicate, field, value);
        return;
    }
    seen = !value.empty();
    into = read_time(value, field, reading_);
}

void Converter::metadata(AggregateReport& report) {
    report_ = &report;
    record_ = nullptr;
    bool begin_seen = false, end_seen = false;
    each(XmlNode(document_.first_child()), Field::report_metadata, [&](const char* name, XmlNode child) {
        if (is(name, "org_name")) return text(report.org_name, child, Field::org_name), true;
        if (is(name, "email")) return text(report.email, child, Field::email), true;
        if (is(name, "extra_contact_info")) return text(report.extra_contact_info, child, Field::extra_contact_info), true;
        if (is(name, "report_id")) return text(report.report_id, child, Field::report_id), true;
        if (is(name, "generator")) return text(report.generator, child, Field::generator), true;
        if (is(name, "error")) {
            if (const auto value = text(child, Field::error); !value.empty()) report.error.emplace_back(value);
            return true;
        }
        if (!is(name, "date_range")) return false;
        each(child, Field::date_range, [&](const char* part, XmlNode value) {
            if (is(part, "begin")) return time(report.begin, begin_seen, value, Field::date_begin), true;
            if (is(part, "end")) return time(report.end, end_seen, value, Field::date_end), true;
            return false;
        });
        return true;
    });
    if (report.org_name.empty()) notes_.add(Code::missing_required, Field::org_name);
    if (report.email.empty()) notes_.add(Code::missing, Field::email);
    if (report.report_id.empty()) notes_.add(Code::missing_required, Field::report_id);
    if (!begin_seen) notes_.add(Code::missing_required, Field::date_begin);
    if (!end_seen) notes_.add(Code::missing_required, Field::date_end);
    if (report.begin && report.end) {
        constexpr Seconds kWeek = 7 * kSecondsPerDay;  // a report covers a day, as a rule (RFC 9990 section 3.1)
        if (*report.begin == *report.end) notes_.add(Code::date_range_empty, Field::date_range);
        if (*report.begin > *report.end) notes_.add(Code::date_range_reversed, Field::date_range);
        if (*report.end - *report.begin > kWeek) notes_.add(Code::date_range_long, Field::date_range);
    }
}

void Converter::policy(AggregateReport& report) {
    report_ = &report;
    record_ = nullptr;
    PolicyPublished& policy = report.policy_published;
    bool pct_seen = false;
    each(XmlNode(document_.first_child()), Field::policy_published, [&](const char* name, XmlNode child) {
        if (is(name, "domain")) return text(policy.domain, child, Field::policy_domain), true;
        if (is(name, "adkim")) return word(policy.adkim, child, kAlignmentModes, Field::adkim), true;
        if (is(name, "aspf")) return word(policy.aspf, child, kAlignmentModes, Field::aspf), true;
        if (is(name, "p")) return word(policy.p, child, kPolicies, Field::p), true;
        if (is(name, "sp")) return word(policy.sp, child, kPolicies, Field::sp), true;
        if (is(name, "np")) return word(policy.np, child, kPolicies, Field::np), true;
        if (is(name, "fo")) return text(policy.fo, child, Field::fo), true;
        if (is(name, "testing")) return word(policy.testing, child, kYesNo, Field::testing), true;
        if (is(name, "discovery_method")) return word(policy.discovery_method, child, kDiscoveryMethods, Field::discovery_method), true;
        if (!is(name, "pct")) return false;
        const std::string_view value = text(child, Field::pct);
        if (pct_seen) {
            notes_.add(Code::duplicate, Field::pct, value);
        } else {
            pct_seen = true;
            policy.pct = read_percentage(value, reading_);
        }
        return true;
    });
    if (policy.domain.empty()) notes_.add(Code::missing_required, Field::policy_domain);
    if (!policy.p.present) notes_.add(Code::missing_required, Field::p);
}

void Converter::version(AggregateReport& report) {
    report_ = &report;
    record_ = nullptr;
    text(report.version, XmlNode(document_.first_child()), Field::version);
    if (!report.version.empty() && report.version != "1.0" && report.version != "1") notes_.add(Code::version, Field::version, report.version);
}

void Converter::error(AggregateReport& report) {
    report_ = &report;
    record_ = nullptr;
    const std::string_view value = text(XmlNode(document_.first_child()), Field::error);
    if (!value.empty() && report.error.size() < kExtensions) report.error.emplace_back(value);
}

void Converter::extension(AggregateReport& report, std::string_view name) {
    report_ = &report;
    record_ = nullptr;
    // RFC 9990 section 3.1.1 has <extension>; its drafts had <extensions>.
    standard_extension_ = name == "extension" || name == "extensions";
    if (!standard_extension_) notes_.add(Code::unknown_element, Field::feedback, name);
    keep_subtree(XmlNode(document_.first_child()), joined({}, '/', name), 1);
}

void Converter::keep_attributes(XmlNode node, const std::string& path) {
    for (const pugi::xml_attribute attribute : node.node().attributes()) {
        if (is_infrastructure(attribute.name())) continue;
        if (!standard_extension_) notes_.add(Code::unknown_element, record_ != nullptr ? Field::record : Field::feedback, attribute.name());
        keep(joined(path, '@', attribute.name()), clean(attribute.value(), Field::extension));
    }
}

void Converter::keep(std::string path, std::string_view value) {
    const std::size_t kept = record_ != nullptr ? record_->extensions.size() : report_->extensions.size();
    if (kept >= kExtensions) {
        notes_.add(Code::limit, Field::extension, "there are more than 1000 unknown elements, the rest is left out");
        return;
    }
    if (record_ != nullptr) {
        record_->extensions.push_back({keep_text(std::move(path)), value});
    } else {
        report_->extensions.push_back({std::move(path), std::string(value)});
    }
}

}  // namespace whosent::parse
