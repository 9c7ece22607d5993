// One MIME entity: its header fields, and the parts of a multipart body (RFC 2045, 2046). GMime reads the structured field
// values that are not plain; the splitting is ours, so that nothing is allocated by what the input claims: a part costs nothing until it is looked
// at. Pure; views point into the entity. Thread safe once init_mime() has run.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "unpack/transfer.hpp"
#include "whosent/base/result.hpp"

namespace whosent::unpack {

// Must have run before anything else of this header and of transfer.hpp. Cheap when repeated, thread safe.
void init_mime();

// The fields that matter, still folded and encoded; empty where absent.
struct Header {
    std::string_view content_type;
    std::string_view transfer_encoding;
    std::string_view disposition;
    std::string_view subject;
    std::string_view body;       // what follows the blank line
    bool feedback_type = false;  // a Feedback-Type field (RFC 5965 section 3.1)
    bool tls_report = false;     // a TLS-Report-Domain field (RFC 8460 section 5.3)
    bool complaint = false;      // a field that Microsoft adds to a message that a recipient complained about
    bool misspelt = false;       // one of the names was spelt in another way, e.g. "ContentType"
    bool damaged = false;        // lines that are no field were passed over
    bool ended = false;          // a blank line or a first body line was seen
    bool blank_line = false;     // it was a blank line
};
// Error: limit, when more than `max_bytes` go by before the header ends.
[[nodiscard]] Result<Header> read_header(std::string_view entity, std::size_t max_bytes);

struct Part {
    std::string type;  // "application/gzip", lower case; empty when not given
    std::string name;  // file name, decoded (RFC 2231, RFC 2047)
    std::string boundary;
    std::string report_type;  // of multipart/report
};
[[nodiscard]] Part describe(const Header& header);

// A Subject in UTF-8, unfolded (RFC 2047).
[[nodiscard]] std::string decode_subject(std::string_view value);

// The parts of a multipart body one after the other.
class PartSplitter {
public:
    // `boundary` must outlive the splitter.
    PartSplitter(std::string_view body, std::string_view boundary);
    [[nodiscard]] std::optional<std::string_view> next();
    // False when no delimiter line was found at all.
    [[nodiscard]] bool found() const noexcept { return found_; }
    // After next() returned nothing: the closing delimiter was there.
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] std::string_view preamble() const noexcept { return preamble_; }
    [[nodiscard]] std::string_view epilogue() const noexcept { return rest_; }

private:
    std::string_view rest_;
    std::string_view boundary_;
    std::string_view preamble_;
    bool found_ = false;
    bool closed_ = false;
};

// The delimiter that a body uses, by a line of two hyphens with a field of a part after it; empty when there is none.
[[nodiscard]] std::string_view guess_boundary(std::string_view body) noexcept;

}  // namespace whosent::unpack
