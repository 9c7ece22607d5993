// The daemon's log on standard error: one event a line, with its facts as key=value or as JSON. Any thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "app/settings.hpp"

namespace spdlog {
class logger;
}

namespace whosent::app {

// A fact beside the sentence; empty values are left out. Nothing here is a secret or the address of a person: the caller sees to it.
struct Fact {
    std::string_view name;
    std::string value;
};

class Log {
public:
    // Where standard error is the journal, lines begin with its priority ("<6>") and have no time of their own.
    explicit Log(const LogSettings& settings);
    ~Log();
    void debug(std::string_view sentence, std::initializer_list<Fact> facts = {}) const { write(LogSettings::Level::debug, sentence, facts); }
    void info(std::string_view sentence, std::initializer_list<Fact> facts = {}) const { write(LogSettings::Level::info, sentence, facts); }
    void warning(std::string_view sentence, std::initializer_list<Fact> facts = {}) const { write(LogSettings::Level::warning, sentence, facts); }
    void error(std::string_view sentence, std::initializer_list<Fact> facts = {}) const { write(LogSettings::Level::error, sentence, facts); }

private:
    void write(LogSettings::Level level, std::string_view sentence, std::initializer_list<Fact> facts) const;
    LogSettings settings_;
    std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace whosent::app
