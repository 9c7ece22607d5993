// What some bytes are, by themselves: names and declared types play no part here. All functions are pure and thread safe.
#pragma once

#include <cstdint>
#include <string_view>

namespace whosent::unpack {

enum class Content : std::uint8_t {
    empty,  // nothing, or white space only
    gzip,
    zlib,
    zip,
    xml,  // begins like XML, in any of its encodings, or has an XML declaration near its beginning
    json,
    text,
    binary,        // a known format that holds no report: images, PDF, office documents, other archives, executables
    unrecognised,  // bytes of no known kind
};

// Looks at the first 4 KiB at most.
[[nodiscard]] Content recognise(std::string_view bytes) noexcept;

// The first bytes are those of a packed or binary format.
[[nodiscard]] bool has_magic(std::string_view bytes) noexcept;

// An element name of an aggregate report, or a member name of a TLS report or of a complaint from Amazon SES, stands within the
// first MiB; UTF-16 too.
[[nodiscard]] bool bears_report_elements(std::string_view bytes) noexcept;

// A header of RFC 5322 at the beginning, possibly after blank lines or an mbox "From " line, possibly cut or with damaged lines.
[[nodiscard]] bool looks_like_mail(std::string_view bytes) noexcept;

// Begins with the fields of a feedback report (RFC 5965 section 3): Feedback-Type, or User-Agent and Version, and none of those that
// every mail message has.
[[nodiscard]] bool begins_like_feedback(std::string_view bytes) noexcept;

// Where a gzip stream or a zip member begins within the first 64 KiB of bytes that are not otherwise recognised; npos if nowhere.
[[nodiscard]] std::size_t find_archive(std::string_view bytes) noexcept;

}  // namespace whosent::unpack
