// Inputs made in the test: compressed streams, zip archives byte by byte, mail messages; and what came out of them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/unpack/unpack.hpp"

namespace whosent::unpack::test {

[[nodiscard]] std::string gzip(std::string_view bytes);
[[nodiscard]] std::string zlib_stream(std::string_view bytes);
[[nodiscard]] std::string deflate(std::string_view bytes);
[[nodiscard]] std::string base64(std::string_view bytes);
[[nodiscard]] std::string quoted_printable(std::string_view bytes);
[[nodiscard]] std::string utf16_le(std::string_view ascii);

struct ZipMember {
    std::string name;
    std::string bytes;
    bool stored = false;
    bool descriptor = false;              // sizes after the data only
    std::uint16_t flags = 0;              // more flags
    std::optional<std::uint16_t> method;  // claimed
    std::optional<std::uint32_t> size;    // claimed
    std::optional<std::uint32_t> crc;     // claimed
};
struct ZipOptions {
    bool directory = true;     // the directory at the end
    std::uint32_t offset = 0;  // added to all offsets in the directory
};
[[nodiscard]] std::string zip(const std::vector<ZipMember>& members, const ZipOptions& options = {});

// A report with `records` records; of the domain given, so that several can be told apart.
[[nodiscard]] std::string report(std::size_t records = 2, std::string_view domain = "example.org");
// A TLS report (RFC 8460 section 4.4) of one policy.
[[nodiscard]] std::string tls_report();
// Text that does not compress.
[[nodiscard]] std::string noise(std::size_t bytes, std::uint32_t seed = 1);

struct Attachment {
    std::string header;  // lines without the final line end
    std::string body;
};
[[nodiscard]] std::string multipart(const std::vector<Attachment>& parts, std::string_view subtype = "mixed",
                                    std::string_view boundary = "=_b1");
// A base64 part of that type and name.
[[nodiscard]] Attachment attached(std::string_view type, std::string_view name, std::string_view bytes);
[[nodiscard]] Attachment human_text();
// Message header fields, then `entity`: further fields, a blank line and a body.
[[nodiscard]] std::string mail(std::string_view subject, std::string_view entity);
// A complaint (RFC 5965) about a message in its third part.
inline constexpr std::string_view kFeedbackFields = "Feedback-Type: abuse\r\nUser-Agent: ExampleFBL/1.0\r\nVersion: 1\r\nSource-IP: 192.0.2.7\r\n";
[[nodiscard]] std::string complaint(std::string_view original, std::string_view fields = kFeedbackFields);
inline constexpr std::string_view kPlainSubject = "Your daily delivery";
inline constexpr std::string_view kReportSubject =
    "Report Domain: example.org Submitter: mail.example Report-ID: <1.2@mail.example>";

struct Got {
    PayloadKind kind;
    std::vector<std::string> containers;
    std::string name;
    std::string packed;
    std::string bytes;
    std::size_t chunks = 0;
    std::optional<Error> error;
    bool last = false;
};
// A mail message that was offered as a report in itself.
struct GotMail {
    std::vector<std::string> containers;
    std::string packed, header, text, feedback, original;
    bool taken;
};
struct Seen {
    Unpacked result;
    std::vector<Got> payloads;
    std::vector<GotMail> mails;
    bool taken = false;

    [[nodiscard]] bool has_diagnostic(std::string_view code) const;
    [[nodiscard]] bool has_failure(ErrorCode code) const;
};
// Reads every payload to its end, overwrites what it got, and takes it when it holds a whole record or metadata section, or the whole first
// member of a TLS report. Takes a mail that has a whole Feedback-Type field, or is a complaint in Microsoft's old form.
[[nodiscard]] Seen open_up(std::string_view input, std::string_view name = {}, const Limits& limits = {});

}  // namespace whosent::unpack::test
