// How syslog messages travel. On the I/O thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "export/sink/transport.hpp"
#include "whosent/export/sink.hpp"
#include "whosent/net/tls.hpp"

namespace whosent::sink {

using Note = std::function<void(const std::string&)>;

// TCP, or TLS with `context` (RFC 6587, RFC 5425).
[[nodiscard]] std::unique_ptr<Transport> make_syslog_stream(const SyslogSettings& settings, net::TlsContext context, boost::asio::io_context& io, Note note);
// RFC 5426: a datagram an event.
[[nodiscard]] std::unique_ptr<Transport> make_syslog_udp(const SyslogSettings& settings, boost::asio::io_context& io);

}  // namespace whosent::sink
