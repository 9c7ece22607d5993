#include "received.hpp"

#include "values.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"

namespace whosent::parse::arf {
namespace {

// The next word outside of comments, or a whole comment with its parentheses.
std::string_view next_piece(std::string_view& text) {
    text = trim(text);
    std::size_t end = 0, depth = 0;
    for (; end < text.size(); ++end) {
        const char c = text[end];
        if (c == '(') {
            if (depth == 0 && end > 0) break;
            ++depth;
        } else if (c == ')' && depth > 0) {
            if (--depth == 0) {
                ++end;
                break;
            }
        } else if (depth == 0 && is_space(c)) {
            break;
        }
    }
    const std::string_view piece = text.substr(0, end);
    text.remove_prefix(end);
    return piece;
}

std::string host_name(std::string_view word) {
    while (word.starts_with('(') || word.starts_with('[')) word.remove_prefix(1);
    if (const auto end = word.find_first_of(" )]["); end != std::string_view::npos) word = word.substr(0, end);
    if (iequals(word, "unknown") || word.find('=') != std::string_view::npos || find_ip(word)) return {};
    auto name = normalise_domain(word);
    return name && name->find('.') != std::string::npos ? *std::move(name) : std::string();
}

std::string address_after(std::string_view text, std::string_view mark) {
    const auto at = ifind(text, mark);
    if (at == std::string_view::npos) return {};
    std::string_view rest = trim(text.substr(at + mark.size()));
    while (rest.starts_with('=') || rest.starts_with(':') || rest.starts_with(' ')) rest.remove_prefix(1);
    rest = rest.substr(0, rest.find_first_of(" )"));
    return address_of(rest);
}

bool same_organization(std::string_view a, std::string_view b) {
    return !a.empty() && !b.empty() && organizational_domain(a) == organizational_domain(b);
}

// The first address after one of the marks, where the text has one.
std::optional<IpAddress> ip_after(std::string_view text, std::initializer_list<std::string_view> marks) {
    for (const std::string_view mark : marks) {
        const auto at = ifind(text, mark);
        if (at == std::string_view::npos) continue;
        std::string_view rest = trim(text.substr(at + mark.size()));
        while (rest.starts_with('=') || rest.starts_with('"')) rest.remove_prefix(1);
        rest = rest.substr(0, rest.find_first_of(" \t;)\""));
        if (auto ip = find_ip(rest)) return ip;
    }
    return std::nullopt;
}

}  // namespace

Hop read_received(std::string_view value) {
    Hop hop;
    const auto semicolon = value.rfind(';');
    hop.date = semicolon == std::string_view::npos ? std::string_view() : value.substr(semicolon + 1);
    std::string_view rest = value.substr(0, semicolon);
    hop.envelope_from = address_after(rest, "envelope-from");
    enum class Clause { none, from, by, other } clause = Clause::none;
    std::optional<IpAddress> literal;
    while (!rest.empty()) {
        const std::string_view piece = next_piece(rest);
        if (piece.empty()) break;
        const bool comment = piece.starts_with('(');
        if (iequals(piece, "from") && clause == Clause::none) {
            clause = Clause::from;
            const std::string_view client = next_piece(rest);
            hop.helo = host_name(client);
            literal = find_ip(client);
        } else if (iequals(piece, "by") && clause != Clause::by) {
            clause = Clause::by;
            hop.by = host_name(next_piece(rest));
        } else if (iequals(piece, "for") && hop.recipient.empty()) {
            hop.recipient = address_of(next_piece(rest));
        } else if (comment && clause == Clause::from) {
            // "(name [192.0.2.1])", "([192.0.2.1])", "(HELO name) (192.0.2.1)": the server's own observation
            const std::string_view inner = piece.substr(1);
            if (!hop.ip) hop.ip = find_ip(inner);
            if (hop.name.empty() && ifind(inner, "helo") == std::string_view::npos) hop.name = host_name(inner);
        } else if (clause == Clause::from && !hop.ip && !comment) {
            hop.ip = find_ip(piece);
        }
    }
    if (!hop.ip) hop.ip = literal;
    return hop;
}

std::optional<IpAddress> handed_over_by(const HeaderBlock& original, const Reading& reading) {
    if (const HeaderField* results = original.find("Authentication-Results")) {
        const std::string text = unfold(results->value, results->name, reading);
        if (const auto ip = ip_after(text, {"sender IP is", "policy.iprev", "smtp.remote-ip"})) return ip;
    }
    if (const HeaderField* spf = original.find("Received-SPF")) {
        const std::string text = unfold(spf->value, spf->name, reading);
        if (const auto ip = ip_after(text, {"client-ip", "designates", "designate"})) return ip;
    }
    if (original.find("X-Apparently-To") != nullptr || original.find("X-YMailISG") != nullptr) {
        if (const HeaderField* client = original.find("X-Originating-IP")) {
            if (const auto ip = find_ip(unfold(client->value, client->name, reading)); ip && is_public(*ip)) return ip;
        }
    }
    std::optional<IpAddress> inside;  // of the topmost hop, where all of them are the reporter's own
    for (const HeaderField& field : original.fields()) {
        if (!iequals(field.name, "Received")) continue;
        const std::string value = unfold(field.value, field.name, reading);
        const Hop hop = read_received(value);
        if (!hop.ip || !is_public(*hop.ip)) continue;
        if (!inside) inside = hop.ip;
        if (same_organization(hop.name.empty() ? hop.helo : hop.name, hop.by)) continue;
        return hop.ip;
    }
    return inside;
}

}  // namespace whosent::parse::arf
