// Limits: the one struct that bounds what hostile or broken input can cost. Configured under [limits]; each
// value has a unit and a reason. A limit that is hit gives ErrorCode::limit and a message that names it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace whosent {

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;
inline constexpr std::size_t kGiB = 1024 * kMiB;

struct Limits {
    // One message as it arrived. Receivers cap mail at 25 to 50 MB; more is not mail. Held in memory once a worker.
    std::size_t message_bytes = 64 * kMiB;
    // All header bytes of one MIME entity. Real ones stay under 100 KiB; GMime copies each of them several times.
    std::size_t header_bytes = 1 * kMiB;
    // MIME parts of a message, nested ones included. GMime takes 130 bytes of memory a byte of input for tiny parts.
    std::size_t mime_parts = 1000;
    // Multipart and message/rfc822 levels. Forwarded reports have 2 to 4.
    std::size_t mime_depth = 16;
    // One payload after inflating. Largest real aggregate report seen: 96 MB. It is scanned while it inflates,
    // so this bounds time, not memory.
    std::uint64_t payload_bytes = 2 * kGiB;
    // Inflated bytes for one compressed byte, tested once ratio_floor_bytes have come out. XML of equal records reaches
    // 150; deflate's own ceiling is 1032.
    std::uint64_t ratio = 400;
    std::uint64_t ratio_floor_bytes = 16 * kMiB;
    // Containers within containers: gzip in zip in gzip. Real: 2.
    std::size_t nesting = 4;
    // Members looked at in one archive. Real reports: 1, seldom up to 20.
    std::size_t archive_members = 256;
    // Rows of one report. The largest told of has 900,000.
    std::uint64_t rows = 5'000'000;
    // One <record> or one metadata section. pugixml takes up to 22 times its bytes as a tree.
    std::size_t xml_section_bytes = 1 * kMiB;
    // Element depth within a section; RFC 9990 needs 6.
    std::size_t xml_depth = 64;
    // XML nodes of one section; a record with the allowed 100 DKIM results has about 1,000.
    std::size_t xml_nodes = 20'000;
    // Levels of a JSON document. RFC 8460 needs 6, a notification of Amazon SES 5 within the 2 of its envelope.
    std::size_t json_depth = 32;
    // What one TLS report takes in memory, where it is kept whole: 150,000 failure details. The examples seen have up to ten.
    std::size_t tls_report_bytes = 64 * kMiB;
    // DKIM results kept of one row (RFC 9990 section 3.1.3: at most 100), and DKIM identities of a failure or feedback report.
    std::size_t dkim_results = 100;
    // One text value; longer ones are cut with a diagnostic. A domain name is at most 253, comments are free text.
    std::size_t value_bytes = 4 * kKiB;
    // Diagnostics kept of one report, and of one message; further ones are only counted.
    std::size_t diagnostics = 1000;
};

}  // namespace whosent
