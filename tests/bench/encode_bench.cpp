// Events a second of processor time, one core, on events as they usually are. Prints one line a format and round.
#include <cstdio>
#include <ctime>

#include "sample_events.hpp"
#include "whosent/export/encode.hpp"

namespace {

using namespace whosent;

void measure(const char* format, void (*append)(std::string&, const Event&), const Event& event) {
    constexpr int kEvents = 1'000'000;
    std::string page;
    std::size_t bytes = 0;
    const std::clock_t start = std::clock();
    for (int i = 0; i < kEvents; ++i) {
        if (i % 100 == 0) page.clear();
        const std::size_t before = page.size();
        append(page, event);
        bytes += page.size() - before;
    }
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    std::printf("%s: %.0f events/s, %.0f MB/s, %zu bytes an event\n", format, kEvents / seconds, static_cast<double>(bytes) / seconds / 1e6, bytes / kEvents);
}

}  // namespace

int main() {
    test::SampleEvent v4 = test::plain_record();
    test::SampleEvent v6 = test::plain_record();
    v6.record().source_ip = IpAddress::parse("2001:db8::1234:0:5678");
    for (int round = 0; round < 3; ++round) {
        measure("json, IPv4", encode::append_json, v4.event);
        measure("json, IPv6", encode::append_json, v6.event);
        measure("cef, IPv4", encode::append_cef, v4.event);
        measure("cef, IPv6", encode::append_cef, v6.event);
        measure("ecs, IPv4", encode::append_ecs, v4.event);
        measure("ecs, IPv6", encode::append_ecs, v6.event);
    }
}
