#include "app/daemon/store_session.hpp"

#include <utility>

namespace whosent::app {
namespace {

// A mailbox that is read to its end is acknowledged so soon.
constexpr std::chrono::milliseconds kBatchIdle{200};

}  // namespace

StoreSession::StoreSession(const Context& context, store::Store& store, const Pseudonyms& pseudonyms, SharedIntake& intake)
    : context_(context), store_(store), pseudonyms_(pseudonyms), intake_(intake) {}

StoreSession::~StoreSession() {
    intake_.set(nullptr);
    pipeline_.reset();
    attributor_.reset();  // before the resolver that it asks
}

Result<void> StoreSession::open() {
    auto writer = WHOSENT_TRY(store_.writer());
    setup_ = WHOSENT_TRY(set_up_attribution(context_));
    auto attributor = WHOSENT_TRY(pipeline::Attributor::create(store_, context_.clock, setup_.options()));
    const bool judge_again = attributor->out_of_date();
    pipeline::Options how;
    how.limits = context_.settings.limits;
    how.jobs = context_.settings.jobs;
    how.batch_rows = context_.settings.commit_rows;
    how.batch_idle = kBatchIdle;
    how.pseudonyms = &pseudonyms_;
    how.attributor = attributor.get();
    how.attribute_when_idle = true;
    writer_ = std::move(writer);
    attributor_ = std::move(attributor);
    pipeline_ = std::make_unique<pipeline::Pipeline>(store_, *writer_, context_.clock, how);
    intake_.set(pipeline_.get());
    if (judge_again) {
        attribute([](pipeline::Attributor& attributor_now, store::Writer& writer_now, const std::function<bool()>& between) {
            return attributor_now.judge_again(writer_now, store::Cause::catalogue, false, {}, between);
        });
    }
    return {};
}

Result<void> StoreSession::close(const std::function<Result<void>(store::Writer&)>& last) {
    if (!pipeline_) return {};
    intake_.set(nullptr);
    auto finished = pipeline_->finish();
    pipeline_.reset();
    if (finished) finished = attributor_->leave(*writer_);
    if (finished && last) finished = last(*writer_);
    {
        const std::lock_guard lock(mutex_);
        const auto now = attributor_->progress();
        before_.settled += now.settled;
        before_.reclassified += now.reclassified;
        before_.events += now.events;
        before_.judged += now.judged;
        progress_ = {};
    }
    attributor_.reset();
    writer_.reset();
    return finished;
}

void StoreSession::attribute(Attribute job) {
    intake_.call([attributor = attributor_.get(), job = std::move(job)](store::Writer& writer, const std::function<bool()>& between) { return job(*attributor, writer, between); });
}

void StoreSession::ask_for_attribution() {
    attribute([this](pipeline::Attributor& attributor, store::Writer&, const std::function<bool()>&) -> Result<void> {
        const std::lock_guard lock(mutex_);
        progress_ = attributor.progress();
        return {};
    });
}

pipeline::Attributor::Progress StoreSession::attribution() const {
    const std::lock_guard lock(mutex_);
    pipeline::Attributor::Progress sum = progress_;
    sum.settled += before_.settled;
    sum.reclassified += before_.reclassified;
    sum.events += before_.events;
    sum.judged += before_.judged;
    return sum;
}

}  // namespace whosent::app
