#include "mbox.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/limits.hpp"
#include "whosent/base/text.hpp"

namespace whosent::collect {
namespace {

constexpr std::size_t kBlock = 256 * kKiB;
// What of a line is looked at; a separator is shorter.
constexpr std::size_t kLineHead = 200;

// "From sender@example.org Thu Nov 19 08:00:00 2026", with or without a zone behind or before the year.
bool is_separator(std::string_view line) {
    if (!line.starts_with("From ")) return false;
    bool colon = false, year = false;
    for (std::size_t i = 5; i < line.size(); ++i) {
        if (line[i] == ':') colon = true;
        if (i + 4 <= line.size() && line[i - 1] == ' ' && (line.substr(i, 2) == "19" || line.substr(i, 2) == "20") && line[i + 2] >= '0' && line[i + 2] <= '9' &&
            line[i + 3] >= '0' && line[i + 3] <= '9' && (i + 4 == line.size() || is_space(line[i + 4])))
            year = true;
    }
    return colon && year;
}

}  // namespace

Result<void> for_each_mbox_message(const OpenFile& file, FunctionRef<Result<bool>(std::uint64_t, std::uint64_t)> message) {
    std::string block(kBlock, '\0');
    std::string line;  // head of the current line
    std::uint64_t offset = 0, line_start = 0;
    std::optional<std::uint64_t> message_start;
    bool after_empty = true;  // the start of the file counts as one
    bool go_on = true;
    const auto end_line = [&](std::uint64_t next_line) -> Result<void> {
        const bool empty = line.empty() || line == "\r";
        if (after_empty && is_separator(line)) {
            if (message_start) go_on = WHOSENT_TRY(message(*message_start, line_start - *message_start));
            message_start = next_line;
        } else if (!message_start) {
            message_start = line_start;  // the first line only looked like a separator
        }
        after_empty = empty;
        line.clear();
        line_start = next_line;
        return {};
    };
    for (;;) {
        const ssize_t got = ::pread(file.descriptor(), block.data(), block.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(file.error("cannot be read", errno));
        if (got == 0) break;
        std::string_view rest(block.data(), static_cast<std::size_t>(got));
        while (!rest.empty()) {
            const std::size_t newline = rest.find('\n');
            const std::string_view part = rest.substr(0, newline);
            if (line.size() < kLineHead) line += part.substr(0, kLineHead - line.size());
            if (newline == std::string_view::npos) break;
            rest.remove_prefix(newline + 1);
            WHOSENT_CHECK(end_line(offset + static_cast<std::uint64_t>(got) - rest.size()));
            if (!go_on) return {};
        }
        offset += static_cast<std::uint64_t>(got);
    }
    if (!line.empty()) WHOSENT_CHECK(end_line(offset));
    if (!go_on) return {};
    if (message_start && offset > *message_start) (void)WHOSENT_TRY(message(*message_start, offset - *message_start));
    return {};
}

}  // namespace whosent::collect
