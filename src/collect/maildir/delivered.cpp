#include "delivered.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

namespace whosent::collect {
namespace {

// Between two looks whether the intake has room again; it commits about as often.
constexpr std::chrono::milliseconds kRetry{5};

// A file with any of these is where people look for it.
int weight(pipeline::Outcome::Kind kind) {
    using Kind = pipeline::Outcome::Kind;
    static constexpr std::array kOrder = {Kind::not_a_report, Kind::duplicate, Kind::stored, Kind::quarantined, Kind::retry};
    return static_cast<int>(std::ranges::find(kOrder, kind) - kOrder.begin());
}

}  // namespace

// Knows of each message that the real intake was given, and waits for room without being caught there.
class Delivered::Counting final : public pipeline::Intake {
public:
    Counting(std::shared_ptr<Delivered> file, pipeline::Intake& intake, const std::atomic<bool>& end) : file_(std::move(file)), intake_(intake), end_(end) {}
    Result<void> submit(pipeline::Submission submission) override {
        submission.done = [file = file_](const RawMessage& provenance_only, const pipeline::Outcome& outcome) {
            file->note(provenance_only, outcome);
            file->release();
        };
        {
            const std::lock_guard lock(file_->mutex_);
            ++file_->under_way_;
        }
        for (;;) {
            auto taken = intake_.try_submit(submission);
            if (taken && *taken) return {};
            if (!taken || end_) {
                file_->release();
                if (!taken) return std::unexpected(std::move(taken).error());
                return std::unexpected(file_->stops());
            }
            std::this_thread::sleep_for(kRetry);
        }
    }
    Result<bool> try_submit(pipeline::Submission& submission) override {
        WHOSENT_CHECK(submit(std::move(submission)));
        return true;
    }

private:
    std::shared_ptr<Delivered> file_;
    pipeline::Intake& intake_;
    const std::atomic<bool>& end_;
};

Error Delivered::stops() const { return {ErrorCode::io, Stage::collect, Persistence::retry, path, "not handed in: the collector stops", {}}; }

void Delivered::submit(FileSource source, const Limits& limits, pipeline::Intake& intake, const std::atomic<bool>& end) {
    const auto all = [&]() -> Result<void> {
        if (end) return std::unexpected(stops());
        const auto file = WHOSENT_TRY(OpenFile::open(path, OpenFile::Manner::careful));
        version = file->version();
        strange = !file->is_regular();
        if (strange) return {};
        if (!source.received_at) source.received_at = version.modified / 1'000'000'000;
        several = source.is_mailbox && WHOSENT_TRY(is_mbox(*file));
        Counting counting(shared_from_this(), intake, end);
        return submit_open_file(file, path, source, limits, counting, [&] { return !(cut_ = end); }, {});
    };
    if (auto handed_in = all(); !handed_in) error = std::move(handed_in).error();
    if (error && error->code == ErrorCode::unsupported) {
        error.reset();
        strange = true;
    }
    release();
}

void Delivered::note(const RawMessage& provenance_only, const pipeline::Outcome& of_one) {
    {
        const std::lock_guard lock(mutex_);
        if (messages++ == 0 || weight(of_one.for_original()) > weight(outcome.for_original())) outcome = of_one;
        if (!several) single = provenance_only;
    }
    if (several) told_(provenance_only, of_one);
}

void Delivered::release() {
    {
        const std::lock_guard lock(mutex_);
        if (--under_way_ > 0) return;
    }
    known_(shared_from_this());
}

}  // namespace whosent::collect
