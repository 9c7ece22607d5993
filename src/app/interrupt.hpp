// SIGINT and SIGTERM: a first one asks for an orderly end, a second one ends the process (the store survives that).
#pragma once

namespace whosent::app {

// Also ignores SIGPIPE and SIGXFSZ (a limit on the size of files): the write that fails tells. Once, before any thread.
void install_signal_handlers();
[[nodiscard]] bool interrupted() noexcept;

}  // namespace whosent::app
