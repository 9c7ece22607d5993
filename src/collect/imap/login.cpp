// Logging in (RFC 3501 sections 6.2.2 and 6.2.3, RFC 4959, RFC 7628; Microsoft's and Google's XOAUTH2).
#include <fmt/format.h>

#include "sasl.hpp"
#include "session.hpp"
#include "wake.hpp"
#include "whosent/base/version.hpp"

namespace whosent::collect::imap {
namespace {

struct Answer {
    explicit Answer(boost::asio::io_context& io) : wake(io.get_executor()) {}
    Wake wake;
    std::optional<Result<std::string>> token;
};

awaitable<Result<std::string>> token_of(boost::asio::io_context& io, net::TokenSource& tokens) {
    auto answer = std::make_shared<Answer>(io);
    tokens.token([answer](Result<std::string> token) {
        answer->token = std::move(token);
        answer->wake.notify();
    });
    // Its source has a deadline
    while (!answer->token) co_await answer->wake.wait(std::chrono::minutes(1));
    co_return std::move(*answer->token);
}

}  // namespace

awaitable<Result<void>> Session::log_in(net::TokenSource* tokens) {
    if (!preauthenticated_) {
        if (capabilities_.empty()) {
            auto asked = co_await ask_capabilities();
            if (!asked) co_return std::unexpected(std::move(asked).error());
        }
        const bool by_password = settings_.login == ImapSettings::Login::password;
        Result<void> in;
        if (by_password) {
            in = co_await log_in_with_password();
        } else {
            in = co_await log_in_with_token(tokens);
        }
        if (!in) co_return std::unexpected(std::move(in).error());
    }
    auto asked = co_await ask_capabilities();
    if (!asked) co_return std::unexpected(std::move(asked).error());
    if (has("ID")) {  // RFC 2971; some hosts want it before they open a folder
        Command command("ID (\"name\" \"whosent\" \"version\"");
        command.string(kVersion);
        command.text(")");
        auto response = co_await run(std::move(command));
        if (!response) co_return std::unexpected(std::move(response).error());
    }
    co_return Result<void>{};
}

awaitable<Result<void>> Session::log_in_with_password() {
    if (!settings_.password) co_return std::unexpected(error("no password is configured", ErrorCode::invalid_argument));
    auto password = settings_.password->read();
    if (!password) co_return std::unexpected(std::move(password).error());
    secrets_.push_back(*password);
    if (settings_.user.find('\0') != std::string::npos || password->find('\0') != std::string::npos)
        co_return std::unexpected(error("a user name or password may hold no line end and no NUL", ErrorCode::invalid_argument));
    Result<Response> response;
    if (has("AUTH=PLAIN")) {
        std::string answer = sasl_plain(settings_.user, *password);
        response = co_await authenticate("PLAIN", std::move(answer), "*");
    } else if (has("LOGINDISABLED")) {
        co_return std::unexpected(error("the server allows no login by password (LOGINDISABLED)", ErrorCode::unsupported));
    } else {
        Command command("LOGIN");
        command.string(settings_.user);
        command.string(*password);
        response = co_await run(std::move(command));
    }
    if (!response) co_return std::unexpected(std::move(response).error());
    if (response->status != Response::Status::ok) co_return std::unexpected(refusal("login refused", *response));
    co_return Result<void>{};
}

awaitable<Result<void>> Session::log_in_with_token(net::TokenSource* tokens) {
    if (tokens == nullptr) co_return std::unexpected(error("no source of tokens is configured", ErrorCode::invalid_argument));
    const bool bearer = settings_.login == ImapSettings::Login::oauthbearer;
    const std::string mechanism = bearer ? "OAUTHBEARER" : "XOAUTH2";
    if (!has("AUTH=" + mechanism)) co_return std::unexpected(error(fmt::format("the server offers no login by {}", mechanism), ErrorCode::unsupported));
    const std::uint16_t port = settings_.port != 0 ? settings_.port : connection_->is_tls() && settings_.security == ImapSettings::Security::tls ? 993 : 143;
    // A token that was good a moment ago may have been withdrawn: the second one is new
    for (bool second = false;; second = true) {
        auto token = co_await token_of(io_, *tokens);
        if (!token) co_return std::unexpected(std::move(token).error());
        secrets_.push_back(*token);
        std::string answer = bearer ? sasl_oauthbearer(settings_.user, settings_.host, port, *token) : sasl_xoauth2(settings_.user, *token);
        // RFC 7628 section 3.2.3: ^A to the error; XOAUTH2: an empty line
        std::string answer_to_error = bearer ? "AQ==" : "";
        auto response = co_await authenticate(mechanism, std::move(answer), std::move(answer_to_error));
        const bool refused = response && response->status != Response::Status::ok;
        if (refused) tokens->reject(*token);
        if (!response) co_return std::unexpected(std::move(response).error());
        if (!refused) co_return Result<void>{};
        if (second) co_return std::unexpected(refusal("login refused", *response));
    }
}

// `answer_to_error`: to a challenge that comes behind our answer; "*" cancels.
awaitable<Result<Response>> Session::authenticate(std::string mechanism, std::string answer, std::string answer_to_error) {
    secrets_.push_back(answer);
    bool sent = has("SASL-IR");
    std::string command = "AUTHENTICATE " + mechanism;
    if (sent) command += " " + answer;
    auto tag = co_await send(std::move(command));
    if (!tag) co_return std::unexpected(std::move(tag).error());
    // A server that asks for ever is not answered for ever
    for (unsigned asked = 0; asked < 10;) {
        auto response = co_await next_within(deadline_);
        if (!response) co_return std::unexpected(std::move(response).error());
        if (response->kind == Response::Kind::tagged && response->tag == *tag) co_return std::move(*response);
        if (response->kind != Response::Kind::continuation) continue;
        ++asked;
        const std::string line = (sent ? answer_to_error : answer) + "\r\n";
        sent = true;
        auto written = co_await connection_->write(line, deadline_);
        if (!written) co_return std::unexpected(std::move(written).error());
    }
    co_return std::unexpected(error("the server asks again and again while we log in", ErrorCode::corrupt));
}

}  // namespace whosent::collect::imap
