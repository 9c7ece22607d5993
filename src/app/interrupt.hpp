// SIGINT and SIGTERM: a first one asks for an orderly end, a second one ends the process (the store survives that). SIGHUP asks the daemon to reload.
#pragma once

namespace whosent::app {

// Also ignores SIGPIPE and SIGXFSZ (a limit on the size of files): the write that fails tells. Once, before any thread.
void install_signal_handlers();
[[nodiscard]] bool interrupted() noexcept;

// From here on SIGHUP ends nothing.
void install_reload_handler();
// Since it was last asked.
[[nodiscard]] bool reload_asked() noexcept;

}  // namespace whosent::app
