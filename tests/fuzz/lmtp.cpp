// LMTP: the input is what a client sends. However it is cut, the replies and messages are the same; what is a message a plain search for the first CRLF dot CRLF agrees with; every
// reply is well-formed; nothing is held beyond the limits, nor when the session is over.
#include <algorithm>
#include <string>
#include <vector>

#include "collect/lmtp/session.hpp"
#include "fuzz.hpp"

using namespace whosent;
using namespace whosent::collect::lmtp;

namespace {

constexpr std::size_t kMessageBytes = 4000, kBudget = 100'000;

struct Heard {
    std::string replies;
    std::vector<std::string> messages;
    bool ended = false, receiving = false;
    bool operator==(const Heard&) const = default;
};

// The message at the begin of what follows DATA, as the standard's words have it (RFC 5321 sections 4.1.1.4 and 4.5.2).
std::string message_in(std::string_view data) {
    const std::string all = "\r\n" + std::string(data);
    const auto end = all.find("\r\n.\r\n");
    fuzz::check(end != std::string::npos, "a message without its end", data);
    std::string message;
    for (std::size_t at = 0; at < end + 2; ++at) {
        message += all[at];
        if (message.ends_with("\r\n") && at + 1 < end && all[at + 1] == '.') {
            message += all.substr(at + 2, 1);
            at += 2;
        }
    }
    return message.substr(2);
}

void check_replies(std::string_view replies) {
    while (!replies.empty()) {
        const auto end = replies.find("\r\n");
        fuzz::check(end != std::string_view::npos && end >= 4 && end <= 510, "a reply that does not end, or is too long (RFC 5321 section 4.5.3.1.5)", replies);
        const std::string_view line = replies.substr(0, end);
        fuzz::check(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-'), "a reply without a code", line);
        fuzz::check(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; }), "a byte in a reply", line);
        replies.remove_prefix(end + 2);
    }
}

template <class Next>
Heard listen(const Rules& rules, std::string_view input, Next&& next, bool against_search) {
    Session session(rules);
    session.greet();
    Heard heard;
    std::size_t at = 0, data = 0;
    bool receiving = false;
    while (at < input.size() && !session.ended()) {
        const std::string_view piece = input.substr(at, std::max<std::size_t>(1, next()));
        const std::size_t taken = session.take(piece);
        fuzz::check(taken <= piece.size() && (taken > 0 || session.message()), "it takes nothing");
        at += taken;
        if (session.receiving() && !receiving) data = at;
        receiving = session.receiving();
        if (const auto& message = session.message()) {
            fuzz::check(message->recipients > 0 && message->recipients <= kMaxRecipients && !message->kind.empty(), "recipients");
            fuzz::check(message->body->bytes().size() <= kMessageBytes, "a message beyond the limit");
            heard.messages.emplace_back(message->body->bytes());
            if (against_search) fuzz::check(message_in(input.substr(data, at - data)) == heard.messages.back(), "another message than a search finds", heard.messages.back());
            session.answer("250 2.0.0 Stored");
        }
        fuzz::check(session.replies.size() <= 400 * (piece.size() + 10), "replies without end");
        heard.replies += session.replies;
        session.replies.clear();
    }
    heard.ended = session.ended();
    heard.receiving = session.receiving();
    check_replies(heard.replies);
    return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Rules rules{"mx.example.com",
                             Recipients({{"a@example.com", "aggregate"}, {"@example.org", "any"}}), kMessageBytes, std::make_shared<Budget>(kBudget)};
    const std::string_view input = fuzz::text_of(data, size);
    const Heard whole = listen(rules, input, [&] { return input.size(); }, false);
    std::uint64_t random = fuzz::hash_of(input);
    const Heard cut = listen(rules, input, [&] { return (random = random * 6'364'136'223'846'793'005U + 1) >> 60; }, false);
    fuzz::check(whole == cut, "how it is cut changes something");
    const Heard single = listen(rules, input, [] { return 1; }, true);
    fuzz::check(whole == single, "byte by byte it is something else");
    fuzz::check(rules.budget->left() == kBudget, "something is held still");
    return fuzz::kUsed;
}
