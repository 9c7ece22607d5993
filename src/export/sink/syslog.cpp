#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <utility>

#include "export/sink/syslog_framer.hpp"
#include "export/sink/syslog_transport.hpp"
#include "whosent/net/io.hpp"

namespace whosent::sink {
namespace {

constexpr unsigned kMostFacility = 23;  // local use 7, RFC 5424 section 6.2.1

Error refused(const SyslogSettings& settings, std::string message) {
    return {ErrorCode::invalid_argument, Stage::app, Persistence::permanent, settings.sink.name, std::move(message), {}};
}

}  // namespace

Result<std::unique_ptr<Sink>> make_syslog(const SyslogSettings& settings, const Surroundings& surroundings) {
    if (settings.host.empty()) return std::unexpected(refused(settings, "host is missing"));
    if (settings.port == 0) return std::unexpected(refused(settings, "port must not be 0"));
    if (settings.facility > kMostFacility) return std::unexpected(refused(settings, fmt::format("facility goes up to {}", kMostFacility)));
    using Way = SyslogSettings::Transport;
    using Framing = SyslogFramer::Framing;
    net::TlsContext context;
    if (settings.transport == Way::tls) context = WHOSENT_TRY(net::make_client_tls(settings.tls));
    Framing framing = Framing::counted;
    if (settings.transport == Way::udp) framing = Framing::datagrams;
    if (settings.transport == Way::tcp && settings.framing == SyslogSettings::Framing::lf) framing = Framing::lines;
    auto framer = std::make_unique<SyslogFramer>(settings.sink.encoding, framing, settings.facility, settings.hostname, settings.app_name);
    auto& io = surroundings.io.context();
    std::unique_ptr<Transport> transport;
    if (settings.transport == Way::udp) {
        transport = make_syslog_udp(settings, io);
    } else {
        transport = make_syslog_stream(settings, std::move(context), io, [&ledger = surroundings.ledger, name = settings.sink.name](const std::string& text) { ledger.note(name, text); });
    }
    return make_delivery(settings.sink, std::move(framer), std::move(transport), surroundings);
}

}  // namespace whosent::sink
