// The collector: sessions one after the other, with what lies between them.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "mailbox.hpp"
#include "session.hpp"
#include "visit.hpp"
#include "whosent/net/io.hpp"

namespace whosent::collect {
namespace {

using namespace imap;

// What runs on while the collector may be gone.
struct Running : std::enable_shared_from_this<Running> {
    Running(ImapSettings settings, const Surroundings& surroundings) : mailbox(std::make_shared<Mailbox>(std::move(settings), surroundings)) {
        const ImapSettings& kept = mailbox->settings;
        if (kept.oauth && kept.login != ImapSettings::Login::password) tokens = net::make_token_source(surroundings.io, *kept.oauth, surroundings.clock);
    }

    std::shared_ptr<Mailbox> mailbox;
    std::unique_ptr<net::TokenSource> tokens;
    std::shared_ptr<Session> session;
    bool live = false;       // a coroutine runs
    bool in_folder = false;  // ... and has the folder open
    std::function<void()> stopped;

    [[nodiscard]] awaitable<Result<void>> one_session(std::shared_ptr<Running> self);
    [[nodiscard]] awaitable<Result<void>> visit(std::shared_ptr<Running> self);
    [[nodiscard]] awaitable<void> run(std::shared_ptr<Running> self);
    [[nodiscard]] awaitable<void> run_one_round(std::shared_ptr<Running> self, std::function<void(Result<void>)> ended);
    [[nodiscard]] awaitable<void> hurry(std::shared_ptr<Running> self);
    void check_stopped();
    void close();
};

awaitable<Result<void>> Running::one_session(std::shared_ptr<Running> self) {
    session = std::make_shared<Session>(mailbox->around.io.context(), mailbox->settings, mailbox->around.limits.message_bytes);
    auto result = co_await visit(self);
    in_folder = false;
    mailbox->on_work = nullptr;
    if (result && !mailbox->closed) co_await session->log_out();
    session->close();
    co_return result;
}

awaitable<Result<void>> Running::visit(std::shared_ptr<Running> self) {
    auto opened = co_await session->open();
    if (!opened) co_return std::unexpected(std::move(opened).error());
    auto logged_in = co_await session->log_in(tokens.get());
    if (!logged_in) co_return std::unexpected(std::move(logged_in).error());
    std::string folder = mailbox->settings.folder;
    auto selected = co_await session->select(std::move(folder));
    if (!selected) co_return std::unexpected(std::move(selected).error());
    if (self->mailbox->stopping) co_return Result<void>{};
    in_folder = true;
    mailbox->begin(session->folder().uid_validity);
    mailbox->around.journal.succeeded(mailbox->name);
    mailbox->on_work = [weak = std::weak_ptr(session)] {
        if (const auto open = weak.lock()) open->end_idle();
    };
    Visit visit(*mailbox, session);
    auto result = co_await visit.run();
    co_return result;
}

awaitable<void> Running::run(std::shared_ptr<Running> self) {
    unsigned failures = 0;
    while (!mailbox->stopping) {
        mailbox->progress = false;
        auto result = co_await one_session(self);
        if (mailbox->stopping) break;
        if (result) continue;
        const auto told = session->told_back_off();
        if (mailbox->progress && !told) failures = 0;
        milliseconds delay = back_off(mailbox->settings, failures++);
        if (told) delay = std::max(delay, *told);
        mailbox->around.journal.failed(mailbox->name, result.error(), delay);
        const auto end = Steady::now() + delay;
        while (!mailbox->stopping && Steady::now() < end) co_await mailbox->wake.wait(std::chrono::ceil<milliseconds>(end - Steady::now()));
    }
    live = false;
    check_stopped();
}

awaitable<void> Running::run_one_round(std::shared_ptr<Running> self, std::function<void(Result<void>)> ended) {
    auto result = co_await one_session(self);
    // What is under way belongs to the round, also when it ended early
    while (mailbox->ledger.under_way() > 0 && !mailbox->closed) co_await mailbox->wake.wait(std::chrono::seconds(1));
    live = false;
    if (mailbox->closed) co_return;
    mailbox->keep_place_now();
    if (result && mailbox->failed) result = std::unexpected(*mailbox->failed);
    ended(std::move(result));
    check_stopped();
}

// Nothing is left to do in the folder: a server that does not answer does not hold up the end.
awaitable<void> Running::hurry(std::shared_ptr<Running> self) {
    constexpr milliseconds kGrace(3000), kLook(100);
    const auto end = Steady::now() + kGrace;
    while (!mailbox->closed && live) {
        if (Steady::now() >= end && mailbox->ledger.under_way() == 0) session->close();
        co_await net::sleep_for(kLook);
    }
    (void)self;
}

// Outside of the folder nobody waits for anything but what is under way: connecting and waiting may end later, without us.
void Running::check_stopped() {
    if (!stopped || in_folder || mailbox->ledger.under_way() > 0) return;
    mailbox->keep_place_now();
    std::exchange(stopped, nullptr)();
}

void Running::close() {
    mailbox->close();
    mailbox->on_told = nullptr;
    mailbox->on_work = nullptr;
    stopped = nullptr;
    if (session) session->close();
    mailbox->wake.notify();
}

class ImapCollector final : public Collector {
public:
    ImapCollector(ImapSettings settings, const Surroundings& surroundings) : running_(std::make_shared<Running>(std::move(settings), surroundings)) {
        running_->mailbox->on_told = [running = running_.get()] { running->check_stopped(); };
    }
    ~ImapCollector() override { running_->close(); }

    const std::string& name() const noexcept override { return running_->mailbox->name; }

    Result<void> start() override {
        running_->live = true;
        boost::asio::co_spawn(running_->mailbox->around.io.context(), running_->run(running_), boost::asio::detached);
        return {};
    }

    void run_once(std::function<void(Result<void>)> ended) override {
        running_->live = true;
        running_->mailbox->once = true;
        running_->mailbox->failed.reset();
        boost::asio::co_spawn(running_->mailbox->around.io.context(), running_->run_one_round(running_, std::move(ended)), boost::asio::detached);
    }

    void stop(std::function<void()> stopped) override {
        running_->stopped = std::move(stopped);
        running_->mailbox->stopping = true;
        running_->mailbox->wake.notify();
        if (running_->in_folder) {
            running_->session->end_idle();
            boost::asio::co_spawn(running_->mailbox->around.io.context(), running_->hurry(running_), boost::asio::detached);
        }
        running_->check_stopped();
    }

private:
    std::shared_ptr<Running> running_;
};

}  // namespace

std::unique_ptr<Collector> make_imap_collector(ImapSettings settings, const Surroundings& surroundings) {
    return std::make_unique<ImapCollector>(std::move(settings), surroundings);
}

}  // namespace whosent::collect
