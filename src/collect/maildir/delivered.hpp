// One file of a folder on its way: its messages, what became of them, and the moment when all is known. Any thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "collect/files/open_file.hpp"
#include "collect/files/submit.hpp"
#include "whosent/pipeline/intake.hpp"

namespace whosent::collect {

class Delivered : public std::enable_shared_from_this<Delivered> {
public:
    using Kind = pipeline::Outcome::Kind;
    using Known = std::function<void(std::shared_ptr<Delivered>)>;
    // `told` gets each message's outcome where there are several; `known` is called once, when nothing of the file is under way any more.
    Delivered(std::string file_name, std::string file_path, pipeline::Done told, Known known)
        : name(std::move(file_name)), path(std::move(file_path)), told_(std::move(told)), known_(std::move(known)) {}

    // Opens the file and hands its messages in; waits while the intake is full, and ends early when `end` becomes true. Messages without a time of their own in `source` were
    // received when the file was last written.
    void submit(FileSource source, const Limits& limits, pipeline::Intake& intake, const std::atomic<bool>& end);

    const std::string name, path;
    // Once it is known:
    FileVersion version;                // that was read
    std::optional<Error> error;         // that kept it, or the rest of it, from being handed in
    bool strange = false;               // no file any more
    bool several = false;               // an mbox file
    std::uint64_t messages = 0;
    std::optional<RawMessage> single;   // the provenance, where it is one message
    pipeline::Outcome outcome;          // of all: what needs somebody's eye most
    [[nodiscard]] bool complete() const noexcept { return !error && !cut_; }

private:
    class Counting;
    void note(const RawMessage& provenance_only, const pipeline::Outcome& of_one);
    void release();
    [[nodiscard]] Error stops() const;

    pipeline::Done told_;
    Known known_;
    std::mutex mutex_;
    std::size_t under_way_ = 1;  // messages, and submit() itself
    bool cut_ = false;
};

}  // namespace whosent::collect
