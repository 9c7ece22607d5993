#include <fmt/format.h>

#include <fstream>
#include <mutex>

#include "app/access.hpp"
#include "app/attribution_run.hpp"
#include "app/attribution_setup.hpp"
#include "app/commands/commands.hpp"
#include "app/hand_over.hpp"
#include "app/interrupt.hpp"
#include "app/pseudonym_keys.hpp"
#include "whosent/base/text.hpp"
#include "whosent/pipeline/pipeline.hpp"
#include "whosent/unpack/unpack.hpp"

namespace whosent::app {
namespace {

constexpr std::size_t kShownLines = 30, kShownLineBytes = 160;  // of a quarantined message: a screen

const std::vector<Column> kColumns = {
    {"id", "ID"},
    {"stored", "SINCE", false, 2},
    {"name", "NAME", true},
    {"code", "CODE", false, 1},
    {"stage", "", false},
    {"where", "WHERE", true, 3},
    {"reason", "REASON", true},
    {"bytes", "BYTES", false, 4},
    {"attempts", "", false},
    {"content_kept", "", false},
    {"collector", "", false},
    {"remote_key", "", true},
    {"sha256", "", false},
};

std::vector<Cell> cells(const store::QuarantineRow& row) {
    return {row.id,
            format_time(row.stored),
            row.name,
            row.code,
            row.stage,
            row.where,
            row.reason,
            static_cast<std::int64_t>(row.bytes),
            row.attempts,
            row.content_kept,
            row.collector,
            row.remote_key,
            to_hex(row.sha256)};
}

Result<std::string> content_of(store::Reader& reader, const store::QuarantineRow& row) {
    if (row.content_kept) return unpack::expand_kept(WHOSENT_TRY(reader.quarantine_content(row.id)), row.bytes);
    return std::unexpected(Error{.code = ErrorCode::not_found,
                                 .stage = Stage::app,
                                 .where = fmt::format("quarantine {}", row.id),
                                 .message = fmt::format("too large to be kept here; it is where it came from: {}", row.remote_key)});
}

Result<Exit> list(Context& context, Format format) {
    auto opened = WHOSENT_TRY(open_reader(context));
    Listing listing(context.output, format, kColumns);
    WHOSENT_CHECK(opened.reader->quarantine([&](const store::QuarantineRow& row) {
        listing.add(cells(row));
        return !context.output.closed() && !interrupted();
    }));
    listing.end("The quarantine is empty.");
    return interrupted() ? Exit::failed : Exit::done;
}

Result<Exit> show(Context& context, std::uint64_t number, bool raw) {
    const std::int64_t id = WHOSENT_TRY(id_argument(number));
    auto opened = WHOSENT_TRY(open_reader(context));
    const auto row = WHOSENT_TRY(opened.reader->quarantine_entry(id));
    if (raw) {
        context.output.write(WHOSENT_TRY(content_of(*opened.reader, row)));
        return Exit::done;
    }
    const auto line = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) context.output.write(fmt::format("{:<10} {}\n", name, printable(value, 2000)));
    };
    line("id", fmt::format("{}", row.id));
    line("since", format_time(row.stored));
    line("origin", fmt::format("{}: {}", row.collector, row.remote_key));
    line("reason", row.reason);
    line("code", row.code);
    line("stage", row.stage);
    line("where", row.where);
    line("bytes", grouped(row.bytes));
    line("attempts", fmt::format("{}", row.attempts));
    line("sha256", to_hex(row.sha256));
    if (!row.content_kept) {
        line("content", "not kept here, because it is over limits.message_bytes");
        return Exit::done;
    }
    const std::string content = WHOSENT_TRY(content_of(*opened.reader, row));
    context.output.write("\n");
    std::string_view rest = content;
    for (std::size_t i = 0; i < kShownLines && !rest.empty(); ++i) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view text = rest.substr(0, end);
        if (text.ends_with('\r')) text.remove_suffix(1);
        context.output.write(fmt::format("  {}\n", printable(text, kShownLineBytes)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (!rest.empty()) context.output.write(fmt::format("  … {} bytes more; --raw writes all\n", grouped(rest.size())));
    return Exit::done;
}

// What is over the message limit stays in its file; with a higher limit it can be read from there. An mbox's messages cannot: "#" marks them.
Result<std::string> read_origin(const store::QuarantineRow& row, std::size_t most) {
    const auto failure = [&](std::string message) {
        return std::unexpected(Error{.code = ErrorCode::io,
                                     .stage = Stage::collect,
                                     .persistence = Persistence::retry,
                                     .where = row.remote_key,
                                     .message = std::move(message)});
    };
    std::ifstream file(row.remote_key, std::ios::binary);
    if (row.collector != "files" || !file) return failure("the message was too large to be kept, and is not there any more");
    if (row.bytes > most) return failure(fmt::format("{} bytes are still over limits.message_bytes ({})", row.bytes, most));
    std::string bytes(row.bytes, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (file.gcount() != static_cast<std::streamsize>(bytes.size()) || sha256(bytes) != row.sha256) return failure("the file is not what it was");
    return bytes;
}

// "1 report with 3 records", "1 failure report and 2 feedback reports"
std::string what_was_stored(const store::MessageOutcome& outcome) {
    std::vector<std::string> parts;
    if (outcome.reports_stored > 0) parts.push_back(fmt::format("{} with {}", counted(outcome.reports_stored, "report"), counted(outcome.rows_stored, "record")));
    if (outcome.failures_stored > 0) parts.push_back(counted(outcome.failures_stored, "failure report"));
    if (outcome.feedback_stored > 0) parts.push_back(counted(outcome.feedback_stored, "feedback report"));
    if (outcome.tls_stored > 0) parts.push_back(counted(outcome.tls_stored, "TLS report"));
    return fmt::format("{}", fmt::join(parts, " and "));
}

Result<Exit> retry(Context& context, std::optional<std::uint64_t> number) {
    auto store = WHOSENT_TRY(open_existing(context));
    auto writer = WHOSENT_TRY(open_writer(context, *store));
    auto reader = WHOSENT_TRY(store->reader());
    const Pseudonyms pseudonyms = WHOSENT_TRY(open_pseudonyms(context.settings, context.clock));
    const AttributionSetup attribution = WHOSENT_TRY(set_up_attribution(context));
    const auto attributor = WHOSENT_TRY(pipeline::Attributor::create(*store, context.clock, attribution.options()));
    std::vector<std::int64_t> ids;
    if (number) {
        ids.push_back(WHOSENT_TRY(id_argument(*number)));
        WHOSENT_CHECK(reader->quarantine_entry(ids.front()));
    } else {
        WHOSENT_CHECK(reader->quarantine([&](const store::QuarantineRow& row) {
            ids.push_back(row.id);
            return true;
        }));
    }
    std::size_t remaining = 0, told = 0;  // outcomes come in the order of intake
    Result<void> finished;
    {
        const pipeline::Done done = [&](const RawMessage&, const pipeline::Outcome& outcome) {
            if (!finished) return;  // the store failed: told at the end
            using Kind = pipeline::Outcome::Kind;
            std::string what;
            switch (outcome.kind) {
                case Kind::stored:
                    what = fmt::format("stored: {}", what_was_stored(outcome.stored));
                    break;
                case Kind::duplicate: what = "its report was stored before"; break;
                case Kind::not_a_report: what = "not a report"; break;
                case Kind::quarantined: what = fmt::format("still in quarantine: {}", outcome.reason); break;
                case Kind::retry: what = fmt::format("not read: {}", outcome.reason); break;
            }
            if (outcome.kind == Kind::quarantined || outcome.kind == Kind::retry) ++remaining;
            context.output.write(fmt::format("{}  {}\n", ids[told++], printable(what, 500)));
        };
        std::mutex one_reader;  // content is fetched on the pipeline's threads
        pipeline::Options how;
        how.limits = context.settings.limits;
        how.jobs = context.settings.jobs;
        how.pseudonyms = &pseudonyms;
        how.attributor = attributor.get();
        pipeline::Pipeline pipeline(*store, *writer, context.clock, how);
        for (const std::int64_t id : ids) {
            if (interrupted()) break;
            const auto fetch = [&, id]() -> Result<RawMessage> {
                store::QuarantineRow row;
                auto bytes = std::make_shared<std::string>();
                {
                    const std::lock_guard lock(one_reader);
                    row = WHOSENT_TRY(reader->quarantine_entry(id));
                    if (row.content_kept) *bytes = WHOSENT_TRY(content_of(*reader, row));
                }
                if (!row.content_kept) *bytes = WHOSENT_TRY(read_origin(row, how.limits.message_bytes));
                RawMessage message;
                message.bytes = *bytes;
                message.owner = std::move(bytes);
                message.provenance.collector = row.collector;
                message.provenance.remote_key = row.remote_key;
                message.provenance.name = row.name;
                return message;
            };
            if (!pipeline.submit({.fetch = fetch, .done = done, .retry_of = id})) break;  // finish() tells why
        }
        finished = pipeline.finish();
    }
    WHOSENT_CHECK(finished);
    WHOSENT_CHECK(complete_attribution(*attributor, *writer, std::chrono::seconds(5)));
    if (ids.empty()) context.output.write("The quarantine is empty.\n");
    return remaining > 0 || interrupted() ? Exit::failed : Exit::done;
}

Result<Exit> drop(Context& context, std::uint64_t number) {
    const std::int64_t id = WHOSENT_TRY(id_argument(number));
    auto store = WHOSENT_TRY(open_existing(context));
    auto writer = WHOSENT_TRY(open_writer(context, *store));
    WHOSENT_CHECK(writer->quarantine_drop(id));
    context.output.write(fmt::format("{}  dropped\n", id));
    return Exit::done;
}

}  // namespace

void add_quarantine(CommandLine& line) {
    struct Options {
        std::optional<std::uint64_t> id;
        bool raw = false;
        Format format = Format::table;
    };
    auto options = std::make_shared<Options>();
    auto command = line.command("quarantine", "Messages that could not be read, kept whole with the reason");

    auto list_command = command.command("list", "One line a message");
    list_command.format(options->format);
    list_command.action([options](Context& context) { return list(context, options->format); });

    auto show_command = command.command("show", "The reason, and the first lines of the message");
    show_command.argument("ID", options->id, "The number in `whosent quarantine list`", true);
    show_command.flag("--raw", options->raw, "Writes the message as it arrived, and nothing else");
    show_command.examples("Example:\n  whosent quarantine show 3 --raw > message.eml");
    show_command.action([options](Context& context) { return show(context, *options->id, options->raw); });

    auto retry_command = command.command("retry", "Reads again: after an update, or with other limits");
    retry_command.argument("ID", options->id, "Only this one; without it, all", false);
    retry_command.jobs();
    retry_command.examples("Exit status 1: something is still in the quarantine.");
    retry_command.action([options](Context& context) { return retry(context, options->id); });

    auto drop_command = command.command("drop", "Removes a message from the quarantine for good");
    drop_command.argument("ID", options->id, "The number in `whosent quarantine list`", true);
    drop_command.action([options](Context& context) { return drop(context, *options->id); });
}

}  // namespace whosent::app
