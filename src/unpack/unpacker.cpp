#include <new>

#include "unpack/run.hpp"

namespace whosent::unpack {

struct Unpacker::State {
    explicit State(const Limits& limits) : tools(limits) {}
    Tools tools;
};

Unpacker::Unpacker(const Limits& limits) {
    init_mime();
    state_ = std::make_unique<State>(limits);
}
Unpacker::~Unpacker() = default;
Unpacker::Unpacker(Unpacker&&) noexcept = default;
Unpacker& Unpacker::operator=(Unpacker&&) noexcept = default;

Unpacked Unpacker::unpack(const RawMessage& message, Reader reader, MailReader mail_reader) {
    try {
        return Run(state_->tools, message, reader, mail_reader).go();
    } catch (const std::bad_alloc&) {
        Unpacked failed;
        failed.failures.push_back({.code = ErrorCode::internal,
                                   .stage = Stage::unpack,
                                   .persistence = Persistence::retry,
                                   .message = "no memory to unpack the message"});
        return failed;
    }
}

}  // namespace whosent::unpack
