#include "request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "whosent/base/domain_name.hpp"
#include "whosent/base/text.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::serve {
namespace {

// Of one parameter that takes several. More than an operator has.
constexpr std::size_t kMostValues = 100;

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 3986 section 2.1. A plus is one: it stands in the zone of a time, and nothing here holds a space that could not be written as %20.
std::optional<std::string> decode(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at];
            continue;
        }
        if (at + 2 >= text.size()) return std::nullopt;
        const int high = hex_digit(text[at + 1]), low = hex_digit(text[at + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        at += 2;
    }
    return out;
}

std::string encode_component(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("-._~,:").find(c) != std::string_view::npos;
        if (plain)
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) noexcept {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || text.front() == '-' || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Splits at `separator`, and trims.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.push_back(trim(text.substr(0, end)));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// What is wrong with a parameter, as a sentence; nothing: it is good.
using Wrong = std::optional<std::string>;

template <class Value, std::size_t kCount>
std::string words(const Value (&values)[kCount]) {
    std::string list;
    for (const Value value : values) list += fmt::format("{}{}", list.empty() ? "" : ", ", name_of(value));
    return list;
}

// Words of a list, repeated or with commas between.
template <class Value, std::size_t kCount>
Wrong add_words(std::vector<Value>& to, std::string_view text, const Value (&values)[kCount]) {
    for (const std::string_view word : split(text, ',')) {
        const auto found = std::ranges::find_if(values, [&](Value value) { return name_of(value) == word; });
        if (found == std::end(values)) return fmt::format("takes {}", words(values));
        if (std::ranges::find(to, *found) == to.end()) to.push_back(*found);
    }
    return std::nullopt;
}

Wrong add_domains(std::vector<std::string>& to, std::string_view text) {
    for (const std::string_view word : split(text, ',')) {
        auto domain = normalise_domain(word);
        const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
        if (!domain || std::ranges::none_of(*domain, is_alphanumeric)) return "takes domain names";
        if (std::ranges::find(to, *domain) == to.end()) to.push_back(*std::move(domain));
        if (to.size() > kMostValues) return fmt::format("takes at most {} of them", kMostValues);
    }
    return std::nullopt;
}

constexpr std::pair<std::string_view, FeedFormat> kFormats[] = {
    {"json", FeedFormat::json}, {"ndjson", FeedFormat::ndjson}, {"cef", FeedFormat::cef}, {"ecs", FeedFormat::ecs}};

struct Reading {
    FeedRequest request;
    std::optional<FeedFormat> format;
    const FeedSettings& settings;

    Wrong read_time(std::optional<Seconds>& to, std::string_view text) const {
        to = parse_iso_time(text);
        // RFC 3339 section 5.6: a time has its zone
        const bool is_date = text.size() <= std::string_view("2026-11-21").size();
        const bool has_zone = text.ends_with('Z') || text.ends_with('z') || (text.size() > 6 && (text[text.size() - 6] == '+' || text[text.size() - 6] == '-'));
        if (!to || (!is_date && !has_zone)) return "takes a date, or a time with its zone (RFC 3339)";
        return std::nullopt;
    }
    Wrong cursor(std::string_view text) {
        request.cursor = store::Cursor::parse(text);
        if (!request.cursor) return "this is no cursor";
        return std::nullopt;
    }
    Wrong since(std::string_view text) { return read_time(request.since, text); }
    Wrong until(std::string_view text) { return read_time(request.until, text); }
    Wrong limit(std::string_view text) {
        const auto number = number_of<std::size_t>(text);
        if (!number || *number < 1 || *number > settings.most_limit) return fmt::format("takes a number from 1 to {}", settings.most_limit);
        request.limit = *number;
        return std::nullopt;
    }
    Wrong min_severity(std::string_view text) {
        const auto number = number_of<unsigned>(text);
        if (!number || *number > 10) return "takes a number from 0 to 10";
        request.filter.min_severity = static_cast<int>(*number);
        return std::nullopt;
    }
    Wrong wait(std::string_view text) {
        const auto number = number_of<std::uint32_t>(text);
        if (!number) return "takes seconds";
        request.wait = std::min(std::chrono::seconds(*number), settings.longest_wait);
        return std::nullopt;
    }
    Wrong read_format(std::string_view text) {
        const auto* const found = std::ranges::find(kFormats, text, &std::pair<std::string_view, FeedFormat>::first);
        if (found == std::end(kFormats)) return "takes json, ndjson, cef, ecs";
        format = found->second;
        return std::nullopt;
    }
    Wrong classes(std::string_view text) { return add_words(request.filter.classes, text, kEventClasses); }
    Wrong verdicts(std::string_view text) { return add_words(request.filter.verdicts, text, kVerdicts); }
    Wrong domains(std::string_view text) { return add_domains(request.filter.domains, text); }
};

struct Parameter {
    std::string_view name;
    Wrong (Reading::*read)(std::string_view text);
    bool several;  // may stand more than once
    bool kept;     // the next page has it too
};
constexpr Parameter kParameters[] = {
    {"cursor", &Reading::cursor, false, false}, {"since", &Reading::since, false, false},  {"until", &Reading::until, false, true},
    {"limit", &Reading::limit, false, true},    {"class", &Reading::classes, true, true},  {"min_severity", &Reading::min_severity, false, true},
    {"domain", &Reading::domains, true, true},  {"verdict", &Reading::verdicts, true, true}, {"format", &Reading::read_format, false, true},
    {"wait", &Reading::wait, false, true},
};

Response wrong_parameter(std::string_view name, std::string_view why) {
    const std::string shown = printable(name, 64);
    return problem({400, "a parameter is wrong", fmt::format("{}: {}", shown, why), shown});
}

// "gzip;q=0.5": the name, in lower case, without other parameters, and the weight in thousandths; nothing: damaged, and thus not counted.
struct Weighted {
    std::string name;
    unsigned weight = 1000;
};
std::optional<Weighted> read_weighted(std::string_view text) {
    const auto parts = split(text, ';');
    Weighted weighted{to_lower(parts.front()), 1000};
    if (weighted.name.empty()) return std::nullopt;
    for (const std::string_view part : std::span(parts).subspan(1)) {
        if (!part.starts_with("q=") && !part.starts_with("Q=")) continue;
        // RFC 9110 section 12.4.2: 0 or 1 and at most three digits
        const std::string_view q = part.substr(2);
        if (q.empty() || q.size() > 5 || (q[0] != '0' && q[0] != '1') || (q.size() > 1 && q[1] != '.')) return std::nullopt;
        unsigned weight = q[0] == '1' ? 1000 : 0, unit = 100;
        for (const char c : q.size() > 2 ? q.substr(2) : std::string_view()) {
            if (c < '0' || c > '9') return std::nullopt;
            weight += static_cast<unsigned>(c - '0') * unit;
            unit /= 10;
        }
        if (weight > 1000) return std::nullopt;
        weighted.weight = weight;
    }
    return weighted;
}

// RFC 9110 section 5.3: several fields of a name are one list.
std::string list_of(const Request& request, std::string_view name) {
    std::string list;
    for (const auto& [field, value] : request.headers) {
        if (field == name) list += (list.empty() ? "" : ",") + value;
    }
    return list;
}

}  // namespace

std::string_view media_type(FeedFormat format) noexcept {
    switch (format) {
    case FeedFormat::json: return "application/json";
    case FeedFormat::ndjson:
    case FeedFormat::ecs: return "application/x-ndjson";
    case FeedFormat::cef: return "text/plain; charset=utf-8";
    }
    return {};
}

std::optional<FeedFormat> negotiate_format(std::string_view accept) {
    if (trim(accept).empty()) return FeedFormat::json;
    // In the order in which we would rather give them
    constexpr std::pair<std::string_view, FeedFormat> kOffers[] = {
        {"application/json", FeedFormat::json}, {"application/x-ndjson", FeedFormat::ndjson}, {"application/ndjson", FeedFormat::ndjson}, {"text/plain", FeedFormat::cef}};
    std::vector<Weighted> ranges;
    for (const std::string_view element : split(accept, ',')) {
        if (auto range = read_weighted(element)) ranges.push_back(std::move(*range));
    }
    std::optional<FeedFormat> best;
    unsigned best_weight = 0;
    for (const auto& [type, format] : kOffers) {
        // RFC 9110 section 12.5.1: the most specific range decides
        int best_rank = 0;
        unsigned weight = 0;
        const std::string subtypes = std::string(type.substr(0, type.find('/'))) + "/*";
        for (const Weighted& range : ranges) {
            const int rank = range.name == type ? 3 : range.name == subtypes ? 2 : range.name == "*/*" ? 1 : 0;
            if (rank > best_rank) {
                best_rank = rank;
                weight = range.weight;
            }
        }
        if (weight > best_weight) {
            best_weight = weight;
            best = format;
        }
    }
    return best;
}

bool accepts_gzip(std::string_view accept_encoding) {
    std::optional<unsigned> gzip, identity, other;
    for (const std::string_view element : split(accept_encoding, ',')) {
        const auto coding = read_weighted(element);
        if (!coding) continue;
        if (coding->name == "gzip" || coding->name == "x-gzip") gzip = std::max(gzip.value_or(0), coding->weight);
        if (coding->name == "identity") identity = coding->weight;
        if (coding->name == "*") other = coding->weight;
    }
    const unsigned weight = gzip.value_or(other.value_or(0));
    return weight > 0 && weight >= identity.value_or(0);
}

std::expected<FeedRequest, Response> read_feed_request(const Request& request, const FeedSettings& settings) {
    Reading reading{{}, {}, settings};
    reading.request.limit = std::min(settings.default_limit, settings.most_limit);
    std::array<bool, std::size(kParameters)> seen{};
    for (std::string_view rest = request.query; !rest.empty();) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view pair = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        const auto name = decode(pair.substr(0, equals));
        const auto value = equals == std::string_view::npos ? std::nullopt : decode(pair.substr(equals + 1));
        if (!name) return std::unexpected(wrong_parameter(pair.substr(0, equals), "its name cannot be read"));
        const auto* const parameter = std::ranges::find(kParameters, std::string_view(*name), &Parameter::name);
        if (parameter == std::end(kParameters)) return std::unexpected(wrong_parameter(*name, "there is no such parameter"));
        if (!value || value->empty()) return std::unexpected(wrong_parameter(*name, "it has no value, or one that cannot be read"));
        const auto index = static_cast<std::size_t>(parameter - std::begin(kParameters));
        if (std::exchange(seen[index], true) && !parameter->several) return std::unexpected(wrong_parameter(*name, "it may stand once"));
        if (const Wrong wrong = (reading.*parameter->read)(*value)) return std::unexpected(wrong_parameter(*name, *wrong));
        if (parameter->kept) reading.request.kept += fmt::format("&{}={}", parameter->name, encode_component(*value));
    }
    FeedRequest& read = reading.request;
    if (read.cursor && read.since) return std::unexpected(wrong_parameter("since", "it says where to begin, and the cursor does already"));
    const auto format = reading.format ? reading.format : negotiate_format(list_of(request, "accept"));
    if (!format)
        return std::unexpected(problem({406, "no such format", "events are given as application/json, application/x-ndjson and text/plain (CEF); `format` chooses too"}));
    read.format = *format;
    read.gzip = accepts_gzip(list_of(request, "accept-encoding"));
    return read;
}

std::string link_to(const FeedRequest& request, std::string_view cursor) {
    return fmt::format("</v1/events?cursor={}{}>; rel=\"next\"", encode_component(cursor), request.kept);
}

Response problem(const Problem& problem) {
    Response response;
    response.status = problem.status;
    response.type = "application/problem+json";
    std::string& body = response.body;
    const auto add = [&](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        body += fmt::format(",\"{}\":", name);
        encode::append_json_string(body, value);
    };
    body = fmt::format("{{\"status\":{}", problem.status);
    add("title", problem.title);
    add("detail", problem.detail);
    add("parameter", problem.parameter);
    add("resume_cursor", problem.resume_cursor);
    body += "}\n";
    return response;
}

}  // namespace whosent::serve
