#include <fmt/format.h>

#include <algorithm>

#include "unpack/marks.hpp"
#include "unpack/run.hpp"
#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

bool is_message_type(std::string_view type) noexcept {
    return type == "message/rfc822"sv || type == "message/global"sv || type == "message/news"sv;
}

bool is_multipart_type(std::string_view type) noexcept { return type.starts_with("multipart/"sv); }

// Bytes of a large file up to `limit`, copied chunk by chunk; their pages are let go of behind.
class PassingSource final : public ByteSource {
public:
    PassingSource(std::string_view bytes, std::uint64_t limit, const std::function<void(std::string_view)>& done_with, BufferPool& pool)
        : bytes_(bytes), left_(limit), done_with_(done_with), pool_(pool) {}

    [[nodiscard]] Result<Chunk> next() override {
        if (left_ < std::min(bytes_.size(), kChunkBytes))
            return std::unexpected(Error{.code = ErrorCode::limit, .stage = Stage::unpack, .message = "larger than the limit payload_bytes"});
        if (buffer_.data() == nullptr) buffer_ = Lease(pool_, kChunkBytes);
        const auto step = bytes_.substr(0, kChunkBytes);
        std::copy(step.begin(), step.end(), buffer_.data());
        if (done_with_) done_with_(step);
        bytes_.remove_prefix(step.size());
        left_ -= step.size();
        return Chunk{{buffer_.data(), step.size()}, bytes_.empty()};
    }

private:
    std::string_view bytes_;
    std::uint64_t left_;
    const std::function<void(std::string_view)>& done_with_;
    BufferPool& pool_;
    Lease buffer_;
};

}  // namespace

std::string label_of(const Part& part, std::string_view path) {
    return fmt::format("{}{}{}{}{}", path.empty() ? "body" : "part ", path, part.type.empty() ? "" : " ", printable(part.type),
                       part.name.empty() ? std::string() : fmt::format(" \"{}\"", printable(part.name)));
}

Unpacked Run::go() && {
    const auto bytes = input_.bytes;
    // A bare document may be as large as a payload: it goes by in chunks. A mail or an archive has to be in memory as a whole.
    const bool is_mail = !has_magic(bytes) && looks_like_mail(bytes);
    const bool large = bytes.size() > limits_.message_bytes;
    const auto goes_by = [&] {
        if (is_mail) return false;
        const auto content = recognise(bytes.substr(0, kChunkBytes));
        return content == Content::xml || content == Content::json || content == Content::text;
    };
    if (large && goes_by()) {
        bare(bytes);
    } else if (large) {
        fail(ErrorCode::limit,
             fmt::format("message of {} bytes is over the limit message_bytes of {}", bytes.size(), limits_.message_bytes));
    } else if (is_mail) {
        result_.is_message = true;
        message(bytes, 0, {});
        // What was cut off may have been the report.
        if (cut_ && !taken_ && result_.failures.empty()) fail(ErrorCode::truncated, "message ends before its last part");
    } else {
        bare(bytes);
    }
    if (taken_) result_.mark.clear();
    return std::move(result_);
}

void Run::bare(std::string_view bytes) {
    name_ = input_.provenance.name;
    packed_ = bytes;
    const bool large = bytes.size() > limits_.message_bytes;
    PassingSource rest(large ? bytes.substr(std::min(kChunkBytes, bytes.size())) : std::string_view(), limits_.payload_bytes, input_.done_with, tools_.pool);
    const auto outcome = document({large ? bytes.substr(0, kChunkBytes) : bytes, large ? &rest : nullptr, false}, 0);
    if (outcome == Outcome::taken) return;
    const std::string lower = to_lower(name_);
    const bool is_promised = is_archive_name(name_) || lower.ends_with(".eml");
    if (outcome == Outcome::foreign ? is_exact_report_name(name_) : is_report_name(name_)) mark("a file with the name of a report");
    switch (outcome) {
        case Outcome::empty:
            if (is_promised) mark("an empty file with the name of a report or message");
            break;
        case Outcome::unrecognised: mark("bytes of no known kind"); break;
        case Outcome::text:
            if (is_promised) mark("a file with the name of a report or message that is only text");
            mark_text(bytes.substr(0, kWholeBytes), true);
            break;
        default: break;
    }
}

bool Run::count_part() {
    if (++parts_ <= limits_.mime_parts) return true;
    if (parts_ == limits_.mime_parts + 1)
        fail(ErrorCode::limit, fmt::format("message with more parts than the limit mime_parts of {}", limits_.mime_parts));
    return false;
}

void Run::message(std::string_view bytes, std::size_t depth, const std::string& path) {
    std::string mended;
    if (const auto head = bytes.substr(0, 64 * kKiB);
        head.find('\n') == std::string_view::npos && head.find('\r') != std::string_view::npos) {
        mended = bytes;
        std::ranges::replace(mended, '\r', '\n');
        bytes = mended;
        note(Severity::warning, "mime.line_ends", "lines end in a carriage return alone");
    }
    while (!bytes.empty() && (bytes[0] == '\r' || bytes[0] == '\n')) bytes.remove_prefix(1);
    if (bytes.starts_with("\xef\xbb\xbf"sv)) bytes.remove_prefix(3);
    const auto header = read_header(bytes, limits_.header_bytes);
    if (!header) {
        fail(header.error());
        return;
    }
    if (!header->subject.empty() && is_report_subject(decode_subject(header->subject))) mark("the subject of a report");
    if (header->feedback_type) mark("an ARF field Feedback-Type");
    if (header->tls_report) mark("a field TLS-Report-Domain");
    if (header->complaint) mark("a field X-HmXmrOriginalRecipient");
    if (!header->ended && depth == 0) fail(ErrorCode::truncated, "message ends within its header");
    Mail mail{bytes, *header, depth, path, containers_.size(), false, false, {}, {}};
    Mail* const outer = std::exchange(mail_, &mail);
    entity(*header, depth, path);
    if (outer == nullptr) offer_whole();
    mail_ = outer;
}

void Run::entity(const Header& header, std::size_t depth, const std::string& path) {
    if (!count_part()) return;
    if (header.misspelt) note(Severity::warning, "mime.header.spelling", "a header field is spelt in another way");
    if (header.damaged) note(Severity::warning, "mime.header.damaged", "lines of the header are no fields");
    const Part part = describe(header);
    const bool quiet = quiet_;
    // RFC 3464, RFC 8098: what a bounce or a receipt returns was sent by somebody here, it is no report to us.
    if (part.report_type == "delivery-status"sv || part.report_type == "disposition-notification"sv) quiet_ = true;
    if (part.report_type == "feedback-report"sv || part.report_type == "tlsrpt"sv)
        mark(fmt::format("multipart/report of type {}", part.report_type));
    if (!multipart(header, part, depth, path)) leaf(header, part, depth, path);
    quiet_ = quiet;
}

std::optional<Run::Splitting> Run::split(const Header& header, const Part& part) {
    const bool declared = is_multipart_type(part.type) || !part.boundary.empty();
    // What says that it is text or a message is taken at its word.
    if (!declared && (part.type.starts_with("text/"sv) || part.type.starts_with("message/"sv) ||
                      encoding_of(header.transfer_encoding) == Encoding::base64))
        return std::nullopt;
    // A message of several parts, named as a file: leaf() opens it.
    if (!declared && !part.type.empty() && looks_like_mail(header.body)) return std::nullopt;
    PartSplitter splitter(header.body, part.boundary);
    if (splitter.found()) return Splitting{splitter, false};
    const auto boundary = guess_boundary(header.body);
    if (boundary.empty()) return std::nullopt;
    return Splitting{PartSplitter(header.body, boundary), true};
}

bool Run::multipart(const Header& header, const Part& part, std::size_t depth, const std::string& path) {
    auto parts = split(header, part);
    if (!parts) {
        if (depth == 0 && (is_multipart_type(part.type) || !part.boundary.empty())) cut_ = part.type != "multipart/report"sv;
        return false;
    }
    auto& [splitter, guessed] = *parts;
    if (guessed) note(Severity::warning, "mime.boundary.guessed", "the delimiter of the parts is not the declared one");
    if (depth >= limits_.mime_depth) {
        fail(ErrorCode::limit, fmt::format("parts nested deeper than the limit mime_depth of {}", limits_.mime_depth));
        return true;
    }
    // With a guessed delimiter this may be a bounce that quotes a message; without a blank line before it, it is the rest of a
    // damaged header.
    stray_text(splitter.preamble(), "text before the first part", !guessed || !header.blank_line);
    std::size_t number = 0;
    bool last_is_whole = true;
    while (const auto bytes = splitter.next()) {
        const std::string inner = fmt::format("{}{}{}", path, path.empty() ? "" : ".", ++number);
        const auto header_of_part = read_header(*bytes, limits_.header_bytes);
        if (!header_of_part) {
            const Inside inside(*this, "part " + inner);
            fail(header_of_part.error());
            continue;
        }
        last_is_whole = header_of_part->ended && !trim(header_of_part->body).empty();
        entity(*header_of_part, depth + 1, inner);
        if (parts_ > limits_.mime_parts) return true;
    }
    if (splitter.closed()) {
        stray_text(splitter.epilogue(), "text after the last part", !guessed);
    } else {
        note(Severity::note, "mime.unclosed", "the closing delimiter of the parts is missing");
        // Bounces often lack it; but where no second part came, or the last one has no content, something was cut off.
        if (depth == 0) cut_ = part.type != "multipart/report"sv && (number < 2 || !last_is_whole);
    }
    return true;
}

void Run::stray_text(std::string_view text, std::string_view where, bool headers) {
    if (trim(text).empty()) return;
    const Inside inside(*this, std::string(where));
    packed_ = text;
    name_.clear();
    if (loose({text, nullptr, false}, recognise(text), 0) == Outcome::text) mark_text(text, headers);
}

void Run::leaf(const Header& header, const Part& part, std::size_t depth, const std::string& path) {
    // Before the original is opened, and before anything in it counts.
    if (is_feedback_type(part.type) || is_original_type(part.type)) offer_feedback();
    if (is_done(header.body)) return;
    const auto encoding = encoding_of(header.transfer_encoding);
    auto decoded = decode(header.body, encoding, tools_.pool);
    const bool is_text = part.type.empty() || part.type.starts_with("text/"sv);
    const Inside inside(*this, label_of(part, path));
    if (encoding == Encoding::base64) {
        // Some declare base64 and send the document as it is.
        const auto as_is = recognise(trim(header.body.substr(0, 4 * kKiB)));
        if (as_is == Content::gzip || as_is == Content::zip || as_is == Content::json ||
            (is_message_type(part.type) && looks_like_mail(header.body)) ||
            (as_is == Content::xml && header.body.find('>') != std::string_view::npos)) {
            note(Severity::warning, "mime.encoding.guessed", "base64 is declared, but the content is not encoded");
            decoded = {{}, header.body, false};  // none of these can begin a base64 block
        } else if (decoded.stray) {
            note(Severity::warning, "mime.base64.stray", "characters that are not base64 were left out");
        }
    }
    if (begins_like_feedback(decoded.bytes)) {
        offer_feedback();
        if (is_done(header.body)) return;
    }
    if (is_message_type(part.type) || (!is_text && part.type != "message/delivery-status"sv)) {
        const auto content = recognise(decoded.bytes);
        if ((content == Content::text || content == Content::xml || content == Content::unrecognised) &&
            looks_like_mail(decoded.bytes)) {
            if (depth >= limits_.mime_depth) {
                fail(ErrorCode::limit, fmt::format("messages nested deeper than the limit mime_depth of {}", limits_.mime_depth));
            } else {
                offer_feedback();
                if (is_done(header.body)) return;
                const auto failures = result_.failures.size();
                message(decoded.bytes, depth + 1, path.empty() ? "1" : path);
                if (mail_->depth == 0 && result_.failures.size() > failures)
                    failures_of_originals_.emplace_back(failures, result_.failures.size());
            }
            return;
        }
    }
    name_ = part.name;
    packed_ = decoded.bytes;
    const auto outcome = document({decoded.bytes, nullptr, false}, 0);
    if (outcome == Outcome::taken) return;
    mark_leaf(part, decoded.bytes, outcome);
    // A damaged delimiter leaves the next part in this one, where decoding destroys it.
    if (decoded.stray) stray_text(header.body, "undecoded text", true);
}

void Run::mark_leaf(const Part& part, std::string_view bytes, Outcome outcome) {
    const bool is_foreign = outcome == Outcome::foreign;
    if (is_report_type(part.type) || (!is_foreign && is_xml_type(part.type))) mark(fmt::format("a part of type {}", part.type));
    if (is_foreign ? is_exact_report_name(part.name) : is_report_name(part.name)) mark("an attachment with the name of a report");
    const bool is_unread =
        outcome == Outcome::empty || outcome == Outcome::unrecognised || outcome == Outcome::text || outcome == Outcome::refused;
    if (is_unread && (is_archive_type(part.type) || is_archive_name(part.name)))
        mark("an attachment that should be an archive and is none");
    // Within it the header of another part: a delimiter is damaged.
    if (outcome == Outcome::text) mark_text(bytes, !guess_boundary(bytes).empty());
}

void Run::mark_text(std::string_view bytes, bool headers) {
    if (const auto line = report_line(bytes, headers); !line.empty()) mark(line);
    if (!starts_with_base64_lines(bytes)) return;
    const auto decoded = decode(bytes.substr(0, 64 * kKiB), Encoding::base64, tools_.pool);
    if (recognise(decoded.bytes) != Content::text) mark("base64 without the header that belongs to it");
}

}  // namespace whosent::unpack
