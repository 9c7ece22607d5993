// MailParts: the pieces of one mail message that a failure or feedback report is told in (RFC 5965 section 2), as the
// unpacker found them. Transfer encodings are undone; everything else (folding, line ends, character sets) is as sent. They hold
// addresses and subjects of people. Views are valid during the callback.
#pragma once

#include <string_view>

namespace whosent {

struct MailParts {
    std::string_view header;    // the message's own header block, without an mbox "From " line before it
    std::string_view text;      // its first text part that is not blank, plain text before HTML, or its body; at most 64 KiB of it
    // The fields of the message/feedback-report part, or of one of another type that begins with such fields; at most
    // limits.header_bytes. Empty: there is none, or nothing in it.
    std::string_view feedback;
    // The message that the report is about, or what is left of it: a header block (RFC 5322), from message/rfc822,
    // text/rfc822-headers and their misspellings. Its body is not part of it. Empty: there is none, or no field is left of it ("REDACTED").
    std::string_view original;
};

}  // namespace whosent
