// A message as a report in itself: failure and feedback reports (RFC 5965 section 2) are told by several of its parts.
#include <algorithm>

#include "unpack/marks.hpp"
#include "unpack/run.hpp"
#include "whosent/base/text.hpp"

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

// Enough for what receivers write about one message; the parser reads some lines of it.
constexpr std::size_t kTextBytes = 64 * kKiB;
constexpr std::size_t kProbeBytes = 4 * kKiB;  // what a part is, its first lines tell
constexpr std::size_t kWidest = 4;             // characters that one byte may take in an encoding, line ends included

std::string_view without_separator(std::string_view mail) noexcept {
    while (!mail.empty() && (mail[0] == '\r' || mail[0] == '\n')) mail.remove_prefix(1);
    if (mail.starts_with("From "sv) || mail.starts_with(">From "sv)) mail.remove_prefix(std::min(mail.find('\n'), mail.size() - 1) + 1);
    return mail;
}

std::string_view header_block(std::string_view mail, std::size_t max_bytes) {
    mail = without_separator(mail);
    const auto header = read_header(mail, max_bytes);
    return mail.substr(0, header ? static_cast<std::size_t>(header->body.data() - mail.data()) : max_bytes);
}

bool is_text_type(std::string_view type) noexcept { return type.empty() || type.starts_with("text/"sv); }

}  // namespace

bool Run::is_done(std::string_view body) const noexcept {
    return std::ranges::any_of(mail_->done, [&](std::string_view done) { return done.data() == body.data() && done.size() == body.size(); });
}

// All parts of the message, but not what is within its attached messages. Those that are one in the other are bounded together.
void Run::survey(Mail& mail, const Header& header, std::size_t depth, const std::string& path, std::string_view parent) {
    const Part part = describe(header);
    if (auto parts = depth < limits_.mime_depth ? split(header, part) : std::nullopt) {
        std::size_t number = 0;
        while (const auto bytes = parts->splitter.next()) {
            if (++surveyed_ > 2 * limits_.mime_parts) return;
            const auto inner = read_header(*bytes, limits_.header_bytes);
            ++number;
            if (inner) survey(mail, *inner, depth + 1, path + (path.empty() ? "" : ".") + std::to_string(number), header.body);
        }
        return;
    }
    const auto encoding = encoding_of(header.transfer_encoding);
    Leaf leaf{Leaf::Role::other, encoding, header.body, parent, part.type, {}};
    const auto probe = decode(header.body.substr(0, kProbeBytes), encoding, tools_.pool);
    if (is_feedback_type(part.type) || begins_like_feedback(probe.bytes)) {
        leaf.role = Leaf::Role::feedback;
        leaf.label = label_of(part, path);
    } else if (is_original_type(part.type)) {
        leaf.role = Leaf::Role::original;
    } else if (is_text_type(part.type)) {
        leaf.role = Leaf::Role::text;
    } else if (part.type != "message/delivery-status"sv && !has_magic(probe.bytes) && looks_like_mail(probe.bytes)) {
        leaf.role = Leaf::Role::original;
    } else if (part.type.starts_with("multipart/"sv)) {  // in which no delimiter was found
        leaf.role = Leaf::Role::text;
    }
    if (leaf.role != Leaf::Role::other) mail.leaves.push_back(std::move(leaf));
}

// What a part holds, decoded, up to `most` bytes. Some declare base64 and send it as it is, others encode it and do not say so; `is_plain` knows
// what it should be.
Decoded Run::fields_of(const Leaf& leaf, std::size_t most, bool (&is_plain)(std::string_view) noexcept) {
    const auto body = leaf.body.substr(0, leaf.encoding == Encoding::identity ? most : kWidest * most);
    const bool as_is = leaf.encoding == Encoding::base64 && is_plain(body);
    auto decoded = decode(body, as_is ? Encoding::identity : leaf.encoding, tools_.pool);
    if (leaf.encoding == Encoding::identity && !is_plain(body)) {
        auto guessed = decode(body, Encoding::base64, tools_.pool);
        if (is_plain(guessed.bytes)) decoded = std::move(guessed);
    }
    decoded.bytes = decoded.bytes.substr(0, most);
    return decoded;
}

bool Run::offer(const Leaf* feedback, const Leaf* original, std::string_view parent) {
    const auto& mail = *mail_;
    const Leaf* text = nullptr;
    int rank = 0;
    for (const auto& leaf : mail.leaves) {
        if (leaf.role != Leaf::Role::text || &leaf == original || trim(leaf.body.substr(0, kTextBytes)).empty()) continue;
        const int its = 1 + (leaf.type != "text/html"sv ? 1 : 0) + (leaf.parent.data() == parent.data() ? 2 : 0);
        if (its > rank) text = &leaf;
        rank = std::max(rank, its);
    }
    if (feedback == nullptr && original == nullptr && text == nullptr) return false;

    MailParts parts;
    parts.header = without_separator(mail.bytes.substr(0, static_cast<std::size_t>(mail.header.body.data() - mail.bytes.data())));
    Decoded decoded_text, decoded_feedback, decoded_original;
    if (text != nullptr) {
        decoded_text = decode(text->body.substr(0, text->encoding == Encoding::identity ? kTextBytes : kWidest * kTextBytes), text->encoding, tools_.pool);
        parts.text = decoded_text.bytes.substr(0, kTextBytes);
    }
    if (feedback != nullptr) {
        decoded_feedback = fields_of(*feedback, limits_.header_bytes, begins_like_feedback);
        if (!trim(decoded_feedback.bytes).empty()) parts.feedback = decoded_feedback.bytes;
    }
    if (original != nullptr) {
        decoded_original = fields_of(*original, limits_.header_bytes, looks_like_mail);
        parts.original = header_block(decoded_original.bytes, limits_.header_bytes);
    }
    Payload payload{PayloadKind::mail, {containers_.begin(), containers_.begin() + static_cast<std::ptrdiff_t>(mail.containers)}, {}, mail.bytes};
    if (feedback != nullptr) payload.containers.push_back(feedback->label);
    if (mail_reader_(payload, parts) == Taken::no) return false;
    taken_ = true;
    result_.bytes_unpacked += parts.header.size() + parts.text.size() + parts.feedback.size() + parts.original.size();
    return true;
}

// RFC 5965 section 2: the original follows the fields. Where nothing follows them, it is what stands before.
void Run::offer_feedback() {
    auto& mail = *mail_;
    if (std::exchange(mail.surveyed, true)) return;
    survey(mail, mail.header, mail.depth, mail.path, {});
    const auto& leaves = mail.leaves;
    const auto is_feedback = [](const Leaf& leaf) { return leaf.role == Leaf::Role::feedback; };
    for (auto feedback = std::ranges::find_if(leaves, is_feedback); feedback != leaves.end();) {
        const auto next = std::find_if(feedback + 1, leaves.end(), is_feedback);
        const auto is_original = [](const Leaf& leaf) { return leaf.role == Leaf::Role::original; };
        auto original = std::find_if(feedback + 1, next, is_original);
        // Some lists make a text of it.
        if (original == next) {
            original = std::find_if(feedback + 1, next, [](const Leaf& leaf) {
                return leaf.role == Leaf::Role::text && leaf.encoding == Encoding::identity && looks_like_mail(leaf.body);
            });
        }
        if (original == next && !mail.fed && next == leaves.end()) original = std::find_if(leaves.begin(), feedback, is_original);
        const bool found = original != next && original != feedback;
        mail.fed = true;
        if (offer(&*feedback, found ? &*original : nullptr, feedback->parent)) {
            mail.done.push_back(feedback->body);
            if (found) mail.done.push_back(original->body);
            for (const auto& leaf : leaves) {  // what else is left of it: RFC 5965 wants one part, some send its header and the message
                if (found && is_original(leaf) && leaf.parent.data() == original->parent.data()) mail.done.push_back(leaf.body);
            }
        }
        feedback = next;
    }
}

void Run::offer_whole() {
    auto& mail = *mail_;
    const Part part = describe(mail.header);
    // RFC 3464, RFC 8098: of what somebody here sent
    if (taken_ || part.report_type == "delivery-status"sv || part.report_type == "disposition-notification"sv) return;
    offer_feedback();
    if (mail.fed) return;
    const auto original = std::ranges::find_if(mail.leaves, [](const Leaf& leaf) { return leaf.role == Leaf::Role::original; });
    if (offer(nullptr, original != mail.leaves.end() ? &*original : nullptr, {})) drop_failures_of_originals();
}

}  // namespace whosent::unpack
