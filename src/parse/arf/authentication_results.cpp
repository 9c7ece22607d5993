#include "authentication_results.hpp"

#include <algorithm>

#include "values.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

constexpr std::string_view kField = "Authentication-Results";

// The next word of a segment; white space around "=" (RFC 8601 section 2.2 allows it) joins what it parts. Quotes are kept.
std::string next_word(std::string_view& segment) {
    std::string word;
    bool quoted = false;
    std::size_t i = 0;
    segment = trim(segment);
    for (; i < segment.size(); ++i) {
        const char c = segment[i];
        if (c == '\\' && quoted && i + 1 < segment.size()) {  // RFC 5322 section 3.2.4: a quoted-pair ends nothing
            word += c;
            word += segment[++i];
            continue;
        }
        if (c == '"') quoted = !quoted;
        if (!is_space(c) || quoted) {
            word += c;
            continue;
        }
        std::size_t next = i;
        while (next < segment.size() && is_space(segment[next])) ++next;
        if (!word.ends_with('=') && (next == segment.size() || segment[next] != '=')) break;
        i = next - 1;
    }
    segment.remove_prefix(i);
    return word;
}

// The text up to the next ';' outside of quotes.
std::string_view next_segment(std::string_view& text) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < text.size() && (quoted || text[end] != ';'); ++end) {
        if (text[end] == '\\' && quoted && end + 1 < text.size()) {
            ++end;
        } else if (text[end] == '"') {
            quoted = !quoted;
        }
    }
    const std::string_view segment = text.substr(0, end);
    text.remove_prefix(end == text.size() ? end : end + 1);
    return trim(segment);
}

std::string_view without_quotes(std::string_view value) {
    if (value.starts_with('"')) value.remove_prefix(1);
    if (value.ends_with('"')) value.remove_suffix(1);
    return value;
}

bool is_keyword(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    });
}

// The domain that a property names: all of it, or what follows the "@". "none" is Microsoft's word for nothing.
std::string domain_in(std::string_view value) {
    value = without_quotes(value);
    if (const auto at = value.rfind('@'); at != std::string_view::npos) value.remove_prefix(at + 1);
    if (iequals(value, "none")) return {};
    return normalise_domain(value).value_or(std::string());
}

// How well a property tells the domain that a method authenticated (RFC 8601 section 2.7); 0: not at all.
int worth(std::string_view method, std::string_view property) {
    struct Row {
        std::string_view method, property;
        int worth;
    };
    static constexpr Row kRows[] = {
        {"dkim", "header.d", 3},       {"dkim", "header.i", 2},      {"spf", "smtp.mailfrom", 3}, {"spf", "smtp.mail", 3},
        {"spf", "smtp.helo", 2},       {"dmarc", "header.from", 3},  {"", "header.d", 2},         {"", "header.from", 1},
        {"", "smtp.mailfrom", 1},      {"", "header.i", 1},
    };
    const bool known = method == "dkim" || method == "spf" || method == "dmarc";
    for (const Row& row : kRows) {
        if (row.method == (known ? method : std::string_view()) && iequals(row.property, property)) return row.worth;
    }
    return 0;
}

}  // namespace

std::string authserv_id_of(std::string_view value) {
    const std::string clean = without_comments(value);
    std::string_view rest = clean;
    std::string_view segment = next_segment(rest);
    const std::string word = next_word(segment);
    return word.find('=') == std::string::npos ? std::string(without_quotes(word)) : std::string();
}

void read_authentication_results(std::string_view value, std::vector<AuthenticationResult>& results, const Reading& reading) {
    const std::string clean = without_comments(value);
    std::string_view rest = clean;
    std::string pending;  // Yahoo's "from=": the domain of the result that follows
    bool first = true, any = false;
    while (!rest.empty()) {
        std::string_view segment = next_segment(rest);
        std::string word = next_word(segment);
        if (first) {
            first = false;
            if (word.find('=') == std::string::npos) {  // authserv-id, and what else stands in its segment
                if (iequals(word, "none")) any = true;
                while (!segment.empty()) {
                    word = next_word(segment);
                    if (word.size() > 5 && iequals(std::string_view(word).substr(0, 5), "from=")) pending = domain_in(std::string_view(word).substr(5));
                }
                continue;
            }
            if (!reading.mend(ArfRepair::no_authserv_id, Code::no_authserv_id, kField)) continue;
        }
        if (iequals(word, "none")) any = true;  // RFC 8601 section 2.2: no-result
        const auto equals = word.find('=');
        if (equals == std::string::npos) continue;
        std::string method = to_lower(std::string_view(word).substr(0, equals));
        if (const auto slash = method.find('/'); slash != std::string::npos) method.resize(slash);  // its version
        const std::string_view result = std::string_view(word).substr(equals + 1);
        if (method == "from") {
            pending = domain_in(result);
            continue;
        }
        if (!is_keyword(method) || !is_keyword(result)) continue;
        any = true;
        if (results.size() >= kMaxEntries) {
            reading.notes.add(Code::too_many, kField, std::to_string(kMaxEntries));
            return;
        }
        AuthenticationResult found{std::move(method), to_lower(result), {}, {}};
        int best = 0;
        while (!segment.empty()) {
            word = next_word(segment);
            const auto at = word.find('=');
            if (at == std::string::npos) continue;
            const std::string_view property = std::string_view(word).substr(0, at), text = std::string_view(word).substr(at + 1);
            if (iequals(property, "header.s")) found.selector = to_lower(without_quotes(text));
            const int w = worth(found.method, property);
            if (w <= best) continue;
            if (std::string domain = domain_in(text); !domain.empty()) {
                found.domain = std::move(domain);
                best = w;
            }
        }
        if (found.domain.empty() && !pending.empty() && reading.mend(ArfRepair::yahoo_results, Code::yahoo_results, kField)) found.domain = pending;
        pending.clear();
        results.push_back(std::move(found));
    }
    if (!any) reading.notes.add(Code::results_unreadable, kField);
}

}  // namespace whosent::parse::arf
