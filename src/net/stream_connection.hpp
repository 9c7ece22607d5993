// A connected socket as a Connection.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <string>

#include "whosent/net/connection.hpp"

namespace whosent::net {

using Socket = boost::asio::generic::stream_protocol::socket;

// `label` names the connection in errors, `peer` is Connection::peer().
[[nodiscard]] std::unique_ptr<Connection> make_connection(Socket socket, std::string label, std::string peer);

}  // namespace whosent::net
