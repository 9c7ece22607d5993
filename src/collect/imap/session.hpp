// Session: one connection to a server, from the greeting on: commands out, responses in, and what the server told of itself on the way.
//
// One coroutine uses it at a time, on the I/O thread; end_idle() and close() may come from others on it. Errors (stage collect, retry) name the server and quote its words, cut and
// without names and secrets. After an error of the connection or of the grammar the session is over.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"
#include "reader.hpp"
#include "response.hpp"
#include "whosent/base/result.hpp"
#include "whosent/collect/imap.hpp"
#include "whosent/net/connection.hpp"

namespace whosent::collect::imap {

using boost::asio::awaitable;
using std::chrono::milliseconds;

// What the server said of the selected folder, kept up to date with what it says unasked.
struct Folder {
    std::uint64_t exists = 0;
    std::uint32_t uid_validity = 0;                          // 0: not told
    std::optional<std::set<std::string>> permanent_flags;    // upper case; nothing: not told, which means all (RFC 3501 section 6.3.1)
    bool news = false;                                       // EXISTS since it was last reset
};

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(boost::asio::io_context& io, const ImapSettings& settings, std::size_t message_bytes);

    // open.cpp: connects, reads the greeting, encrypts. login.cpp: logs in and says who we are. `tokens`: of the logins by token.
    [[nodiscard]] awaitable<Result<void>> open();
    [[nodiscard]] awaitable<Result<void>> log_in(net::TokenSource* tokens);
    [[nodiscard]] awaitable<Result<void>> select(std::string folder);
    // idle.cpp: until end_idle(), new messages, or the time is over. False: the server does not take the command.
    [[nodiscard]] awaitable<Result<bool>> idle(milliseconds time);
    void end_idle();
    // At most two seconds, and nothing that fails matters.
    [[nodiscard]] awaitable<void> log_out();
    void close() noexcept;

    // Sends a command that holds no literal; its tag.
    [[nodiscard]] awaitable<Result<std::string>> send(std::string text);
    // The next response; a BYE is an error.
    [[nodiscard]] awaitable<Result<Response>> next();
    // A command and its end, whatever that says. Untagged responses meanwhile are noted and dropped.
    [[nodiscard]] awaitable<Result<Response>> run(Command command);
    [[nodiscard]] awaitable<Result<void>> ask_capabilities();

    [[nodiscard]] bool has(std::string_view capability) const { return capabilities_.contains(capability); }  // "IDLE"
    [[nodiscard]] Folder& folder() noexcept { return folder_; }
    // "WHAT: the server's words"
    [[nodiscard]] Error refusal(std::string_view what, const Response& response) const;
    [[nodiscard]] Error error(std::string message, ErrorCode code = ErrorCode::io) const;
    // How long the server wants us to stay away, where it said so.
    [[nodiscard]] std::optional<milliseconds> told_back_off() const noexcept { return told_back_off_; }

private:
    [[nodiscard]] awaitable<Result<Response>> next_within(milliseconds deadline);
    [[nodiscard]] awaitable<Result<void>> greet();
    [[nodiscard]] awaitable<Result<void>> start_tls(net::TlsContext context);
    [[nodiscard]] awaitable<Result<void>> log_in_with_password();
    [[nodiscard]] awaitable<Result<void>> log_in_with_token(net::TokenSource* tokens);
    [[nodiscard]] awaitable<Result<Response>> authenticate(std::string mechanism, std::string answer, std::string answer_to_error);
    [[nodiscard]] awaitable<void> write_done(std::shared_ptr<Session> self);
    [[nodiscard]] std::string next_tag();
    [[nodiscard]] Result<void> note(const Response& response);
    void take_capabilities(const std::vector<Value>& values);

    boost::asio::io_context& io_;
    const ImapSettings& settings_;
    const milliseconds deadline_;
    std::unique_ptr<net::Connection> connection_;
    ResponseReader reader_;
    std::array<char, 64 * kKiB> buffer_;
    std::string_view rest_;  // of buffer_, not yet read
    std::set<std::string, std::less<>> capabilities_;
    Folder folder_;
    std::vector<std::string> secrets_;  // what no error may quote
    std::optional<milliseconds> told_back_off_;
    unsigned last_tag_ = 0;
    bool preauthenticated_ = false;
    bool leaving_ = false;  // a BYE is what we asked for
    bool closed_ = false;
    boost::asio::steady_timer idle_timer_;
    bool idling_ = false;
    bool end_wanted_ = false;  // before the server said that it idles
    bool done_sent_ = false;
    bool writing_done_ = false;
};

}  // namespace whosent::collect::imap
