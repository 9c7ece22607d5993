#include <fmt/format.h>

#include <algorithm>

#include "app/access.hpp"
#include "app/cells.hpp"
#include "app/commands/commands.hpp"
#include "app/hand_over.hpp"
#include "app/hint.hpp"
#include "app/listing_options.hpp"
#include "whosent/base/text.hpp"
#include "whosent/serve/access.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::string name, expires, id;
    std::vector<std::string> scopes, from;
    Format format = Format::table;
};

constexpr std::size_t kNameBytes = 100;  // fits a line of a listing

Result<std::vector<Scope>> read_scopes(const std::vector<std::string>& words) {
    std::vector<Scope> scopes;
    for (const std::string& word : words_of(words)) {
        const auto* const found = std::ranges::find_if(kScopes, [&](Scope scope) { return name_of(scope) == word; });
        if (found == std::end(kScopes)) {
            std::vector<std::string_view> known;
            for (const Scope scope : kScopes) known.push_back(name_of(scope));
            const auto near = nearest(word, known);
            return std::unexpected(usage_error(fmt::format("--scope {}: no such scope; {}", printable(word, 60), near ? fmt::format("did you mean {}?", *near) : fmt::format("there are {}", fmt::join(known, ", ")))));
        }
        if (std::ranges::find(scopes, *found) == scopes.end()) scopes.push_back(*found);
    }
    return scopes;
}

Result<std::vector<IpPrefix>> read_addresses(const std::vector<std::string>& texts) {
    std::vector<IpPrefix> addresses;
    for (const std::string& text : words_of(texts)) {
        const auto prefix = IpPrefix::parse(text);
        if (!prefix) return std::unexpected(usage_error(fmt::format("--from {}: not an address or network such as 192.0.2.0/24 or 2001:db8::/32", printable(text, 60))));
        if (std::ranges::find(addresses, *prefix) == addresses.end()) addresses.push_back(*prefix);
    }
    return addresses;
}

Result<std::optional<Seconds>> read_expiry(const std::string& text, Seconds now) {
    if (text.empty()) return std::nullopt;
    const auto age = parse_duration(text);
    const auto time = age ? std::optional(now + *age) : parse_iso_time(text);
    if (!time) return std::unexpected(usage_error(fmt::format("--expires {}: not a time; give a duration from now on (90d) or a date (2027-06-30)", printable(text, 60))));
    if (*time <= now) return std::unexpected(usage_error(fmt::format("--expires {}: that is over already", printable(text, 60))));
    return time;
}

Result<Exit> create(Context& context, const Options& options) {
    const Seconds now = context.clock.now();
    AccessToken draft;
    draft.name = options.name;
    if (trim(draft.name).empty() || draft.name.size() > kNameBytes || printable(draft.name) != draft.name) {
        return std::unexpected(usage_error(fmt::format("--name: 1 to {} printable characters that tell whose it is", kNameBytes)));
    }
    draft.scopes = WHOSENT_TRY(read_scopes(options.scopes));
    draft.expires = WHOSENT_TRY(read_expiry(options.expires, now));
    draft.addresses = WHOSENT_TRY(read_addresses(options.from));
    draft.created = now;
    const serve::NewToken made = WHOSENT_TRY(serve::make_token(std::move(draft)));
    const auto store = WHOSENT_TRY(open_or_create(context));
    const auto writer = WHOSENT_TRY(open_writer(context, *store));
    WHOSENT_CHECK(writer->add_token(made.token));
    context.output.write(made.text + "\n");
    WHOSENT_CHECK(context.output.finish());
    complain(fmt::format("this is the only time that it is shown; clients send \"Authorization: Bearer TOKEN\", and `whosent token revoke {}` ends it", made.token.id));
    return Exit::done;
}

std::string_view state_of(const AccessToken& token, Seconds now) { return token.revoked ? "revoked" : token.expires && *token.expires <= now ? "expired" : "valid"; }

Result<Exit> list(Context& context, Format format) {
    auto opened = WHOSENT_TRY(open_reader(context));
    Listing listing(context.output, format,
                    {{"id", "ID"}, {"name", "NAME", true}, {"scopes", "SCOPES"}, {"state", "STATE"}, {"created", "CREATED", false, 4}, {"expires", "EXPIRES", false, 2}, {"last_used", "LAST USED", false, 1},
                     {"revoked", "", false}, {"from", "FROM", true, 3}});
    for (const AccessToken& token : WHOSENT_TRY(opened.reader->tokens())) {
        std::vector<std::string> scopes, from;
        for (const Scope scope : token.scopes) scopes.emplace_back(name_of(scope));
        for (const IpPrefix& prefix : token.addresses) from.push_back(prefix.to_string());
        listing.add({token.id, token.name, scopes, std::string(state_of(token, context.clock.now())), time_cell(token.created), time_cell(token.expires), time_cell(token.last_used), time_cell(token.revoked), from});
    }
    listing.end("No token: `whosent token create --name NAME --scope feed` makes one.");
    return Exit::done;
}

Result<Exit> revoke(Context& context, const std::string& id) {
    const auto store = WHOSENT_TRY(open_existing(context));
    const auto writer = WHOSENT_TRY(open_writer(context, *store));
    if (!WHOSENT_TRY(writer->revoke_token(id))) {
        return std::unexpected(Error{.code = ErrorCode::not_found, .stage = Stage::app, .where = printable(id, 60),
                                     .message = "no token has this id, or it is revoked already: `whosent token list` has them"});
    }
    context.output.write(fmt::format("{}  revoked\n", printable(id, 60)));
    return Exit::done;
}

}  // namespace

void add_token(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("token", "Who may use the HTTP server: tokens with scopes");
    auto create_command = command.command("create", "Makes a token, and prints it: the only time that it is shown");
    create_command.option("--name", options->name, "NAME", "Whose it is, for people", true);
    create_command.options("--scope", options->scopes, "SCOPE", "What it may: feed (GET /v1/events), read, read:personal, ingest (POST of reports), admin (everything); may be given several times");
    create_command.option("--expires", options->expires, "TIME", "For how long it holds (90d), or until when (2027-06-30); without it, until it is revoked");
    create_command.options("--from", options->from, "PREFIX", "Only from this address or network (192.0.2.0/24); may be given several times");
    create_command.examples(
        "The token alone goes to standard output. The store has a digest of it; a token that is lost cannot be shown again.\n\n"
        "Examples:\n"
        "  whosent token create --name soc --scope feed --expires 365d > soc.token\n"
        "  whosent token create --name mta --scope ingest --from 192.0.2.0/24 --from 2001:db8::/32");
    create_command.action([options](Context& context) -> Result<Exit> {
        if (options->scopes.empty()) return std::unexpected(usage_error("--scope is required: what may the token do? feed, read, read:personal, ingest or admin"));
        return create(context, *options);
    });
    auto list_command = command.command("list", "The tokens: scopes, state, expiry, last use");
    list_command.format(options->format);
    list_command.action([options](Context& context) { return list(context, options->format); });
    auto revoke_command = command.command("revoke", "Ends a token; a running `whosent serve` refuses it within two seconds");
    revoke_command.argument("ID", options->id, "The token's id in `whosent token list`");
    revoke_command.action([options](Context& context) { return revoke(context, options->id); });
}

}  // namespace whosent::app
