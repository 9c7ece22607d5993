#include "app/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "app/output.hpp"

namespace whosent::app {
namespace {

constexpr std::chrono::milliseconds kRedraw{200};
constexpr std::size_t kBarWidth = 20;
constexpr double kSettled = 2.0;  // seconds before a guess of the time left is worth showing

std::string minutes(double seconds) {
    const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
    if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
    return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::size_t error_terminal_width() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void draw(std::string_view line) {
    // back to the first column and clear the rest of the line
    const std::string text = fmt::format("\r{}\x1b[K", line);
    std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

std::string progress_line(const pipeline::Counts& counts, std::uint64_t bytes_total, double seconds, std::size_t width) {
    const double rate = seconds > 0 ? static_cast<double>(counts.records) / seconds : 0;
    std::string line;
    if (bytes_total > 0) {
        const double part = std::min(1.0, static_cast<double>(counts.bytes_read) / static_cast<double>(bytes_total));
        const auto filled = static_cast<std::size_t>(part * kBarWidth);
        line = fmt::format("[{}{}] {:3.0f}%  ", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), part * 100);
    }
    line += fmt::format("{} messages  {} records  {}/s", grouped(counts.messages), grouped(counts.records),
                        grouped(static_cast<std::uint64_t>(rate)));
    if (counts.bytes_read > 0 && counts.bytes_read < bytes_total && seconds >= kSettled) {
        const auto done = static_cast<double>(counts.bytes_read), left = static_cast<double>(bytes_total - counts.bytes_read);
        line += fmt::format("  {} left", minutes(seconds * left / done));
    }
    return line.substr(0, width);
}

StatusLine::StatusLine() : on_(::isatty(STDERR_FILENO) != 0) {}
StatusLine::~StatusLine() {
    if (on_) draw("");
}
void StatusLine::show(std::string_view text) const {
    if (on_) draw(text.substr(0, error_terminal_width() - 1));
}

Progress::Progress(std::function<pipeline::Counts()> counts, std::uint64_t bytes_total) {
    if (::isatty(STDERR_FILENO) == 0) return;
    thread_ = std::jthread([counts = std::move(counts), bytes_total](std::stop_token stop) {
        const auto started = std::chrono::steady_clock::now();
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        while (!wake.wait_for(lock, stop, kRedraw, [&] { return stop.stop_requested(); })) {
            const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
            draw(progress_line(counts(), bytes_total, seconds, error_terminal_width() - 1));
        }
        draw("");
    });
}

}  // namespace whosent::app
