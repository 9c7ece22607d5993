// Result and Error: how every room reports that something could not be done.
//
// An Error is a value; nothing in the project throws across a room's border (an adapter catches what its library
// throws). `message` is for people and may be shown and logged; it never holds personal data. `detail` is for the
// developer who reads a log at debug level. All types here are plain values: copyable, no shared state.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace whosent {

// What went wrong, as a stable word: tests, the quarantine and the summary rely on it (see error_code_name).
enum class ErrorCode : std::uint8_t {
    invalid_argument,  // the caller asked for something that makes no sense
    not_found,
    io,              // the operating system refused: message holds its words
    truncated,       // input ended before its own structure says so
    corrupt,         // checksum or structure broken
    unrecognised,    // no known kind of content
    not_a_report,    // readable, and holds no report
    limit,           // one of Limits was reached; message names which, and its value
    unsupported,     // a known kind that this build cannot read (an encrypted zip, an unknown compression method)
    store_locked,    // another process is the writer; message names it
    store_version,   // the store was written by a newer version
    store_full,      // disk full: nothing of the batch is stored
    store_corrupt,   // the store file is damaged or not a store
    cursor_expired,  // a cursor of another epoch or before a purge; detail holds the cursor to resume after
    internal,
};

enum class Stage : std::uint8_t { collect, unpack, parse, judge, store, encode, app };

enum class Persistence : std::uint8_t {
    permanent,  // the same input fails again
    retry,      // the circumstances failed (disk, lock): the same input may succeed later
};

struct Error {
    ErrorCode code = ErrorCode::internal;
    Stage stage = Stage::app;
    Persistence persistence = Persistence::permanent;
    std::string where;    // file, message, part, member or element: outermost first, " > " between
    std::string message;  // one sentence for people, no final full stop
    std::string detail;   // for developers; may be empty
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] std::string_view error_code_name(ErrorCode code) noexcept;
[[nodiscard]] std::string_view stage_name(Stage stage) noexcept;

// "where: message" with what is known.
[[nodiscard]] std::string to_string(const Error& error);

// Returns the error of a Result expression to the caller, or yields its value. GNU statement expression: both g++ and clang
// have it. Names carry the line, so that one may stand within another's lambda.
#define WHOSENT_TRY(expression) WHOSENT_TRY_AS(expression, WHOSENT_JOIN(whosent_result_, __LINE__))
#define WHOSENT_TRY_AS(expression, name)                                   \
    ({                                                                     \
        auto&& name = (expression);                                        \
        if (!name) return std::unexpected(std::move(name).error());        \
        *std::move(name);                                                  \
    })

// The same for Result<void>.
#define WHOSENT_CHECK(expression) WHOSENT_CHECK_AS(expression, WHOSENT_JOIN(whosent_result_, __LINE__))
#define WHOSENT_CHECK_AS(expression, name)                                 \
    do {                                                                   \
        auto&& name = (expression);                                        \
        if (!name) return std::unexpected(std::move(name).error());        \
    } while (false)

#define WHOSENT_JOIN(left, right) WHOSENT_JOIN_EXPANDED(left, right)
#define WHOSENT_JOIN_EXPANDED(left, right) left##right

}  // namespace whosent
