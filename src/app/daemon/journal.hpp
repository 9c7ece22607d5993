// DaemonJournal: what collectors tell, kept: in the log, in figures, and in the store. On the I/O thread alone.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/daemon/log.hpp"
#include "whosent/base/pseudonym.hpp"
#include "whosent/collect/collector.hpp"
#include "whosent/model/collector_state.hpp"

namespace whosent::app {

class DaemonJournal final : public collect::Journal {
public:
    // All outlive it. `states`: as the store has them. `mailboxes`: addresses of the configuration, which are nobody's; of others the log has the pseudonym.
    DaemonJournal(const Log& log, const Pseudonyms& pseudonyms, const Clock& clock, std::vector<CollectorState> states, std::set<std::string> mailboxes);

    // A collector of the configuration. What is in the store and not added is told as not configured.
    void add(const std::string& name);

    void succeeded(const std::string& name) override;
    void failed(const std::string& name, const Error& error, std::chrono::milliseconds retry_in) override;
    void note(const std::string& name, const std::string& text) override;
    void outcome(const std::string& name, const RawMessage& provenance_only, const pipeline::Outcome& outcome, const std::string& where) override;
    void waiting(const std::string& name, std::uint64_t messages) override;
    [[nodiscard]] std::string place(const std::string& name) override;
    void keep_place(const std::string& name, std::string place) override;

    // What has changed since it was last asked, for the store.
    [[nodiscard]] std::vector<CollectorState> take_changed();
    // What was taken may not have been kept: all are changed.
    void change_all();

    // Since the start of this process.
    struct Figures {
        bool configured = false, succeeded = false, failing = false;
        std::uint64_t errors = 0, waiting = 0;
        std::array<std::uint64_t, 5> messages{};  // by Outcome::Kind
        std::uint64_t bytes = 0, records = 0, diagnostics = 0;
        std::uint64_t aggregate = 0, failure = 0, feedback = 0, tls = 0;  // reports
    };
    [[nodiscard]] const std::map<std::string, CollectorState>& states() const noexcept { return states_; }
    [[nodiscard]] const std::map<std::string, Figures>& figures() const noexcept { return figures_; }

private:
    CollectorState& change(const std::string& name);

    const Log& log_;
    const Pseudonyms& pseudonyms_;
    const Clock& clock_;
    std::map<std::string, CollectorState> states_;
    std::map<std::string, Figures> figures_;
    std::set<std::string> changed_, mailboxes_;
};

}  // namespace whosent::app
