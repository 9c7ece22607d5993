#include "app/output.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>

#include "whosent/base/text.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::app {
namespace {

constexpr std::string_view kGap = "  ";      // between the columns of a table
constexpr std::size_t kBufferBytes = 64u << 10;  // one write(2) for some hundred lines

// Characters, not bytes: the padding of names that are not ASCII. Wide and combining characters are counted as one.
std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cut_to(std::string_view text, std::size_t width) {
    std::size_t characters = 0, at = 0;
    while (at < text.size()) {
        if ((text[at] & 0xC0) != 0x80 && ++characters == width) break;
        ++at;
    }
    return std::string(text.substr(0, at)) + "…";
}

// Of a list in a table's cell; JSON and CSV have them all.
constexpr std::size_t kListed = 2;

std::string join(const std::vector<std::string>& texts, std::string_view separator) {
    std::string out;
    for (const auto& text : texts) {
        if (!out.empty()) out += separator;
        out += text;
    }
    return out;
}

std::vector<std::string> with_counts(const Counts& counts) {
    std::vector<std::string> out;
    for (const auto& [what, count] : counts) out.push_back(fmt::format("{}={}", what, count));
    return out;
}

// Control characters of a stranger's report must not reach the terminal.
std::string table_text(const Cell& cell) {
    struct Visitor {
        std::string operator()(std::monostate) const { return "-"; }
        std::string operator()(const std::string& text) const { return text.empty() ? "-" : printable(text, text.size() * 4 + 4); }
        std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(double part) const { return fmt::format("{:.1f}%", part * 100); }
        std::string operator()(Rate rate) const { return fmt::format("{:.3f}%", rate.part * 100); }
        std::string operator()(bool truth) const { return truth ? "yes" : "no"; }
        std::string operator()(const std::vector<std::string>& list) const {
            if (list.empty()) return "-";
            if (list.size() <= kListed) return (*this)(join(list, ", "));
            const std::vector<std::string> first(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(kListed));
            return (*this)(fmt::format("{} +{}", join(first, ", "), list.size() - kListed));
        }
        std::string operator()(const Counts& counts) const { return (*this)(with_counts(counts)); }
    };
    return std::visit(Visitor{}, cell);
}

std::string csv_text(const Cell& cell) {
    struct Visitor {
        std::string operator()(std::monostate) const { return {}; }
        std::string operator()(const std::string& text) const { return text; }
        std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(double part) const { return fmt::format("{:.4f}", part); }
        std::string operator()(Rate rate) const { return fmt::format("{:.6f}", rate.part); }
        std::string operator()(bool truth) const { return truth ? "true" : "false"; }
        std::string operator()(const std::vector<std::string>& list) const { return join(list, " "); }
        std::string operator()(const Counts& counts) const { return join(with_counts(counts), " "); }
    };
    return std::visit(Visitor{}, cell);
}

// RFC 4180 section 2: fields with a comma, quote or line break stand in quotes, a quote inside is doubled.
void append_csv_field(std::string& out, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += text;
        return;
    }
    out += '"';
    for (char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

}  // namespace

void Output::write(std::string_view text) {
    if (closed_) return;
    buffer_ += text;
    if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
    std::string_view rest = buffer_;
    while (!rest.empty() && !closed_) {
        const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
        if (written >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd ready{descriptor_, POLLOUT, 0};
            ::poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            if (errno != EPIPE) error_ = errno;
            closed_ = true;
        }
    }
    buffer_.clear();
}

Result<void> Output::finish() {
    flush();
    if (error_ == 0) return {};
    return std::unexpected(Error{.code = ErrorCode::io,
                                 .stage = Stage::app,
                                 .persistence = Persistence::retry,
                                 .where = "standard output",
                                 .message = std::strerror(error_)});
}

void Output::wait(int milliseconds) {
    // A pipe whose reader has gone reports POLLERR without being asked for anything.
    pollfd state{descriptor_, 0, 0};
    if (::poll(&state, 1, milliseconds) > 0 && (state.revents & (POLLERR | POLLHUP)) != 0) closed_ = true;
}

std::size_t terminal_width() {
    if (::isatty(STDOUT_FILENO) == 0) return 0;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

void append_json_cell(std::string& out, const Cell& cell) {
    struct Visitor {
        std::string& out;
        void operator()(std::monostate) const { out += "null"; }
        void operator()(const std::string& text) const { encode::append_json_string(out, text); }
        void operator()(std::int64_t number) const { fmt::format_to(std::back_inserter(out), "{}", number); }
        void operator()(double part) const { fmt::format_to(std::back_inserter(out), "{:.4f}", part); }
        void operator()(Rate rate) const { fmt::format_to(std::back_inserter(out), "{:.6f}", rate.part); }
        void operator()(bool truth) const { out += truth ? "true" : "false"; }
        void operator()(const std::vector<std::string>& list) const {
            out += '[';
            for (std::size_t i = 0; i < list.size(); ++i) {
                if (i > 0) out += ',';
                encode::append_json_string(out, list[i]);
            }
            out += ']';
        }
        void operator()(const Counts& counts) const {
            out += '{';
            for (std::size_t i = 0; i < counts.size(); ++i) {
                if (i > 0) out += ',';
                encode::append_json_string(out, counts[i].first);
                fmt::format_to(std::back_inserter(out), ":{}", counts[i].second);
            }
            out += '}';
        }
    };
    std::visit(Visitor{out}, cell);
}

Listing::Listing(Output& output, Format format, std::vector<Column> columns)
    : output_(output), format_(format), columns_(std::move(columns)), right_(columns_.size(), false) {
    if (format_ != Format::csv) return;
    std::string line;
    for (const auto& column : columns_) {
        if (column.name.empty()) continue;
        if (!line.empty()) line += ',';
        line += column.name;
    }
    output_.write(line + "\r\n");
}

void Listing::add(std::vector<Cell> row) {
    if (format_ == Format::json) {
        write_json(row);
    } else if (format_ == Format::csv) {
        write_csv(row);
    } else {
        std::vector<std::string> texts;
        texts.reserve(row.size());
        for (std::size_t i = 0; i < row.size(); ++i) {
            texts.push_back(table_text(row[i]));
            if (std::holds_alternative<std::int64_t>(row[i]) || std::holds_alternative<double>(row[i]) || std::holds_alternative<Rate>(row[i])) right_[i] = true;
        }
        if (laid_out_) {
            write_table_line(texts);
        } else {
            window_.push_back(std::move(texts));
            if (window_.size() == kTableWindow) lay_out();
        }
    }
    ++rows_;
}

void Listing::end(std::string_view when_empty) {
    if (format_ == Format::json) {
        output_.write(rows_ == 0 ? "[]\n" : "\n]\n");
    } else if (format_ == Format::table) {
        if (rows_ == 0 && !when_empty.empty()) {
            output_.write(fmt::format("{}\n", when_empty));
        } else if (!laid_out_) {
            lay_out();
        }
    }
}

void Listing::write_json(const std::vector<Cell>& row) {
    std::string line = rows_ == 0 ? "[\n{" : ",\n{";
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (columns_[i].name.empty()) continue;
        if (line.back() != '{') line += ',';
        encode::append_json_string(line, columns_[i].name);
        line += ':';
        append_json_cell(line, row[i]);
    }
    output_.write(line += '}');
}

void Listing::write_csv(const std::vector<Cell>& row) {
    std::string line;
    bool first = true;
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (columns_[i].name.empty()) continue;
        if (!first) line += ',';
        first = false;
        append_csv_field(line, csv_text(row[i]));
    }
    output_.write(line += "\r\n");
}

void Listing::lay_out() {
    laid_out_ = true;
    widths_.assign(columns_.size(), 0);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (columns_[i].title.empty()) continue;
        widths_[i] = display_width(columns_[i].title);
        for (const auto& row : window_) widths_[i] = std::max(widths_[i], display_width(row[i]));
    }
    if (const std::size_t terminal = terminal_width(); terminal > 0) fit(terminal);
    std::vector<std::string> titles;
    for (const auto& column : columns_) titles.emplace_back(column.title);
    write_table_line(titles);
    for (const auto& row : window_) write_table_line(row);
    window_.clear();
}

void Listing::fit(std::size_t terminal) {
    cut_ = true;
    const std::vector<std::size_t> natural = widths_;
    const auto total = [&] {
        std::size_t sum = 0;
        for (std::size_t width : widths_) sum += width == 0 ? 0 : width + kGap.size();
        return sum == 0 ? 0 : sum - kGap.size();
    };
    const auto cut_all_to = [&](std::size_t most) {
        for (std::size_t i = 0; i < widths_.size(); ++i) {
            if (columns_[i].may_cut) widths_[i] = std::min(widths_[i], most);
        }
    };
    if (total() <= terminal) return;
    cut_all_to(kReadable);
    while (total() > terminal) {
        std::size_t leaving = columns_.size();
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (widths_[i] > 0 && columns_[i].rank > (leaving == columns_.size() ? 0 : columns_[leaving].rank)) leaving = i;
        }
        if (leaving == columns_.size()) break;
        widths_[leaving] = 0;
    }
    if (total() > terminal) cut_all_to(kNarrowest);
    // what is left over goes to those that were cut, in turns
    for (bool grown = true; grown && total() < terminal;) {
        grown = false;
        for (std::size_t i = 0; i < widths_.size() && total() < terminal; ++i) {
            if (widths_[i] == 0 || widths_[i] == natural[i]) continue;
            ++widths_[i];
            grown = true;
        }
    }
}

void Listing::write_table_line(const std::vector<std::string>& texts) {
    std::string line;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (widths_[i] == 0) continue;
        std::string text = texts[i];
        std::size_t width = display_width(text);
        if (cut_ && columns_[i].may_cut && width > widths_[i]) {
            text = cut_to(text, widths_[i]);
            width = widths_[i];
        }
        const std::string padding(width < widths_[i] ? widths_[i] - width : 0, ' ');
        line += right_[i] ? padding + text : text + padding;
        line += kGap;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    output_.write(line += '\n');
}

std::string grouped(std::uint64_t number) {
    std::string text = fmt::format("{}", number);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
    return text;
}

std::string counted(std::uint64_t number, std::string_view noun) { return fmt::format("{} {}{}", grouped(number), noun, number == 1 ? "" : "s"); }

std::string human_bytes(std::uint64_t bytes) {
    if (bytes < 1000) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes);
    std::string_view unit;
    for (std::string_view next : {"kB", "MB", "GB", "TB"}) {
        if (value < 999.95) break;
        value /= 1000;
        unit = next;
    }
    return fmt::format("{:.1f} {}", value, unit);
}

}  // namespace whosent::app
