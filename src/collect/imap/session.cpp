#include "session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "server_words.hpp"

namespace whosent::collect::imap {
namespace {

std::uint16_t port_of(const ImapSettings& settings) {
    if (settings.port != 0) return settings.port;
    return settings.security == ImapSettings::Security::tls ? 993 : 143;
}

// RFC 9051 section 7.1 has a dozen, real servers up to 60.
constexpr std::size_t kMaxCapabilities = 500;

}  // namespace

Session::Session(boost::asio::io_context& io, const ImapSettings& settings, std::size_t message_bytes)
    : io_(io), settings_(settings), deadline_(settings.deadline), reader_(message_bytes), secrets_{settings.user}, idle_timer_(io) {}

Error Session::error(std::string message, ErrorCode code) const {
    return {code, Stage::collect, Persistence::retry, fmt::format("{}:{}", settings_.host, port_of(settings_)), std::move(message), {}};
}

Error Session::refusal(std::string_view what, const Response& response) const {
    std::string words = server_words(response.text, secrets_);
    if (!response.code.empty()) words = fmt::format("[{}]{}{}", server_words(response.code, secrets_), words.empty() ? "" : " ", words);
    return error(words.empty() ? std::string(what) : fmt::format("{}: {}", what, words));
}

std::string Session::next_tag() { return fmt::format("w{}", ++last_tag_); }

void Session::take_capabilities(const std::vector<Value>& values) {
    capabilities_.clear();
    for (const Value& value : values)
        if (value.kind == Value::Kind::atom && capabilities_.size() < kMaxCapabilities) capabilities_.insert(upper(value.text));
}

Result<void> Session::note(const Response& response) {
    using Status = Response::Status;
    if (const auto told = throttled(response)) told_back_off_ = std::max(told_back_off_.value_or(milliseconds(0)), *told);
    if (response.status == Status::bye && !leaving_) return std::unexpected(refusal("the server ended the session", response));
    if (response.status == Status::ok || response.status == Status::preauth) {
        const auto first = [&]() -> std::string_view { return response.code_values.empty() ? std::string_view() : response.code_values.front().text; };
        if (response.code == "CAPABILITY") {
            take_capabilities(response.code_values);
        } else if (response.code == "UIDVALIDITY") {
            folder_.uid_validity = static_cast<std::uint32_t>(std::min<std::uint64_t>(number_of(first()).value_or(0), 0xFFFF'FFFF));
        } else if (response.code == "PERMANENTFLAGS" && !response.code_values.empty()) {
            folder_.permanent_flags.emplace();
            for (const Value& flag : response.code_values.front().list) folder_.permanent_flags->insert(upper(flag.text));
        }
    }
    if (response.kind != Response::Kind::untagged) return {};
    if (response.name == "CAPABILITY") {
        take_capabilities(response.values);
    } else if (response.name == "EXISTS" && response.number) {
        if (*response.number > folder_.exists) folder_.news = true;
        folder_.exists = *response.number;
    } else if (response.name == "EXPUNGE" && folder_.exists > 0) {
        --folder_.exists;
    }
    return {};
}

awaitable<Result<Response>> Session::next_within(milliseconds deadline) {
    for (;;) {
        if (closed_) co_return std::unexpected(error("the connection was closed"));
        auto response = reader_.next(rest_);
        if (!response) {
            Error broken = std::move(response).error();
            co_return std::unexpected(error(std::move(broken.message), broken.code));
        }
        if (*response) {
            auto noted = note(**response);
            if (!noted) co_return std::unexpected(std::move(noted).error());
            co_return std::move(**response);
        }
        const std::span<char> into(buffer_);
        auto got = co_await connection_->read_some(into, deadline);
        if (!got) co_return std::unexpected(std::move(got).error());
        if (*got == 0) {
            const bool within = !reader_.at_start();
            co_return std::unexpected(error(within ? "the server closed the connection within an answer" : "the server closed the connection", within ? ErrorCode::truncated : ErrorCode::io));
        }
        rest_ = std::string_view(buffer_.data(), *got);
    }
}

awaitable<Result<Response>> Session::next() { return next_within(deadline_); }

awaitable<Result<std::string>> Session::send(std::string text) {
    if (closed_) co_return std::unexpected(error("the connection was closed"));
    const std::string tag = next_tag();
    const std::string line = fmt::format("{} {}\r\n", tag, text);
    auto written = co_await connection_->write(line, deadline_);
    if (!written) co_return std::unexpected(std::move(written).error());
    co_return tag;
}

awaitable<Result<Response>> Session::run(Command command) {
    if (closed_) co_return std::unexpected(error("the connection was closed"));
    const std::string tag = next_tag();
    auto parts = command.parts(tag);
    if (!parts) co_return std::unexpected(std::move(parts).error());
    for (std::size_t i = 0; i < parts->size(); ++i) {
        const std::string& part = (*parts)[i];
        auto written = co_await connection_->write(part, deadline_);
        if (!written) co_return std::unexpected(std::move(written).error());
        const bool last = i + 1 == parts->size();
        for (;;) {
            auto response = co_await next_within(deadline_);
            if (!response) co_return std::unexpected(std::move(response).error());
            if (response->kind == Response::Kind::tagged && response->tag == tag) co_return std::move(*response);
            if (response->kind == Response::Kind::continuation && !last) break;
        }
    }
    co_return std::unexpected(error("the server never ended a command", ErrorCode::internal));
}

awaitable<Result<void>> Session::ask_capabilities() {
    capabilities_.clear();
    Command command("CAPABILITY");
    auto response = co_await run(std::move(command));
    if (!response) co_return std::unexpected(std::move(response).error());
    if (response->status != Response::Status::ok) co_return std::unexpected(refusal("CAPABILITY refused", *response));
    co_return Result<void>{};
}

awaitable<Result<void>> Session::select(std::string folder) {
    folder_ = {};
    Command command("SELECT");
    command.mailbox(folder);
    auto response = co_await run(std::move(command));
    if (!response) co_return std::unexpected(std::move(response).error());
    if (response->status != Response::Status::ok) co_return std::unexpected(refusal("the folder cannot be opened", *response));
    // RFC 3501 section 2.3.1.1: a server without it has no unique identifiers that last
    if (folder_.uid_validity == 0) co_return std::unexpected(error("the server tells no UIDVALIDITY of the folder", ErrorCode::unsupported));
    folder_.news = false;
    co_return Result<void>{};
}

awaitable<void> Session::log_out() {
    if (!connection_ || closed_) co_return;
    leaving_ = true;
    constexpr milliseconds kFarewell(2000);
    // What drips in does not hold us up
    idle_timer_.expires_after(kFarewell);
    idle_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& ended) {
        if (const auto self = weak.lock(); self && !ended) self->close();
    });
    const std::string line = next_tag() + " LOGOUT\r\n";
    auto written = co_await connection_->write(line, kFarewell);
    while (written) {
        auto response = co_await next_within(kFarewell);
        if (!response || response->kind == Response::Kind::tagged) break;
    }
    idle_timer_.cancel();
    close();
}

void Session::close() noexcept {
    closed_ = true;
    if (connection_) connection_->close();
}

}  // namespace whosent::collect::imap
