#include "app/daemon/tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

// Lines a second about refusals: who knocks without end shall not fill the disk. The rest is counted.
constexpr std::uint64_t kToldASecond = 20;
constexpr std::size_t kPathBytes = 200;

}  // namespace

Tokens::Tokens(const Log& log, const Clock& clock, SharedIntake& intake, net::Io& io)
    : log_(log), intake_(intake), io_(io), access_(clock, [this](const serve::AccessRefusal& refusal) { refused(refusal); }) {}

void Tokens::refused(const serve::AccessRefusal& refusal) {
    const auto now = SteadyClock::now();
    if (now - told_since_ >= std::chrono::seconds(1)) {
        if (untold_ > 0) log_.warning("access refused, more often than is told one by one", {{"audit", "access"}, {"times", fmt::format("{}", untold_)}});
        told_since_ = now;
        told_ = untold_ = 0;
    }
    if (++told_ > kToldASecond) {
        ++untold_;
        return;
    }
    log_.warning("access refused", {{"audit", "access"}, {"peer", refusal.peer}, {"path", printable(refusal.path, kPathBytes)}, {"why", std::string(name_of(refusal.why))}, {"token", refusal.token}});
}

Result<void> Tokens::look(store::Reader& reader) {
    io_.post([this, tokens = WHOSENT_TRY(reader.tokens())]() mutable { access_.set_tokens(std::move(tokens)); });
    return {};
}

Tokens::Uses Tokens::take_uses() {
    if (auto ended = keeping_.ended(); ended && !ended->made) unkept_.insert(ended->what.begin(), ended->what.end());
    for (const auto& [id, at] : access_.take_uses()) {
        Seconds& last = unkept_[id];
        last = std::max(last, at);
    }
    const auto uses = std::exchange(unkept_, {});
    return {uses.begin(), uses.end()};
}

void Tokens::keep() {
    io_.post([this] {
        if (keeping_.is_under_way() || !intake_.open()) return;
        if (auto uses = take_uses(); !uses.empty()) {
            keeping_.begin(intake_, std::move(uses), [](store::Writer& writer, const Uses& what) { return writer.put_token_uses(what); });
        }
    });
}

Tokens::Uses Tokens::last_uses() { return take_uses(); }

}  // namespace whosent::app
