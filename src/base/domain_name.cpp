#include "whosent/base/domain_name.hpp"

#include <idn2.h>
#include <libpsl.h>

#include "whosent/base/text.hpp"

namespace whosent {
namespace {

constexpr std::size_t kMaxName = 253;  // RFC 1035 section 2.3.4, without the root's dot
constexpr std::size_t kMaxLabel = 63;

bool is_name_byte(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

}  // namespace

std::optional<std::string> normalise_domain(std::string_view text) {
    text = trim(text);
    if (!text.empty() && text.back() == '.') text.remove_suffix(1);
    if (text.empty() || text.size() > 4 * kMaxName) return std::nullopt;
    std::string name(text);
    bool ascii = true;
    for (char& c : name) {
        c = to_lower(c);
        ascii = ascii && static_cast<unsigned char>(c) < 0x80;
    }
    if (!ascii) {
        char* alabels = nullptr;
        if (idn2_to_ascii_8z(name.c_str(), &alabels, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) return std::nullopt;
        name = alabels;
        idn2_free(alabels);
    }
    if (name.empty() || name.size() > kMaxName) return std::nullopt;
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '.') {
            if (label == 0) return std::nullopt;
            label = 0;
        } else if (!is_name_byte(c) || ++label > kMaxLabel) {
            return std::nullopt;
        }
    }
    if (label == 0) return std::nullopt;
    return name;
}

std::string_view organizational_domain(std::string_view domain) {
    if (domain.empty() || domain.size() > kMaxName) return domain;
    char name[kMaxName + 1];
    domain.copy(name, domain.size());
    name[domain.size()] = '\0';
    const char* registrable = psl_registrable_domain(psl_builtin(), name);
    if (registrable == nullptr) return domain;
    return domain.substr(static_cast<std::size_t>(registrable - name));
}

bool is_same_or_below(std::string_view domain, std::string_view ancestor) noexcept {
    if (!domain.ends_with(ancestor) || ancestor.empty()) return false;
    return domain.size() == ancestor.size() || domain[domain.size() - ancestor.size() - 1] == '.';
}

}  // namespace whosent
