// The beginning of a session: connection, greeting, encryption (RFC 3501 sections 3.1, 6.2.1 and 7.1.4, RFC 8314).
#include <fmt/format.h>

#include "session.hpp"

namespace whosent::collect::imap {

awaitable<Result<void>> Session::open() {
    net::TlsContext context;
    if (settings_.security != ImapSettings::Security::insecure_plain) {
        auto made = net::make_client_tls(settings_.tls);
        if (!made) co_return std::unexpected(std::move(made).error());
        context = std::move(*made);
    }
    const bool implicit = settings_.security == ImapSettings::Security::tls;
    const std::uint16_t port = settings_.port != 0 ? settings_.port : implicit ? 993 : 143;
    const net::TlsContext at_once = implicit ? context : nullptr;
    auto connected = co_await net::connect(io_, settings_.host, port, at_once, deadline_);
    if (!connected) co_return std::unexpected(std::move(connected).error());
    if (closed_) co_return std::unexpected(error("the connection was closed"));
    connection_ = std::move(*connected);
    auto greeted = co_await greet();
    if (!greeted) co_return std::unexpected(std::move(greeted).error());
    if (settings_.security == ImapSettings::Security::starttls) {
        auto encrypted = co_await start_tls(context);
        if (!encrypted) co_return std::unexpected(std::move(encrypted).error());
    }
    if (settings_.security != ImapSettings::Security::insecure_plain && !connection_->is_tls()) co_return std::unexpected(error("the connection is not encrypted", ErrorCode::internal));
    co_return Result<void>{};
}

awaitable<Result<void>> Session::greet() {
    auto greeting = co_await next_within(deadline_);
    if (!greeting) co_return std::unexpected(std::move(greeting).error());
    using Status = Response::Status;
    if (greeting->kind != Response::Kind::untagged || (greeting->status != Status::ok && greeting->status != Status::preauth))
        co_return std::unexpected(greeting->status == Status::none ? error("this is no IMAP server: the greeting is none", ErrorCode::corrupt) : refusal("the server does not want to talk", *greeting));
    preauthenticated_ = greeting->status == Status::preauth;
    co_return Result<void>{};
}

awaitable<Result<void>> Session::start_tls(net::TlsContext context) {
    // RFC 9051 section 6.2.1: STARTTLS is not possible then, and whoever sits between may say so to prevent it
    if (preauthenticated_) co_return std::unexpected(error("the server says that we are logged in before the connection is encrypted (PREAUTH): refused", ErrorCode::corrupt));
    if (!has("STARTTLS")) {
        auto asked = co_await ask_capabilities();
        if (!asked) co_return std::unexpected(std::move(asked).error());
    }
    if (!has("STARTTLS")) co_return std::unexpected(error("the server offers no STARTTLS", ErrorCode::unsupported));
    Command command("STARTTLS");
    auto response = co_await run(std::move(command));
    if (!response) co_return std::unexpected(std::move(response).error());
    if (response->status != Response::Status::ok) co_return std::unexpected(refusal("STARTTLS refused", *response));
    if (!rest_.empty() || !reader_.at_start())
        co_return std::unexpected(error("there were bytes behind the answer to STARTTLS, before encryption began: refused", ErrorCode::corrupt));
    auto begun = co_await connection_->start_tls(context, settings_.host, deadline_);
    if (!begun) co_return std::unexpected(std::move(begun).error());
    // Nothing that was said in the open is believed
    folder_ = {};
    auto asked = co_await ask_capabilities();
    co_return asked;
}

}  // namespace whosent::collect::imap
