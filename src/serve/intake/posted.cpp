#include "posted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "../response.hpp"
#include "whosent/base/text.hpp"

namespace whosent::serve {
namespace {

struct MediaType {
    std::string_view type, ending;
    bool told = true;  // in Accept-Post
};
// RFC 8460 section 6.4 registers the first two. Content decides what it is; the ending says what was meant, as unpack reads names: ".json.gz" is a report's.
constexpr std::array<MediaType, 10> kTypes = {{
    {"application/tlsrpt+gzip", ".json.gz"},
    {"application/tlsrpt+json", ".json"},
    {"application/gzip", ".gz"},
    {"application/x-gzip", ".gz", false},  // before RFC 6713
    {"application/zip", ".zip"},
    {"application/x-zip-compressed", ".zip", false},
    {"application/xml", ".xml"},
    {"text/xml", ".xml"},
    {"application/json", ".json"},
    {"message/rfc822", ".eml"},
}};
constexpr std::array<std::string_view, 7> kEndings = {".xml", ".json", ".gz", ".gzip", ".zip", ".zlib", ".eml"};
// The longest names of reports are two domains, two times and an id.
constexpr std::size_t kNameBytes = 600;
// A store that is full or locked for a moment.
constexpr unsigned kRetrySeconds = 30;

std::string_view without_parameters(std::string_view value) { return trim(value.substr(0, value.find(';'))); }

const MediaType* type_of(const Request& request) {
    const std::string_view type = without_parameters(request.header("content-type"));
    const auto found = std::ranges::find_if(kTypes, [&](const MediaType& known) { return iequals(known.type, type); });
    return found == kTypes.end() ? nullptr : &*found;
}

// RFC 9110 section 8.4.1. Nothing: one that unpack cannot undo, or several.
std::optional<std::string_view> coding_ending(std::string_view coding) {
    if (coding.empty() || iequals(coding, "identity")) return "";
    if (iequals(coding, "gzip") || iequals(coding, "x-gzip")) return ".gz";
    if (iequals(coding, "deflate")) return ".zlib";
    return std::nullopt;
}

// RFC 6266: the value of `filename`, quoted or not. Its extended form (filename*) is for names that no report has.
std::string file_name(std::string_view disposition) {
    for (std::size_t at = disposition.find(';'); at < disposition.size();) {
        std::string_view rest = trim(disposition.substr(at + 1));
        const std::size_t equals = rest.find('=');
        if (equals == std::string_view::npos) return {};
        const bool is_name = iequals(trim(rest.substr(0, equals)), "filename");
        rest = trim(rest.substr(equals + 1));
        std::string value;
        std::size_t end = 0;
        if (rest.starts_with('"')) {
            for (end = 1; end < rest.size() && rest[end] != '"'; ++end) {
                if (rest[end] == '\\' && end + 1 < rest.size()) ++end;
                value += rest[end];
            }
        } else {
            value = trim(rest.substr(0, rest.find(';')));
        }
        if (is_name) return value;
        const std::size_t next = rest.find(';', end);
        if (next == std::string_view::npos) return {};
        at = static_cast<std::size_t>(rest.data() - disposition.data()) + next;
    }
    return {};
}

}  // namespace

std::string accepted_types() {
    std::string list;
    for (const MediaType& known : kTypes) {
        if (known.told) list += (list.empty() ? "" : ", ") + std::string(known.type);
    }
    return list;
}

std::optional<Response> refuse_by_header(const Request& request) {
    const MediaType* const type = type_of(request);
    if (!type) {
        Response response = plain(415, fmt::format("Content-Type is one of {}", accepted_types()));
        response.headers.emplace_back("Accept-Post", accepted_types());
        return response;
    }
    const auto coding = coding_ending(trim(request.header("content-encoding")));
    // unpack opens documents in containers, and mails only as they are
    const bool is_mail = type->ending == ".eml";
    if (!coding || (is_mail && !coding->empty())) {
        Response response = plain(415, is_mail ? "a mail is posted without Content-Encoding" : "Content-Encoding is gzip, deflate, or none");
        response.headers.emplace_back("Accept-Encoding", is_mail ? "identity" : "gzip, deflate");
        return response;
    }
    return std::nullopt;
}

std::string name_of_body(const Request& request) {
    std::string name = file_name(request.header("content-disposition"));
    if (const std::size_t slash = name.find_last_of("/\\"); slash != std::string::npos) name.erase(0, slash + 1);
    name = printable(name, kNameBytes);
    const MediaType* const type = type_of(request);
    const std::string_view ending = type ? type->ending : std::string_view();
    const std::string_view coding = coding_ending(trim(request.header("content-encoding"))).value_or("");
    if (name.empty()) return fmt::format("body{}{}", ending, coding);
    const std::string lower = to_lower(name);
    if (std::ranges::none_of(kEndings, [&](std::string_view known) { return lower.ends_with(known); })) name += ending;
    return name;
}

std::optional<RawMessage> message_of(const Request& request, std::string_view collector, std::uint64_t number, Seconds now, Authenticity authenticity) {
    if (!request.body || request.body->empty()) return std::nullopt;
    RawMessage message;
    message.owner = request.body;
    message.bytes = *request.body;
    message.provenance.collector = collector;
    message.provenance.remote_key = fmt::format("{}/{}", request.peer, number);
    message.provenance.name = name_of_body(request);
    message.provenance.received_at = now;
    message.provenance.authenticity = authenticity;
    return message;
}

Response response_to(const pipeline::Outcome& outcome) {
    switch (outcome.kind) {
        case pipeline::Outcome::Kind::stored: return plain(200, "stored");
        case pipeline::Outcome::Kind::duplicate: return plain(200, "known already");
        case pipeline::Outcome::Kind::not_a_report: return no_report();
        case pipeline::Outcome::Kind::quarantined: return plain(202, "it could not be read as it is, and is kept");
        case pipeline::Outcome::Kind::retry: break;
    }
    return try_later(503, "it could not be stored now, come again", kRetrySeconds);
}

Response no_report() { return plain(400, "no report is in it, and it was not kept"); }

}  // namespace whosent::serve
