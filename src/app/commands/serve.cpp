#include "app/commands/commands.hpp"
#include "app/daemon/service.hpp"
#include "app/interrupt.hpp"

namespace whosent::app {

void add_serve(CommandLine& line) {
    auto command = line.command("serve", "Runs as a service: collects from mailboxes, LMTP, HTTPS and folders, stores, attributes, and sends the events out");
    command.dns_options();
    command.jobs();
    command.examples(
        "What is collected from where, the configuration says (--config; docs/configuration.md, samples/whosent.toml); `whosent config check` looks it over\n"
        "before. A message is acknowledged, moved or marked only when it is durable. Logs go to standard error; /healthz, /readyz, /metrics and the feed,\n"
        "/v1/events, are on [serve] listen; `whosent token create --scope feed` lets a reader in. SIGTERM: intake stops, what was taken in is made durable, and it ends within [serve] drain. SIGHUP: certificates and tokens are\n"
        "read again. Other commands work beside it: those that read read, those that write hand their work over.\n\n"
        "Examples:\n"
        "  whosent --config /etc/whosent/whosent.toml serve\n"
        "  systemctl enable --now whosent        # systemd/whosent.service");
    command.action([](Context& context) {
        install_reload_handler();
        return run_service(context);
    });
}

}  // namespace whosent::app
