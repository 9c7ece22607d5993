// unpack: RawMessage -> Payloads. The one capped door: every decoder of transfer encodings, archives and compression is
// behind this header, and every limit holds while inflating, never after.
//
// What names a part (the `where` of diagnostics and failures, Payload::containers and name) holds file names as their sender chose them, and
// so may name persons: whoever stores or shows them hides those first, as pipeline does. Messages name nobody.
//
// Content decides what something is, never its name or declared type. Accepts a mail message (RFC 5322 with MIME), or bare content: XML,
// gzip, zlib, zip.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "whosent/base/byte_source.hpp"
#include "whosent/base/function_ref.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/model/mail_parts.hpp"
#include "whosent/model/payload.hpp"
#include "whosent/model/raw_message.hpp"

namespace whosent::unpack {

// What the caller did with a payload.
enum class Taken : std::uint8_t {
    yes,  // it was a report, read in whole or in part
    no,   // it was no report
};

struct Unpacked {
    bool is_message = false;  // a mail message, not bare content
    std::size_t payloads = 0;          // documents that were handed to the reader; mails are not counted
    std::uint64_t bytes_unpacked = 0;  // what came out of all payloads, and the pieces of the mails that were taken
    std::vector<Diagnostic> diagnostics;  // repairs on the way: header spellings, salvaged archives, stray base64
    std::uint64_t diagnostics_dropped = 0;  // beyond limits.diagnostics
    // Parts, members or streams that could not be opened or read to a payload at all. Others are unaffected.
    std::vector<Error> failures;
    // Why the input must have been meant as a report although no payload was one: a report subject, file name, part type,
    // an ARF field, archive signatures at the start of a base64 block, elements of a report in plain text. A whole XML or JSON document that
    // bears no element or member of one is none, whatever its type and the ending of its name. Empty: no mark at all, so "not a report" may
    // be said.
    std::string mark;
};

// Reads messages one after the other and keeps its buffers and decompressors between them. One thread at a time; make
// one for each thread.
class Unpacker {
public:
    explicit Unpacker(const Limits& limits);
    ~Unpacker();
    Unpacker(Unpacker&&) noexcept;
    Unpacker& operator=(Unpacker&&) noexcept;

    using Reader = FunctionRef<Taken(const Payload&, ByteSource&)>;
    using MailReader = FunctionRef<Taken(const Payload&, const MailParts&)>;

    // Calls `reader` for each payload of kind xml or json, or text that bears report elements, in order. Its ByteSource
    // inflates while it is read and is valid during the callback only; it need not be read to its end.
    // Calls `mail_reader` for mail messages that may be failure or feedback reports (kind mail):
    // - for each message, the outermost or one in it, once for each part with the fields of a feedback report, before the original message
    //   that belongs to it is opened. Where it is taken, the original is not opened: what that carried did not arrive as a report.
    // - at the end for an outermost message, no bounce, in which there is no such part, nothing was taken, and there is a text or an original
    //   message: receivers' own forms without a part of fields (old JMRP, Exim's notes). Refused, the message is what it was before. It is
    //   called for every mail without a report, so it should refuse cheaply.
    // Two passes over the same message that take the same give the same calls in the same order.
    // Never throws and never fails as a whole: what could not be opened stands in `failures`. A mail or archive over limits.message_bytes is
    // one failure with ErrorCode::limit; a bare document may have limits.payload_bytes.
    [[nodiscard]] Unpacked unpack(const RawMessage& message, Reader reader, MailReader mail_reader);

private:
    struct State;
    std::unique_ptr<State> state_;
};

// gzip of `bytes`, for keeping messages in the quarantine, and its inverse (capped at `max_bytes`).
[[nodiscard]] std::string compress_for_keeping(std::string_view bytes);
[[nodiscard]] Result<std::string> expand_kept(std::string_view gzip, std::size_t max_bytes);

}  // namespace whosent::unpack
