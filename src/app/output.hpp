// Standard output, and listings on it in three formats. One thread.
//
// Output buffers. A reader that goes away (EPIPE) is no error: closed() turns true and later writes are dropped, so a command stops early
// and ends quietly. Any other failure of writing is told by finish().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "whosent/base/result.hpp"

namespace whosent::app {

class Output {
public:
    explicit Output(int descriptor) noexcept : descriptor_(descriptor) {}
    void write(std::string_view text);
    void flush();
    // Nobody reads any more, or writing failed: going on is useless.
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    // Flushes; an error where something could not be written for another reason than a reader that went away.
    [[nodiscard]] Result<void> finish();
    // Waits until the time is over, a signal arrives or the reader goes away.
    void wait(int milliseconds);

private:
    int descriptor_;
    bool closed_ = false;
    int error_ = 0;  // errno
    std::string buffer_;
};

enum class Format : std::uint8_t { table, json, csv };

// A part of 1 of which thousandths of a per cent matter: 0.034% in a table, six decimals elsewhere.
struct Rate {
    double part = 0;
};

// How many of each: an object in JSON.
using Counts = std::vector<std::pair<std::string, std::int64_t>>;

// Nothing, text, number, part of 1 (shown as per cent in a table), the same in finer steps, truth, list of texts, counts.
using Cell = std::variant<std::monostate, std::string, std::int64_t, double, Rate, bool, std::vector<std::string>, Counts>;

struct Column {
    std::string_view name;  // the key in JSON and the heading in CSV; empty: only in a table
    // The heading in a table; empty: only in JSON and CSV.
    std::string_view title;
    // In a terminal that is too narrow: texts that may be cut with "…" shrink to kReadable, then columns go in order of `rank`, highest
    // first (0 stays), then texts shrink to kNarrowest.
    bool may_cut = false;
    int rank = 0;
};

// Rows as they come: JSON and CSV are written at once, a table after its first kTableWindow rows (which decide the widths) or at the end,
// so memory does not follow the number of rows.
class Listing {
public:
    Listing(Output& output, Format format, std::vector<Column> columns);
    void add(std::vector<Cell> row);
    // Ends the listing. A table without rows says `when_empty` (a line for people) in its place.
    void end(std::string_view when_empty = {});

    static constexpr std::size_t kTableWindow = 500;
    static constexpr std::size_t kReadable = 18, kNarrowest = 8;  // characters

private:
    void write_json(const std::vector<Cell>& row);
    void write_csv(const std::vector<Cell>& row);
    void lay_out();
    void fit(std::size_t terminal);
    void write_table_line(const std::vector<std::string>& texts);

    Output& output_;
    Format format_;
    std::vector<Column> columns_;
    std::size_t rows_ = 0;
    // Table only.
    std::vector<std::vector<std::string>> window_;
    std::vector<std::size_t> widths_;  // 0: column left out
    std::vector<bool> right_;          // numbers
    bool laid_out_ = false;
    bool cut_ = false;
};

// Columns of the terminal on standard output; 0 where it is none (then nothing is cut).
[[nodiscard]] std::size_t terminal_width();

// One cell as a JSON value, appended.
void append_json_cell(std::string& out, const Cell& cell);

// Readable in a terminal: 12,345,678 and 1.2 GB.
[[nodiscard]] std::string grouped(std::uint64_t number);
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view noun);  // 1 report, 2 reports
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

}  // namespace whosent::app
