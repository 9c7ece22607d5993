#include "vendor.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <boost/json.hpp>

#include "values.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxName = 100;  // bytes; customer numbers and binding names are short

// Fit to name a customer: one printable word that holds no address.
std::string name_or_nothing(std::string_view text) {
    text = trim(text);
    const bool fit = !text.empty() && text.size() <= kMaxName && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '@'; });
    return fit ? std::string(text) : std::string();
}

std::optional<json::value> parse_json(std::string_view text) {
    json::parse_options options;
    options.max_depth = 8;
    boost::system::error_code failed;
    json::value value = json::parse(text, failed, {}, options);
    if (failed) return std::nullopt;
    return value;
}

std::string member(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return {};
    if (const json::string* text = value->if_string()) return name_or_nothing(*text);
    if (const std::int64_t* number = value->if_int64()) return std::to_string(*number);
    return {};
}

// Momentum and SparkPost: "seal|base64 of JSON": r is the recipient, customer_id and subaccount_id the customer, b the binding, which on an own
// Momentum is the customer. Marketo: base64 of "recipient@ip@group@account:campaign:...".
std::string read_msfbl(std::string_view value) {
    if (const auto bar = value.find('|'); bar != std::string_view::npos) value.remove_prefix(bar + 1);
    const auto decoded = decode_base64(value);
    if (!decoded) return {};
    if (const auto parsed = parse_json(*decoded); parsed && parsed->is_object()) {
        const json::object& object = parsed->get_object();
        std::string customer = member(object, "customer_id");
        if (customer.empty()) return member(object, "b");
        const std::string sub = member(object, "subaccount_id");
        return sub.empty() || sub == "0" ? customer : customer + "/" + sub;
    }
    const auto at = decoded->rfind('@');
    if (at == std::string::npos || std::ranges::count(*decoded, '@') < 4) return {};
    const std::string_view account = std::string_view(*decoded).substr(at + 1);
    return name_or_nothing(account.substr(0, account.find(':')));
}

// Mailgun: base64 of ["recipient's hash", "recipient", "account"].
std::string read_mailgun(std::string_view value) {
    const auto decoded = decode_base64(value);
    const auto parsed = decoded ? parse_json(*decoded) : std::nullopt;
    if (!parsed || !parsed->is_array() || parsed->get_array().size() != 3) return {};
    const json::string* account = parsed->get_array()[2].if_string();
    return account == nullptr ? std::string() : name_or_nothing(*account);
}

std::string read_plain(std::string_view value) { return name_or_nothing(value); }
std::string read_sealed(std::string_view) { return {}; }

struct Vendor {
    std::string_view header, vendor;
    std::string (*read)(std::string_view value);
};
// In the order in which they are asked. X-SES-Outgoing holds a day and Amazon's own address, X-SG-EID is encrypted.
constexpr std::array<Vendor, 6> kVendors = {{
    {"x-ses-configuration-set", "amazonses", read_plain},
    {"x-ses-outgoing", "amazonses", read_sealed},
    {"x-sg-eid", "sendgrid", read_sealed},
    {"x-mc-user", "mandrill", read_plain},
    {"x-mailgun-sid", "mailgun", read_mailgun},
    {"x-msfbl", "momentum", read_msfbl},
}};

}  // namespace

std::string vendor_campaign(const HeaderBlock& original, const Reading& reading) {
    for (const Vendor& vendor : kVendors) {
        const HeaderField* field = original.find(vendor.header);
        if (field == nullptr) continue;
        const std::string value = unfold(field->value, vendor.header, reading);
        if (value.empty()) continue;
        std::string name = vendor.read(value);
        if (name.empty()) name = vendor.vendor;
        return std::string(vendor.header) + ":" + name;
    }
    return {};
}

}  // namespace whosent::parse::arf
