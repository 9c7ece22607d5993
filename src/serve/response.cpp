#include "response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace whosent::serve {
namespace {

constexpr std::array<std::pair<unsigned, std::string_view>, 27> kReasons = {{
    {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"}, {304, "Not Modified"},
    {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"}, {410, "Gone"},
    {413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"}, {417, "Expectation Failed"}, {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"}, {503, "Service Unavailable"}, {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
}};

std::string_view reason_of(unsigned status) noexcept {
    const auto found = std::ranges::find(kReasons, status, &std::pair<unsigned, std::string_view>::first);
    return found == kReasons.end() ? std::string_view("Status") : found->second;
}

// A value that a route made of what it was sent begins no line of its own.
void append_field(std::string& head, std::string_view name, std::string_view value) {
    head += name;
    head += ": ";
    for (const char c : value) head += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    head += "\r\n";
}

}  // namespace

Response plain(unsigned status, std::string_view line) {
    Response response;
    response.status = status;
    response.body = fmt::format("{}\n", line);
    return response;
}

Response try_later(unsigned status, std::string_view line, unsigned seconds) {
    Response response = plain(status, line);
    response.headers.emplace_back("Retry-After", fmt::format("{}", seconds));
    return response;
}

bool may_have_body(unsigned status) noexcept { return status >= 200 && status != 204 && status != 304; }

std::string head_of(const Response& response, bool http_1_0, bool close) {
    // RFC 9112 section 2.3: the version is the server's own, also towards HTTP/1.0
    std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
    if (may_have_body(response.status)) {
        append_field(head, "Content-Type", response.type);
        // RFC 9112 section 6.1: not to HTTP/1.0, where the end of the connection is the end of the body
        if (!response.stream)
            append_field(head, "Content-Length", fmt::format("{}", response.body.size()));
        else if (!http_1_0)
            append_field(head, "Transfer-Encoding", "chunked");
    }
    append_field(head, "X-Content-Type-Options", "nosniff");
    append_field(head, "Cache-Control", "no-store");
    for (const auto& [name, value] : response.headers) append_field(head, name, value);
    if (close)
        append_field(head, "Connection", "close");
    else if (http_1_0)
        append_field(head, "Connection", "keep-alive");
    head += "\r\n";
    return head;
}

}  // namespace whosent::serve
