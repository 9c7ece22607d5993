#include "app/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <iostream>

namespace whosent::app {
namespace {

// CLI11's own conversion takes "-3" for a number near 2^64.
CLI::Option* add_number(CLI::App& app, const std::string& name, std::optional<std::uint64_t>& into, const std::string& help) {
    const auto read = [](const std::string& text) -> std::optional<std::uint64_t> {
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return number;
    };
    return app.add_option_function<std::string>(name, [&into, read](const std::string& text) { into = read(text); }, help)
        ->check([read](const std::string& text) { return read(text) ? std::string() : "not a whole number: " + text; });
}

void only(CLI::Option* option, const std::vector<std::string>& choices) {
    const std::string words = fmt::format("{}", fmt::join(choices, "|"));
    option->type_name(words)->check([choices, words](const std::string& text) {
        return std::find(choices.begin(), choices.end(), text) != choices.end() ? std::string() : "not one of " + words + ": " + text;
    });
}

}  // namespace

CommandLine::CommandLine(std::string description, std::string version_text)
    : app_(std::make_unique<CLI::App>(std::move(description), "whosent")) {
    app_->set_version_flag("--version", std::move(version_text));
    app_->require_subcommand(1);
    app_->get_formatter()->column_width(36);
    add_common_options(*app_);
}

CommandLine::~CommandLine() = default;

void CommandLine::add_common_options(CLI::App& app) {
    app.add_option("--store", flags_.store, "The store to use; else WHOSENT_STORE, the configuration's, or a default place")
        ->type_name("sqlite:FILE");
    app.add_option("--config", flags_.config, "Configuration in TOML; see `whosent config show`")->type_name("FILE");
}

CommandLine::Command CommandLine::command(const std::string& name, const std::string& help) {
    auto* app = app_->add_subcommand(name, help);
    add_common_options(*app);
    return {*this, *app};
}

CommandLine::Command CommandLine::Command::command(const std::string& name, const std::string& help) {
    app_.require_subcommand(line_.actions_.contains(&app_) ? 0 : 1, 1);
    auto* app = app_.add_subcommand(name, help);
    line_.add_common_options(*app);
    return {line_, *app};
}

void CommandLine::Command::option(const std::string& name, std::string& into, const std::string& value, const std::string& help, bool required) {
    app_.add_option(name, into, help)->type_name(value)->required(required);
}

void CommandLine::Command::option(const std::string& name, std::optional<std::uint64_t>& into, const std::string& value, const std::string& help) {
    add_number(app_, name, into, help)->type_name(value);
}

void CommandLine::Command::options(const std::string& name, std::vector<std::string>& into, const std::string& value, const std::string& help) {
    // one value each time: what comes after it is no further value
    app_.add_option(name, into, help)->type_name(value)->expected(1)->take_all();
}

void CommandLine::Command::flag(const std::string& name, bool& into, const std::string& help) { app_.add_flag(name, into, help); }

void CommandLine::Command::choice(const std::string& name, std::string& into, const std::vector<std::string>& choices, const std::string& help) {
    only(app_.add_option(name, into, help), choices);
}

void CommandLine::Command::choices(const std::string& name, std::vector<std::string>& into, const std::vector<std::string>& choices, const std::string& help) {
    // one value each time: what comes after it is no further value
    only(app_.add_option(name, into, help)->expected(1)->take_all(), choices);
}

void CommandLine::Command::format(Format& into) {
    const auto word = std::make_shared<std::string>();
    choice("--format", *word, {"table", "json", "csv"}, "How to print: a table for people (the default), one JSON array, or CSV (RFC 4180)");
    app_.parse_complete_callback([word, &into] { into = *word == "json" ? Format::json : *word == "csv" ? Format::csv : Format::table; });
}

void CommandLine::Command::jobs() {
    option("--jobs", line_.flags_.jobs, "N", "Threads that read and parse; 0, the default, is one a processor but one, which commits");
}

void CommandLine::Command::dns_options() {
    choice("--dns", line_.flags_.dns, {"on", "off"}, "Whether to ask DNS; else WHOSENT_DNS or the configuration's, else on");
    options("--dns-server", line_.flags_.dns_servers, "ADDRESS[:PORT]", "The server to ask; may be given several times. Else WHOSENT_DNS_SERVERS, the configuration's, or those of the system");
}

void CommandLine::Command::argument(const std::string& name, std::string& into, const std::string& help, bool required) {
    app_.add_option(name, into, help)->type_name("")->required(required);
}

void CommandLine::Command::argument(const std::string& name, std::optional<std::uint64_t>& into, const std::string& help, bool required) {
    add_number(app_, name, into, help)->type_name("")->required(required);
}

void CommandLine::Command::arguments(const std::string& name, std::vector<std::string>& into, const std::string& help, bool required) {
    app_.add_option(name, into, help)->type_name("")->required(required)->expected(1, -1);
}

void CommandLine::Command::checks_settings(const std::string& argument, const std::string& help) {
    const auto file = std::make_shared<std::string>();
    app_.add_option(argument, *file, help)->type_name("");
    app_.final_callback([this_line = &line_, file] {
        this_line->checks_settings_ = true;
        if (file->empty()) return;
        if (!this_line->flags_.config.empty() && this_line->flags_.config != *file) throw CLI::ValidationError("one configuration at a time: --config names another");
        this_line->flags_.config = *file;
    });
}

void CommandLine::Command::examples(const std::string& text) { app_.footer(text); }

void CommandLine::Command::action(Action action) { line_.actions_[&app_] = std::move(action); }

const Action* CommandLine::parse(int argc, char** argv, Exit& exit) {
    const CLI::App* chosen = app_.get();
    const auto deepest = [&] {
        chosen = app_.get();
        for (auto below = chosen->get_subcommands(); !below.empty(); below = chosen->get_subcommands()) chosen = below.front();
        return chosen;
    };
    try {
        app_->parse(argc, argv);
        exit = Exit::done;
        return &actions_.at(deepest());
    } catch (const CLI::Success& asked) {  // --help, --version
        app_->exit(asked, std::cout, std::cerr);
        exit = std::cout.flush() ? Exit::done : Exit::failed;
    } catch (const CLI::ParseError& wrong) {
        std::string name;
        for (const CLI::App* app = deepest(); app != nullptr; app = app->get_parent()) name.insert(0, app->get_name() + " ");
        const CLI::App& app = *deepest();
        std::string message = wrong.what();
        if (dynamic_cast<const CLI::RequiredError*>(&wrong) != nullptr && !app.get_subcommands({}).empty()) {
            const auto rest = app.remaining();
            message = rest.empty() ? "no command given" : fmt::format("unknown command {}", rest.front());
        }
        std::cerr << fmt::format("whosent: {}; see `{}--help`\n", message, name);
        exit = Exit::usage;
    }
    return nullptr;
}

}  // namespace whosent::app
