// Prints sample events for check_events.py, three lines an event: what went in (texts in hex), its JSON, its CEF.
// Usage: export_print_events SEED COUNT
#include <cstdio>
#include <cstdlib>

#include "../sample_events.hpp"
#include "whosent/export/encode.hpp"

namespace {

using namespace whosent;

// One flat JSON object of the values as they are in the struct: numbers, hex of texts, names of enums.
class Input {
public:
    void number(std::string_view name, std::int64_t value) { member(name, std::to_string(value)); }
    void boolean(std::string_view name, bool value) { member(name, value ? "true" : "false"); }
    void text(std::string_view name, std::string_view value) { member(name, hex(value)); }
    template <class Enum>
    void word(std::string_view name, const std::optional<Enum>& value) {
        if (value) member(name, '"' + std::string(name_of(*value)) + '"');
    }
    void member(std::string_view name, const std::string& json) {
        out_ += out_.size() > 1 ? ",\"" : "\"";
        out_ += name;
        out_ += "\":" + json;
    }
    static std::string hex(std::string_view value) {
        std::string out = "\"";
        for (const char c : value) {
            char digits[3];
            std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += digits;
        }
        return out + '"';
    }
    std::string finish() { return out_ + "}"; }

private:
    std::string out_ = "{";
};

void describe(Input& input, const RecordEvent& record) {
    input.number("report", record.report);
    input.text("org_name", record.org_name);
    input.text("report_id", record.report_id);
    input.text("domain", record.domain);
    input.number("begin", record.begin);
    input.number("end", record.end);
    input.word("authenticity", std::optional(record.authenticity));
    input.boolean("superseded", record.superseded);
    input.word("p", record.p);
    input.word("sp", record.sp);
    input.word("np", record.np);
    if (record.pct) input.number("pct", *record.pct);
    input.number("ordinal", static_cast<std::int64_t>(record.ordinal));
    if (record.count) input.number("count", *record.count);
    input.word("disposition", record.disposition);
    input.word("evaluated_dkim", record.evaluated_dkim);
    input.word("evaluated_spf", record.evaluated_spf);
    input.text("envelope_to", record.envelope_to);
    input.text("detail", record.detail);
    input.text("stream", {reinterpret_cast<const char*>(record.stream.data()), record.stream.size()});
    if (record.source_ip) {
        const auto bytes = record.source_ip->bytes();
        input.text("source_ip", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    input.text("header_from", record.header_from);
    input.text("envelope_from", record.envelope_from);
    input.text("spf_domain", record.spf_domain);
    input.text("spf_scope", record.spf_scope);
    input.text("spf_result", record.spf_result);
    input.word("adkim", std::optional(record.adkim));
    input.word("aspf", std::optional(record.aspf));
    input.boolean("aligned_dkim", record.alignment.dkim);
    input.boolean("aligned_spf", record.alignment.spf);
    input.word("judgement", std::optional(record.alignment.judgement));
    std::string list;
    for (const EventDkim& dkim : record.dkim) {
        list += (list.empty() ? "[[" : ",[") + Input::hex(dkim.domain) + ',' + Input::hex(dkim.selector) + ',' + Input::hex(dkim.result) + ']';
    }
    input.member("dkim", list.empty() ? "[]" : list + ']');
    list.clear();
    for (const EventReason& reason : record.reasons) {
        list += (list.empty() ? "[[" : ",[") + Input::hex(reason.type) + ',' + Input::hex(reason.comment) + ']';
    }
    input.member("reasons", list.empty() ? "[]" : list + ']');
}

void describe(Input& input, const QuarantineEvent& quarantine) {
    input.number("number", quarantine.quarantine);
    input.text("collector", quarantine.collector);
    input.text("name", quarantine.name);
    input.text("reason_code", quarantine.reason_code);
    input.text("reason", quarantine.reason);
    input.number("bytes", static_cast<std::int64_t>(quarantine.bytes));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::string line;
    for (const test::SampleEvent& sample : test::sample_events(std::strtoull(argv[1], nullptr, 10), std::strtoul(argv[2], nullptr, 10))) {
        Input input;
        input.text("class", class_of(sample.event));
        input.text("id", sample.event.id);
        input.number("sequence", sample.event.sequence);
        input.number("published", sample.event.published);
        std::visit([&](const auto& body) { describe(input, body); }, sample.event.body);
        line = input.finish() + '\n';
        encode::append_json(line, sample.event);
        line += '\n';
        encode::append_cef(line, sample.event);
        line += '\n';
        std::fwrite(line.data(), 1, line.size(), stdout);
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}
