#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "app/access.hpp"
#include "app/attribution_run.hpp"
#include "app/attribution_setup.hpp"
#include "app/commands/commands.hpp"
#include "app/hand_over.hpp"
#include "app/interrupt.hpp"
#include "app/progress.hpp"
#include "app/pseudonym_keys.hpp"
#include "whosent/base/text.hpp"
#include "whosent/collect/files.hpp"
#include "whosent/pipeline/pipeline.hpp"

namespace whosent::app {
namespace {

struct Options {
    std::vector<std::string> paths;
    std::string summary = "text";
    bool wait_dns = false;
};

constexpr std::size_t kNamed = 5;  // quarantined messages that the summary names

struct Summary {
    pipeline::Counts counts;
    double seconds = 0;
    std::vector<std::string> quarantined;  // the first kNamed
    pipeline::Attributor::Progress attribution;
    std::int64_t unattributed = 0;  // streams that wait for DNS
    bool out_of_date = false;       // others are still as another catalogue or configuration judged them
};

// The keys are an interface: scripts read them.
std::string to_json(const Summary& summary) {
    const auto& c = summary.counts;
    const auto& a = summary.attribution;
    return fmt::format(
        R"({{"messages":{},"reports":{{"aggregate":{},"failure":{},"feedback":{},"tlsrpt":{}}},"records":{},)"
        R"("duplicates":{{"messages":{},"reports":{}}},)"
        R"("not_reports":{},"quarantined":{},"diagnostics":{},"bytes_read":{},"bytes_unpacked":{},"seconds":{:.3f},)"
        R"("attribution":{{"settled":{},"reclassified":{},"waiting":{},"dns":{{"asked":{},"cached":{},"failed":{},"timed_out":{},"most_in_flight":{}}}}}}})"
        "\n",
        c.messages, c.aggregate_reports, c.failure_reports, c.feedback_reports, c.tls_reports, c.records, c.duplicate_messages, c.duplicate_reports,
        c.not_reports, c.quarantined, c.diagnostics, c.bytes_read, c.bytes_unpacked, summary.seconds, a.settled, a.reclassified, summary.unattributed,
        a.dns.asked, a.dns.cached, a.dns.failed, a.dns.timed_out, a.dns.most_in_flight);
}

std::string to_text(const Summary& summary) {
    const auto& c = summary.counts;
    const double rate = summary.seconds > 0 ? static_cast<double>(c.records) / summary.seconds : 0;
    std::string out = fmt::format("read         {}, {} ({} unpacked) in {:.1f} s\n", counted(c.messages, "message"), human_bytes(c.bytes_read),
                                  human_bytes(c.bytes_unpacked), summary.seconds);
    const std::uint64_t others = c.failure_reports + c.feedback_reports + c.tls_reports;
    std::string_view label = "stored       ";
    if (c.aggregate_reports > 0 || others == 0) {
        out += fmt::format("{}{} with {}", label, counted(c.aggregate_reports, "aggregate report"), counted(c.records, "record"));
        out += c.records > 0 ? fmt::format(", {} a second\n", grouped(static_cast<std::uint64_t>(std::llround(rate)))) : "\n";
        label = "             ";
    }
    if (others > 0) {
        out += fmt::format("{}{}, {} and {}\n", label, counted(c.failure_reports, "failure report"), counted(c.feedback_reports, "feedback report"),
                           counted(c.tls_reports, "TLS report"));
    }
    if (c.diagnostics > 0) out += fmt::format("diagnostics  {} (`whosent report ID` shows those of a report)\n", grouped(c.diagnostics));
    if (c.duplicate_messages + c.duplicate_reports > 0) {
        out += fmt::format("duplicates   {} and {} stored before\n", counted(c.duplicate_messages, "message"), counted(c.duplicate_reports, "report"));
    }
    if (c.not_reports > 0) out += fmt::format("not reports  {}\n", counted(c.not_reports, "message"));
    if (c.quarantined > 0) {
        out += fmt::format("quarantined  {} that could not be read, kept whole (`whosent quarantine list`)\n", counted(c.quarantined, "message"));
        for (const auto& line : summary.quarantined) out += fmt::format("  {}\n", line);
        if (c.quarantined > summary.quarantined.size()) out += fmt::format("  and {} more\n", grouped(c.quarantined - summary.quarantined.size()));
    }
    if (summary.unattributed > 0) {
        out += fmt::format("waiting      {} without all answers of DNS about who sent it: `whosent attribute` asks again\n", counted(static_cast<std::uint64_t>(summary.unattributed), "stream"));
    }
    if (summary.out_of_date) out += "catalogue    or configuration changed, and not everything is judged by it yet: `whosent attribute` goes on\n";
    return out;
}

bool is_standard_input(const std::string& path) { return path == "-"; }

// What the paths hold, handed in and told of.
class Reading {
public:
    Reading(Context& context, const Options& options, const Pseudonyms& pseudonyms) : context_(context), pseudonyms_(pseudonyms) {
        std::copy_if(options.paths.begin(), options.paths.end(), std::back_inserter(named_), [](const auto& path) { return !is_standard_input(path); });
        standard_input_ = named_.size() < options.paths.size();
        list_ = collect::list_files(named_);
        for (const Error& error : list_.unreadable) tell(error);
        failed_ = !list_.unreadable.empty();
    }

    // Pipeline, or what hands over to the daemon. Until all outcomes are known, or the store failed.
    template <class Taker>
    Result<void> into(Taker& taker, Summary& summary) {
        const pipeline::Done done = [&](const RawMessage& message, const pipeline::Outcome& outcome) {
            if (!finished_) return;  // the store failed: told once, at the end
            if (outcome.kind == pipeline::Outcome::Kind::retry) {
                unread_ = true;
                complain(pseudonyms_.path(outcome.reason));
            } else if (outcome.kind == pipeline::Outcome::Kind::quarantined && summary.quarantined.size() < kNamed) {
                summary.quarantined.push_back(printable(fmt::format("{}: {}", pseudonyms_.path(message.provenance.remote_key), outcome.reason), 500));
            }
        };
        const Limits& limits = context_.settings.limits;
        {
            const Progress progress([&taker] { return taker.counts(); }, list_.bytes);
            bool on = !interrupted();
            for (std::size_t i = 0; on && i < list_.paths.size(); ++i) on = goes_on(collect::submit_file(list_.paths[i], limits, taker, [] { return !interrupted(); }, done));
            if (on && standard_input_) on = goes_on(collect::submit_stream(STDIN_FILENO, "standard input", limits, taker, done));
            finished_ = taker.finish();
        }
        summary.counts = taker.counts();
        return finished_;
    }
    // Something could not be read.
    [[nodiscard]] bool failed() const noexcept { return failed_ || unread_; }

private:
    // Names of files and folders may hold addresses of people, and what is printed here ends in logs
    void tell(const Error& error) const { complain(pseudonyms_.path(to_string(error))); }
    // An error of the store ends the intake, and finish() tells it; any other concerns one file.
    bool goes_on(const Result<void>& submitted) {
        if (submitted || interrupted()) return !interrupted();  // an interrupt can look like an error of reading
        if (submitted.error().stage == Stage::store) return false;
        tell(submitted.error());
        failed_ = true;
        return true;
    }

    Context& context_;
    const Pseudonyms& pseudonyms_;
    std::vector<std::string> named_;
    bool standard_input_ = false;
    collect::FileList list_;
    bool failed_ = false;
    bool unread_ = false;  // written by whoever tells outcomes, read after the end
    Result<void> finished_;
};

Result<void> ingest(Context& context, const Options& options, store::Store& store, store::Writer& writer, const AttributionSetup& attribution, const Pseudonyms& pseudonyms,
                    Reading& reading, Summary& summary) {
    const auto attributor = WHOSENT_TRY(pipeline::Attributor::create(store, context.clock, attribution.options()));
    Result<void> finished;
    {
        pipeline::Options how;
        how.limits = context.settings.limits;
        how.jobs = context.settings.jobs;
        how.batch_rows = context.settings.commit_rows;
        how.pseudonyms = &pseudonyms;
        how.attributor = attributor.get();
        pipeline::Pipeline pipeline(store, writer, context.clock, how);
        finished = reading.into(pipeline, summary);
    }
    if (finished) finished = complete_attribution(*attributor, writer, options.wait_dns ? std::nullopt : std::optional(kDnsGrace));
    summary.attribution = attributor->progress();
    summary.out_of_date = attributor->out_of_date();
    return finished;
}

// The daemon stores, and goes on to attribute.
Result<void> hand_over(const Options& options, store::Store& store, HandOver& daemon, Reading& reading, Summary& summary) {
    WHOSENT_CHECK(reading.into(daemon, summary));
    if (!options.wait_dns) return {};
    const auto reader = WHOSENT_TRY(store.reader());
    while (!interrupted() && WHOSENT_TRY(reader->info()).unsettled > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return {};
}

Result<Exit> run(Context& context, const Options& options) {
    const auto started = std::chrono::steady_clock::now();
    const AttributionSetup attribution = WHOSENT_TRY(set_up_attribution(context));
    auto store = WHOSENT_TRY(open_or_create(context));
    auto writer = store->writer();
    std::unique_ptr<HandOver> daemon;
    if (!writer && writer.error().code == ErrorCode::store_locked) daemon = HandOver::find(context);
    if (!writer && !daemon) return std::unexpected(std::move(writer).error());
    const Pseudonyms pseudonyms = WHOSENT_TRY(open_pseudonyms(context.settings, context.clock));
    Reading reading(context, options, pseudonyms);
    Summary summary;
    Result<void> finished = daemon ? hand_over(options, *store, *daemon, reading, summary) : ingest(context, options, *store, **writer, attribution, pseudonyms, reading, summary);
    daemon.reset();  // what it tells at its end goes to `reading`
    if (finished) {
        const auto reader = WHOSENT_TRY(store->reader());
        summary.unattributed = WHOSENT_TRY(reader->info()).unsettled;
    }
    summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    context.output.write(options.summary == "json" ? to_json(summary) : to_text(summary));
    if (interrupted()) complain("interrupted; what was read until then is stored, and a further run goes on where this one ended");
    if (!finished) return std::unexpected(std::move(finished).error());
    return reading.failed() || interrupted() ? Exit::failed : Exit::done;
}

}  // namespace

void add_ingest(CommandLine& line) {
    auto options = std::make_shared<Options>();
    auto command = line.command("ingest", "Reads reports out of mail and files, and stores them");
    command.arguments("PATH", options->paths, "Files, folders (with all below), Maildirs, mbox files; - is one message on standard input");
    command.choice("--summary", options->summary, {"text", "json"}, "text (the default), or json: one object on one line");
    command.flag("--wait-dns", options->wait_dns, "End only when DNS has answered all that who sent it depends on");
    command.dns_options();
    command.jobs();
    command.examples(
        "Aggregate and failure reports of DMARC, feedback (complaints) and TLS reports, as mail, XML, JSON, gzip or zip; what it is, its content\n"
        "says. What was stored before is told as a duplicate and not stored twice. What cannot be read is kept in the quarantine with the reason.\n"
        "Addresses of people are stored as pseudonyms; the first run makes their key ([privacy] in `whosent config show`).\n"
        "Everything is stored before DNS is asked who sent it. Without --wait-dns the command ends five seconds after the last report was stored; what is not\n"
        "answered then waits for the next run, or `whosent attribute`. Beside `whosent serve` the messages are handed over to it.\n"
        "Exit status 1: a path could not be read, or the store failed. Quarantined messages alone are no failure.\n\n"
        "Examples:\n"
        "  whosent ingest ~/Maildir reports.mbox google.com!example.com!1763683200!1763769599.zip\n"
        "  curl -s https://example.com/report.eml | whosent ingest -");
    command.action([options](Context& context) { return run(context, *options); });
}

}  // namespace whosent::app
