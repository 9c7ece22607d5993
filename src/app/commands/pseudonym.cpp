#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "app/access.hpp"
#include "app/commands/commands.hpp"
#include "app/interrupt.hpp"
#include "app/pseudonym_keys.hpp"
#include "whosent/base/function_ref.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::vector<std::string> addresses;
    bool rotate = false;
    Format format = Format::table;
};

const std::vector<Column> kColumns = {{"address", "ADDRESS", true}, {"key", "KEY"}, {"pseudonym", "PSEUDONYM"}};

constexpr std::size_t kLongestAddress = 1000;  // bytes; RFC 5321 section 4.5.3.1 has 320, with room for a name and brackets

// Standard input line by line, a line that is too long cut: memory does not follow the input.
Result<void> for_lines(FunctionRef<bool(std::string_view)> give) {
    std::string line;
    char buffer[65536];
    while (true) {
        const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (size < 0 && errno == EINTR && !interrupted()) continue;
        if (size < 0) {
            return std::unexpected(Error{.code = ErrorCode::io, .stage = Stage::app, .where = "standard input", .message = std::strerror(errno)});
        }
        for (std::string_view rest(buffer, static_cast<std::size_t>(size)); !rest.empty();) {
            const std::size_t end = rest.find('\n');
            const std::string_view part = rest.substr(0, end);
            line += part.substr(0, kLongestAddress + 1 - std::min(line.size(), kLongestAddress + 1));
            if (end == std::string_view::npos) break;
            rest.remove_prefix(end + 1);
            if (!give(line)) return {};
            line.clear();
        }
        if (size == 0) {
            if (!line.empty()) give(line);
            return {};
        }
    }
}

Result<Exit> look_up(Context& context, const Options& options) {
    auto loaded = load_keys(context.settings.key_file);
    if (!loaded && loaded.error().code == ErrorCode::not_found) {
        loaded.error().message = "there is no key file yet, hence no pseudonym; the first one that is needed makes it, or `whosent pseudonym --rotate`";
    }
    const PseudonymKeys keys = WHOSENT_TRY(std::move(loaded));
    // Whatever the mode is now: pseudonyms of other days are in the store
    const Pseudonyms names = WHOSENT_TRY(Pseudonyms::create(PrivacyMode::pseudonymous, keys));

    Listing listing(context.output, options.format, kColumns);
    bool done = true;
    const auto add = [&](std::string_view address, const std::string& where) {
        const std::string_view text = trim(address);
        if (text.find('@') == std::string_view::npos || text.size() > kLongestAddress || names.address(text).starts_with('@')) {
            complain(where + ": not an address");
            done = false;
            return;
        }
        const auto all = names.all_of(text);
        for (std::size_t i = 0; i < all.size(); ++i) {
            listing.add({std::string(text), static_cast<std::int64_t>(keys[keys.size() - 1 - i].number), all[i]});
        }
    };
    for (std::size_t i = 0; i < options.addresses.size(); ++i) {
        if (options.addresses[i] != "-") {
            add(options.addresses[i], fmt::format("argument {}", i + 1));
            continue;
        }
        std::size_t line = 0;
        WHOSENT_CHECK(for_lines([&](std::string_view text) {
            ++line;
            if (!trim(text).empty()) add(text, fmt::format("standard input:{}", line));
            return !context.output.closed() && !interrupted();
        }));
    }
    listing.end("No address.");
    return done && !interrupted() ? Exit::done : Exit::failed;
}

Result<Exit> rotate(Context& context) {
    const std::uint32_t number = WHOSENT_TRY(rotate_keys(context.settings.key_file, context.clock));
    context.output.write(fmt::format("key {} is added to {}: new pseudonyms begin with ~{}.\n", number, context.settings.key_file, number));
    if (number > 1) {
        context.output.write("older keys are kept, so that older pseudonyms can still be told; a running `whosent` uses the new key when it is started again\n");
    }
    return Exit::done;
}

}  // namespace

void add_pseudonym(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("pseudonym", "What stands in the store for an address, under each key");
    command.arguments("ADDRESS", options->addresses, "Addresses; - reads them from standard input, one a line", false);
    command.flag("--rotate", options->rotate, "Adds a key for new pseudonyms; what is stored stays as it is");
    command.format(options->format);
    command.examples(
        "One line a key, the newest first. The keys are in the file that `whosent config show` names as key_file.\n\n"
        "Examples:\n"
        "  whosent pseudonym someone@example.org\n"
        "  whosent pseudonym --format csv - < suppressed.txt > pseudonyms.csv\n"
        "  whosent pseudonym --rotate");
    command.action([options](Context& context) -> Result<Exit> {
        if (options->rotate == !options->addresses.empty()) return std::unexpected(usage_error("give either addresses or --rotate"));
        return options->rotate ? rotate(context) : look_up(context, *options);
    });
}

}  // namespace whosent::app
