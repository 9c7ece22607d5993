// One LMTP session without its connection: bytes in, replies and messages out (RFC 2033, with PIPELINING RFC 2920, SIZE RFC 1870, 8BITMIME RFC 6152 and
// ENHANCEDSTATUSCODES RFC 2034). One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "body.hpp"
#include "command.hpp"
#include "data.hpp"
#include "recipients.hpp"

namespace whosent::collect::lmtp {

// The same for all sessions of a listener; outlives them.
struct Rules {
    std::string hostname;
    Recipients recipients;
    std::size_t message_bytes = 0;  // Limits::message_bytes
    std::shared_ptr<Budget> budget;
};

// RFC 5321 section 4.5.3.1.8: at least 100.
inline constexpr std::size_t kMaxRecipients = 100;
// Commands that make no sense, since the last message, before the session is ended. Mail servers make none.
inline constexpr int kMaxErrors = 20;

// A message whose final dot has come.
struct Message {
    std::shared_ptr<const Body> body;
    std::string recipient;       // the first that was accepted, as sent
    std::string kind;            // of its mailbox
    std::size_t recipients = 0;  // each gets a reply
};

class Session {
public:
    explicit Session(const Rules& rules) : rules_(rules) {}

    void greet();
    // Takes bytes in until they are used up, a message is there, or the session has ended; returns how many. The replies are added to `replies`.
    [[nodiscard]] std::size_t take(std::string_view input);
    // The message that waits for its answer; nothing is taken before it was given.
    [[nodiscard]] const std::optional<Message>& message() const noexcept { return message_; }
    // "250 2.0.0 stored", without CRLF: once for each recipient.
    void answer(std::string_view reply);
    // A last reply, "421 ..." without CRLF, and the end.
    void dismiss(std::string_view reply);

    [[nodiscard]] bool ended() const noexcept { return ended_; }
    // Between DATA and the final dot.
    [[nodiscard]] bool receiving() const noexcept { return receiving_; }
    // Grows with every command that was understood, and every message.
    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }

    std::string replies;  // what is to be written; who writes it clears it

private:
    enum class Fate : std::uint8_t { kept, too_large, no_room };

    std::size_t take_line(std::string_view input);
    void hold(std::string_view piece);
    void execute(std::string_view line);
    void hello(std::string_view name);
    void mail(std::string_view argument);
    void rcpt(std::string_view argument);
    void data(std::string_view argument);
    std::size_t take_data(std::string_view input);
    void keep(std::string_view piece);
    void end_of_data();
    void forget();  // the transaction
    void reply(std::string_view text) { replies += text; ++steps_; }
    void error(std::string_view text);

    const Rules& rules_;
    std::string line_;  // what came of a line whose end did not
    bool line_too_long_ = false, line_ends_with_cr_ = false;
    bool greeted_ = false, receiving_ = false, ended_ = false;
    int errors_ = 0;
    std::uint64_t steps_ = 0;
    // The transaction
    bool has_sender_ = false;
    std::uint64_t declared_ = 0;  // SIZE
    std::string recipient_, kind_;
    std::size_t recipients_ = 0;
    DataReader reader_;
    std::shared_ptr<Body> body_;
    Fate fate_ = Fate::kept;
    std::optional<Message> message_;
};

}  // namespace whosent::collect::lmtp
