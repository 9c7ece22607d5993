#include "app/daemon/log.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <cstdlib>

#include "app/json.hpp"
#include "whosent/base/text.hpp"
#include "whosent/base/time.hpp"

namespace whosent::app {
namespace {

// A line of the journal holds 48 KiB; what is longer says no more.
constexpr std::size_t kLongestValue = 2'000;

constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
constexpr int kPriorities[] = {7, 6, 4, 3};  // of syslog, which sd-daemon(3) takes in "<N>"

bool needs_quotes(std::string_view value) {
    return value.empty() || std::ranges::any_of(value, [](char c) { return c == ' ' || c == '"' || c == '=' || c == '\\'; });
}

std::string text_line(std::string_view sentence, std::initializer_list<Fact> facts) {
    std::string line(sentence);
    for (const Fact& fact : facts) {
        if (fact.value.empty()) continue;
        const std::string value = printable(fact.value, kLongestValue);
        line += fmt::format(" {}=", fact.name);
        if (!needs_quotes(value)) {
            line += value;
            continue;
        }
        line += '"';
        for (const char c : value) {
            if (c == '"' || c == '\\') line += '\\';
            line += c;
        }
        line += '"';
    }
    return line;
}

std::string json_line(std::string_view level, std::string_view sentence, std::initializer_list<Fact> facts) {
    Json json;
    json.begin_object().add("time", format_time(SystemClock().now())).add("level", std::string(level)).add("message", std::string(sentence));
    for (const Fact& fact : facts)
        if (!fact.value.empty()) json.add(fact.name, printable(fact.value, kLongestValue));
    std::string line = json.end().take();
    line.pop_back();  // its line break: the sink has its own
    return line;
}

}  // namespace

Log::Log(const LogSettings& settings) : settings_(settings), logger_(std::make_shared<spdlog::logger>("whosent", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
    logger_->set_level(kLevels[static_cast<std::size_t>(settings.level)]);
    logger_->flush_on(spdlog::level::debug);
    const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    const bool bare = journal || settings.format == LogSettings::Format::json;
    logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(bare ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v", spdlog::pattern_time_type::utc));
}

Log::~Log() = default;

void Log::write(LogSettings::Level level, std::string_view sentence, std::initializer_list<Fact> facts) const {
    const auto as = kLevels[static_cast<std::size_t>(level)];
    if (!logger_->should_log(as)) return;
    std::string line = settings_.format == LogSettings::Format::json ? json_line(name_of(level), sentence, facts) : text_line(sentence, facts);
    if (std::getenv("JOURNAL_STREAM") != nullptr) line = fmt::format("<{}>{}", kPriorities[static_cast<std::size_t>(level)], line);
    logger_->log(as, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace whosent::app
