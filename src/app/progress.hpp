// The progress bar of an ingest, on standard error while that is a terminal; otherwise nothing is printed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "whosent/pipeline/pipeline.hpp"

namespace whosent::app {

// Draws on a thread of its own from construction to destruction, and then takes the bar away.
class Progress {
public:
    // `counts` is called on that thread. bytes_total: of all files; 0: unknown, and no time left is told.
    Progress(std::function<pipeline::Counts()> counts, std::uint64_t bytes_total);

private:
    std::jthread thread_;
};

// One line on standard error, drawn over by the next and taken away at the end; nothing where that is no terminal.
class StatusLine {
public:
    StatusLine();
    ~StatusLine();
    StatusLine(const StatusLine&) = delete;
    void show(std::string_view text) const;

private:
    bool on_;
};

// One line without a line break, at most `width` characters.
[[nodiscard]] std::string progress_line(const pipeline::Counts& counts, std::uint64_t bytes_total, double seconds, std::size_t width);

}  // namespace whosent::app
