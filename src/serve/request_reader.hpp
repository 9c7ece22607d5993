// RequestReader: one request of HTTP/1.1 out of bytes (RFC 9112). No sockets, no clock; Beast's parser is inside. One thread.
//
// Stricter than the RFC where a proxy in front might read the same bytes otherwise (request smuggling, RFC 9112 section 11.2): whatever is ambiguous is refused.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/serve/server.hpp"

namespace whosent::serve {

// One answer that the server gives by itself: a line of text that holds nothing of the request. The connection is closed behind it.
struct Refusal {
    unsigned status = 400;
    std::string_view why;  // a constant
};

class RequestReader {
public:
    explicit RequestReader(std::size_t header_bytes);
    ~RequestReader();
    RequestReader(RequestReader&&) noexcept;
    RequestReader& operator=(RequestReader&&) noexcept;

    enum class State : std::uint8_t {
        header,  // read() wants more of it
        admit,   // the header is whole; begin_body() goes on
        body,
        done,
    };
    [[nodiscard]] State state() const noexcept;
    // Reads on in `bytes`, which begin where the last call ended: what is not taken is given again, with more behind it. Returns the bytes taken, and takes nothing in the
    // states admit and done. No call takes in more of a body than `bytes` has. After a refusal nothing may be asked any more.
    [[nodiscard]] std::expected<std::size_t, Refusal> read(std::string_view bytes);
    // Something of a request was there, so that its sender is told when it takes too long. An empty line before one counts for nothing.
    [[nodiscard]] bool begun() const noexcept;

    // From the state admit on, until take_request().
    [[nodiscard]] const Request& request() const noexcept;
    [[nodiscard]] bool keep_alive() const noexcept;
    [[nodiscard]] bool is_http_1_0() const noexcept;
    [[nodiscard]] bool expects_continue() const noexcept;
    [[nodiscard]] bool has_body() const noexcept;  // one of at least a byte is announced, or one of unknown length
    [[nodiscard]] std::optional<std::uint64_t> announced_bytes() const noexcept;  // nothing: chunked
    // A body of at most `limit` bytes: a refusal with 413 when more is announced; read() refuses a chunked one in time.
    [[nodiscard]] std::expected<void, Refusal> begin_body(std::size_t limit);
    [[nodiscard]] std::size_t body_bytes() const noexcept;  // so far
    // In the state done, once.
    [[nodiscard]] std::string take_body();
    [[nodiscard]] Request take_request();

private:
    struct Inner;
    std::unique_ptr<Inner> inner_;
};

}  // namespace whosent::serve
