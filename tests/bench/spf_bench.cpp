// How long SpfCoverage::kind() takes for an address, on a tree that falls into some 2,000 ranges: nanoseconds of processor time, one line a family, and the expansion itself.
// Its record: six includes with 300 networks each, two thirds of them IPv4, as the largest real ones are.
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "whosent/identify/spf_coverage.hpp"

using namespace whosent;

namespace {

double nanoseconds_since(std::clock_t start, double count) { return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC * 1e9 / count; }

void put(dns::Snapshot& answers, const std::string& name, std::string record) {
    dns::Answer answer;
    answer.question = {name, dns::Type::txt};
    answer.status = dns::Status::found;
    answer.texts = {std::move(record)};
    answers.put(std::move(answer));
}

void measure(const char* family, const identify::SpfCoverage& coverage, const std::vector<IpAddress>& addresses) {
    constexpr int kRounds = 2'000;
    std::size_t covered = 0;
    const std::clock_t start = std::clock();
    for (int round = 0; round < kRounds; ++round) {
        for (const IpAddress& address : addresses) covered += coverage.kind(address) == identify::SpfCoverageAnswer::Kind::covered;
    }
    const double count = kRounds * static_cast<double>(addresses.size());
    std::printf("spf kind(), %s: %.0f ns an address, %.0f %% covered\n", family, nanoseconds_since(start, count), 100.0 * static_cast<double>(covered) / count);
}

}  // namespace

int main() {
    std::mt19937 random(1);
    dns::Snapshot answers;
    std::string includes;
    std::vector<IpAddress> v4, v6;
    char text[64];
    for (int i = 0; i < 6; ++i) {
        const std::string name = "spf" + std::to_string(i) + ".example.net";
        std::string record = "v=spf1";
        for (int j = 0; j < 300; ++j) {
            const unsigned a = static_cast<unsigned>(random()), b = static_cast<unsigned>(random());
            if (j % 3 != 0) {
                std::snprintf(text, sizeof text, "%u.%u.%u.%u", 1 + a % 223, a >> 8 & 255, a >> 16 & 255, b & 255);
                record += std::string(" ip4:") + text + "/" + std::to_string(22 + b % 11);
                v4.push_back(*IpAddress::parse(text));
                std::snprintf(text, sizeof text, "%u.%u.%u.%u", 1 + b % 223, b >> 8 & 255, b >> 16 & 255, a & 255);
                v4.push_back(*IpAddress::parse(text));
            } else {
                std::snprintf(text, sizeof text, "2001:db8:%x:%x::", a & 0xFFFF, b & 0xFFFF);
                record += std::string(" ip6:") + text + "/64";
                v6.push_back(*IpAddress::parse(std::string(text) + "25"));
                std::snprintf(text, sizeof text, "2001:db8:%x:%x::25", b & 0xFFFF, a & 0xFFFF);
                v6.push_back(*IpAddress::parse(text));
            }
        }
        put(answers, name, record + " -all");
        includes += " include:" + name;
    }
    put(answers, "example.org", "v=spf1" + includes + " ~all");

    constexpr int kExpansions = 20;
    const std::clock_t start = std::clock();
    for (int i = 0; i < kExpansions; ++i) (void)identify::SpfCoverage::expand("example.org", answers);
    std::printf("spf expand(), 1,800 networks in 6 includes: %.1f ms\n", nanoseconds_since(start, kExpansions) / 1e6);

    const auto coverage = identify::SpfCoverage::expand("example.org", answers);
    if (!coverage.complete() || coverage.addresses_v4() == 0) return 1;
    measure("IPv4", coverage, v4);
    measure("IPv6", coverage, v6);
    return 0;
}
