// What one record costs the aggregate reader: seeded documents in memory, whole and in chunks; the best of several rounds.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include <fmt/format.h>

#include "../memory_source.hpp"
#include "whosent/parse/dmarc.hpp"

using namespace whosent;

namespace {

std::string document(std::size_t records, bool pretty, bool v6) {
    std::mt19937 random(7);
    const std::string nl = pretty ? "\n" : "";
    const auto indent = [&](int depth) { return pretty ? std::string(static_cast<std::size_t>(depth) * 2, ' ') : std::string(); };
    std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><feedback><report_metadata><org_name>reporter.example</org_name>"
                       "<email>dmarc@reporter.example</email><report_id>1</report_id><date_range><begin>1700000000</begin><end>1700086399</end>"
                       "</date_range></report_metadata><policy_published><domain>example.org</domain><p>reject</p></policy_published>" + nl;
    for (std::size_t i = 0; i < records; ++i) {
        const auto line = [&](int depth, const std::string& content) { text += indent(depth) + content + nl; };
        const unsigned r = static_cast<unsigned>(random());
        line(1, "<record>");
        line(2, "<row>");
        line(3, v6 ? fmt::format("<source_ip>2001:db8::{:x}:{:x}</source_ip>", r & 0xFFFF, r >> 20)
                   : fmt::format("<source_ip>198.{}.{}.{}</source_ip>", 18 + (r & 1), (r >> 8) & 255, (r >> 16) & 255));
        line(3, fmt::format("<count>{}</count>", 1 + r % 9));
        line(3, "<policy_evaluated>");
        line(4, "<disposition>none</disposition>");
        line(4, r % 3 != 0 ? "<dkim>pass</dkim>" : "<dkim>fail</dkim>");
        line(4, r % 5 != 0 ? "<spf>pass</spf>" : "<spf>fail</spf>");
        line(3, "</policy_evaluated>");
        line(2, "</row>");
        line(2, "<identifiers>");
        line(3, fmt::format("<envelope_from>bounce{}.example.net</envelope_from>", r % 5000));
        line(3, "<header_from>example.org</header_from>");
        line(2, "</identifiers>");
        line(2, "<auth_results>");
        line(3, "<dkim>");
        line(4, "<domain>example.org</domain>");
        line(4, fmt::format("<selector>s{}</selector>", r % 2000));
        line(4, "<result>pass</result>");
        line(3, "</dkim>");
        line(3, "<spf>");
        line(4, fmt::format("<domain>bounce{}.example.net</domain>", r % 5000));
        line(4, "<result>pass</result>");
        line(3, "</spf>");
        line(2, "</auth_results>");
        line(1, "</record>");
    }
    return text + "</feedback>";
}

void measure(const char* name, const std::string& text, std::size_t records, std::size_t chunk) {
    double best = 1e9;
    std::uint64_t seen = 0, messages = 0;
    parse::AggregateReader reader{Limits{}};
    const std::size_t rounds = 10 + 200'000 / records;
    for (std::size_t round = 0; round < rounds; ++round) {
        parse::MemorySource source(text, chunk);
        seen = messages = 0;
        const auto begin = std::chrono::steady_clock::now();
        const auto result = reader.read(source, [&](const AggregateRecord& record, const AggregateReport&) {
            ++seen;
            messages += record.count.value_or(0);
        });
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        if (!result || seen != records) std::abort();
        best = std::min(best, took.count());
    }
    std::printf("%-24s %4zu bytes a record %7.0f ns a record\n", name, text.size() / records, best / static_cast<double>(records));
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t records = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2'000;
    const std::string pretty = document(records, true, false);
    measure("pretty, whole", pretty, records, 0);
    measure("pretty, chunks of 64 KiB", pretty, records, 64 * 1024);
    measure("compact, whole", document(records, false, false), records, 0);
    measure("IPv6, whole", document(records, true, true), records, 0);
}
