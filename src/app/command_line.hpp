// The command line, as commands describe it: a thin layer over CLI11, so that its headers are compiled once.
//
// What options write to must live until the command has run; commands keep it in a shared struct that their action holds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/output.hpp"
#include "app/settings.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"

namespace CLI {
class App;
}

namespace whosent::app {

enum class Exit : int { done = 0, failed = 1, usage = 2 };

// What every command gets.
struct Context {
    Settings settings;
    const Clock& clock;
    Output& output;
    std::vector<Error> problems = {};  // of the configuration; for a command that checks it, others are not run with one
};

// An error is printed; invalid_argument is wrong usage. A command that told its failures itself returns Exit::failed.
using Action = std::function<Result<Exit>(Context&)>;

class CommandLine {
public:
    CommandLine(std::string description, std::string version_text);
    ~CommandLine();

    class Command {
    public:
        // `name` as in "--domain"; `value` stands for the value in the help.
        void option(const std::string& name, std::string& into, const std::string& value, const std::string& help, bool required = false);
        void option(const std::string& name, std::optional<std::uint64_t>& into, const std::string& value, const std::string& help);
        // May be given several times.
        void options(const std::string& name, std::vector<std::string>& into, const std::string& value, const std::string& help);
        void flag(const std::string& name, bool& into, const std::string& help);
        void choice(const std::string& name, std::string& into, const std::vector<std::string>& choices, const std::string& help);
        // The same; may be given several times.
        void choices(const std::string& name, std::vector<std::string>& into, const std::vector<std::string>& choices, const std::string& help);
        void format(Format& into);  // --format table|json|csv
        void jobs();                // --jobs
        void dns_options();         // --dns, --dns-server
        void argument(const std::string& name, std::string& into, const std::string& help, bool required = true);
        void argument(const std::string& name, std::optional<std::uint64_t>& into, const std::string& help, bool required);
        void arguments(const std::string& name, std::vector<std::string>& into, const std::string& help, bool required = true);  // one or more
        // Runs whatever is wrong with the configuration, which an argument may name in the place of --config.
        void checks_settings(const std::string& argument, const std::string& help);
        void examples(const std::string& text);
        void action(Action action);
        // Commands below this one; one of them must be given, unless this one has an action already: that is for where none is.
        [[nodiscard]] Command command(const std::string& name, const std::string& help);

    private:
        friend class CommandLine;
        Command(CommandLine& line, CLI::App& app) : line_(line), app_(app) {}
        CommandLine& line_;
        CLI::App& app_;
    };
    [[nodiscard]] Command command(const std::string& name, const std::string& help);

    // Parses and says which action to run. Nothing: help or version was asked for and printed, or the usage was wrong and said so; `exit` is set.
    [[nodiscard]] const Action* parse(int argc, char** argv, Exit& exit);
    [[nodiscard]] const Flags& flags() const noexcept { return flags_; }
    // The command that was chosen runs whatever is wrong with the configuration.
    [[nodiscard]] bool checks_settings() const noexcept { return checks_settings_; }

private:
    void add_common_options(CLI::App& app);

    Flags flags_;
    bool checks_settings_ = false;
    std::unique_ptr<CLI::App> app_;
    std::map<const CLI::App*, Action> actions_;
};

}  // namespace whosent::app
