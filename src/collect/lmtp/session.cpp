#include "session.hpp"

#include <algorithm>

#include "whosent/base/limits.hpp"

namespace whosent::collect::lmtp {
namespace {

// Allocated for a message before it comes, where the client has told its size: it may lie.
constexpr std::size_t kMostExpected = 1 * kMiB;
// What must be left of the budget for a message of unknown size: most reports are smaller.
constexpr std::size_t kLeastRoom = 64 * kKiB;

constexpr std::string_view kTooLarge = "552 5.3.4 The message is larger than is taken here";
constexpr std::string_view kNoRoom = "452 4.3.1 Too many messages are under way, try again later";

}  // namespace

void Session::greet() {
    replies += "220 ";
    replies += rules_.hostname;
    replies += " LMTP whosent\r\n";
}

std::size_t Session::take(std::string_view input) {
    std::size_t taken = 0;
    while (taken < input.size() && !ended_ && !message_) {
        taken += receiving_ ? take_data(input.substr(taken)) : take_line(input.substr(taken));
    }
    return taken;
}

void Session::answer(std::string_view text) {
    for (std::size_t i = 0; i < message_->recipients; ++i) {
        replies += text;
        replies += "\r\n";
    }
    message_.reset();
    errors_ = 0;
    ++steps_;
}

void Session::dismiss(std::string_view text) {
    if (ended_) return;
    replies += text;
    replies += "\r\n";
    ended_ = true;
    forget();
}

// RFC 5321 section 2.3.8: CRLF ends a line, and neither CR nor LF alone does.
std::size_t Session::take_line(std::string_view input) {
    for (std::size_t from = 0;;) {
        const auto lf = input.find('\n', from);
        if (lf == std::string_view::npos) {
            hold(input);
            return input.size();
        }
        from = lf + 1;
        if (lf > 0 ? input[lf - 1] != '\r' : !line_ends_with_cr_) continue;
        if (line_.empty() && !line_too_long_ && lf > 0 && lf < kMaxLine) {
            execute(input.substr(0, lf - 1));
            return from;
        }
        hold(input.substr(0, lf));
        if (line_too_long_) {
            error("500 5.5.6 The line is too long\r\n");
        } else {
            line_.pop_back();
            execute(line_);
        }
        line_.clear();
        line_too_long_ = line_ends_with_cr_ = false;
        return from;
    }
}

void Session::hold(std::string_view piece) {
    if (piece.empty()) return;
    line_ends_with_cr_ = piece.back() == '\r';
    if (line_.size() + piece.size() >= kMaxLine) {  // with the LF
        line_too_long_ = true;
        line_.clear();
    }
    if (!line_too_long_) line_ += piece;
}

void Session::error(std::string_view text) {
    replies += text;  // no step: garbage keeps no connection open
    if (++errors_ > kMaxErrors) dismiss("421 4.7.0 Too many errors");
}

void Session::execute(std::string_view line) {
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return error("500 5.5.2 A line holds no CR, LF or NUL but the CRLF at its end\r\n");
    const Command command = parse_command(line);
    switch (command.verb) {
        case Verb::lhlo: return hello(command.argument);
        case Verb::smtp_hello: return error("500 5.5.1 This is LMTP: say LHLO\r\n");  // RFC 2033 section 4.1
        case Verb::mail: return mail(command.argument);
        case Verb::rcpt: return rcpt(command.argument);
        case Verb::data: return data(command.argument);
        case Verb::rset:
            if (!command.argument.empty()) return error("501 5.5.4 RSET stands alone\r\n");
            forget();
            return reply("250 2.0.0 Done\r\n");
        case Verb::noop: return reply("250 2.0.0 Done\r\n");
        case Verb::vrfy: return reply("252 2.0.0 Say RCPT and see\r\n");  // RFC 5321 section 7.3
        case Verb::quit:
            if (!command.argument.empty()) return error("501 5.5.4 QUIT stands alone\r\n");
            return dismiss("221 2.0.0 Good-bye");
        case Verb::not_offered: return error("502 5.5.1 Not offered\r\n");
        case Verb::not_mail: return dismiss("421 4.7.0 This is LMTP");
        case Verb::unknown: return error("500 5.5.2 Unknown command\r\n");
    }
}

void Session::hello(std::string_view name) {
    if (name.empty()) return error("501 5.5.4 Say LHLO and a name\r\n");
    forget();
    greeted_ = true;
    reply("250-" + rules_.hostname + "\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE " + std::to_string(rules_.message_bytes) + "\r\n");
}

void Session::mail(std::string_view argument) {
    if (!greeted_) return error("503 5.5.1 LHLO comes first\r\n");
    if (has_sender_) return error("503 5.5.1 A message was begun already\r\n");
    const auto parsed = parse_mail(argument);
    if (!parsed) return error(parsed.error());
    if (parsed->size.value_or(0) > rules_.message_bytes) return reply(std::string(kTooLarge) + "\r\n");  // RFC 1870 section 6.1
    has_sender_ = true;
    declared_ = parsed->size.value_or(0);
    reply("250 2.1.0 Sender taken\r\n");
}

void Session::rcpt(std::string_view argument) {
    if (!has_sender_) return error("503 5.5.1 MAIL comes first\r\n");
    const auto parsed = parse_rcpt(argument);
    if (!parsed) return error(parsed.error());
    const std::string* kind = rules_.recipients.kind_of(*parsed);
    if (kind == nullptr) return reply("550 5.1.1 No such mailbox here\r\n");
    if (recipients_ >= kMaxRecipients) return reply("452 4.5.3 Too many recipients\r\n");
    if (recipients_++ == 0) {
        recipient_ = parsed->local + "@" + parsed->domain;
        kind_ = *kind;
    }
    reply("250 2.1.5 Recipient taken\r\n");
}

void Session::data(std::string_view argument) {
    if (!argument.empty()) return error("501 5.5.4 DATA stands alone\r\n");
    if (recipients_ == 0) return error("503 5.5.1 There is no recipient\r\n");  // RFC 2033 section 4.2
    if (rules_.budget->left() < std::max<std::uint64_t>(declared_, kLeastRoom)) {
        forget();
        return reply(std::string(kNoRoom) + "\r\n");
    }
    receiving_ = true;
    reader_ = {};
    fate_ = Fate::kept;
    body_ = std::make_shared<Body>(rules_.budget);
    if (declared_ > 0) body_->expect(static_cast<std::size_t>(std::min<std::uint64_t>(declared_, kMostExpected)));
    reply("354 End with a dot alone on a line\r\n");
}

std::size_t Session::take_data(std::string_view input) {
    const std::size_t taken = reader_.take(input, [this](std::string_view piece) { keep(piece); });
    if (reader_.ended()) end_of_data();
    return taken;
}

void Session::keep(std::string_view piece) {
    if (fate_ != Fate::kept) return;
    if (body_->bytes().size() + piece.size() > rules_.message_bytes) {
        fate_ = Fate::too_large;
    } else if (!body_->append(piece)) {
        fate_ = Fate::no_room;
    }
    if (fate_ != Fate::kept) body_.reset();
}

void Session::end_of_data() {
    receiving_ = false;
    message_ = Message{std::move(body_), std::move(recipient_), std::move(kind_), recipients_};
    const Fate fate = fate_;
    forget();
    if (fate == Fate::too_large) answer(kTooLarge);
    if (fate == Fate::no_room) answer(kNoRoom);
}

void Session::forget() {
    has_sender_ = receiving_ = false;
    declared_ = 0;
    recipients_ = 0;
    recipient_.clear();
    kind_.clear();
    body_.reset();
}

}  // namespace whosent::collect::lmtp
