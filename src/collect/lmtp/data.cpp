#include "data.hpp"

namespace whosent::collect::lmtp {

std::size_t DataReader::take(std::string_view input, FunctionRef<void(std::string_view)> bytes) {
    std::size_t at = 0;
    std::size_t kept = 0;  // from here to `at` stands what is the message's and was not given yet
    const auto give = [&](std::size_t end) {
        if (end > kept) bytes(input.substr(kept, end - kept));
    };
    while (at < input.size() && state_ != State::ended) {
        const char c = input[at];
        switch (state_) {
            case State::line_start:
                if (c == '.') {
                    give(at);
                    kept = ++at;
                    state_ = State::dot;
                } else {
                    state_ = State::middle;
                }
                break;
            case State::dot:
                if (c == '\r') {
                    // Neither given nor dropped: it may belong to the end.
                    kept = ++at;
                    state_ = State::dot_cr;
                } else {
                    state_ = State::middle;
                }
                break;
            case State::dot_cr:
                if (c == '\n') {
                    kept = ++at;
                    state_ = State::ended;
                } else {
                    bytes("\r");
                    state_ = State::cr;
                }
                break;
            case State::middle: {
                const auto end = input.find('\r', at);
                if (end == std::string_view::npos) {
                    at = input.size();
                } else {
                    at = end + 1;
                    state_ = State::cr;
                }
                break;
            }
            case State::cr:
                if (c == '\n') {
                    ++at;
                    state_ = State::line_start;
                } else if (c == '\r') {
                    ++at;
                } else {
                    state_ = State::middle;
                }
                break;
            case State::ended: break;
        }
    }
    give(at);
    return at;
}

}  // namespace whosent::collect::lmtp
