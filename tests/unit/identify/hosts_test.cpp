#include <array>
#include <filesystem>
#include <fstream>

#include "mmdb_writer.hpp"
#include "test_catalogue.hpp"

using namespace whosent;
using namespace whosent::identify;
using namespace whosent::identify::tests;

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("whosent-mmdb-" + std::to_string(random_u64()));
    Folder() { std::filesystem::create_directory(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path / name, std::ios::binary) << bytes;
        return (path / name).string();
    }
};

std::string asn_bytes() {
    using W = MmdbWriter;
    W writer;
    writer.add("203.0.113.0/24", W::map({{"autonomous_system_number", W::u32(64500)}, {"autonomous_system_organization", W::text("Parcel of the database")}}));
    writer.add("198.51.100.128/25", W::map({{"autonomous_system_number", W::u16(64510)}, {"autonomous_system_organization", W::text("Cloud")}}));
    writer.add("2001:db8:7::/48", W::map({{"autonomous_system_number", W::u32(4'200'000'000)}}));
    writer.add("2001:db8:8::/48", W::map({{"autonomous_system_number", W::text("64500")}, {"autonomous_system_organization", W::text("a number as text")}}));
    writer.add("2001:db8:9::/48", W::text("no map"));
    return writer.bytes("Test-ASN-Lite");
}
std::string country_bytes() {
    using W = MmdbWriter;
    W writer;
    writer.add("203.0.113.0/25", W::map({{"country", W::map({{"iso_code", W::text("DE")}})}}));
    writer.add("203.0.113.128/25", W::map({{"country", W::map({{"iso_code", W::text("Atlantis")}})}}));
    writer.add("198.51.100.0/24", W::map({{"country", W::text("FR")}}));
    return writer.bytes("Test-Country-Lite");
}

}  // namespace

TEST_CASE("files that are no MMDB are refused, and named") {
    const Folder folder;
    const std::string good = asn_bytes();
    const std::pair<std::string, ErrorCode> rows[] = {
        {(folder.path / "missing.mmdb").string(), ErrorCode::io},
        {folder.write("empty.mmdb", ""), ErrorCode::invalid_argument},
        {folder.write("garbage.mmdb", std::string(5'000, '\x07')), ErrorCode::invalid_argument},
        {folder.write("marker.mmdb", std::string("\xab\xcd\xefMaxMind.com")), ErrorCode::invalid_argument},
        {folder.write("cut.mmdb", good.substr(0, good.size() - 40)), ErrorCode::invalid_argument},
        {folder.write("half.mmdb", good.substr(0, good.size() / 2)), ErrorCode::invalid_argument},
        {folder.write("other.mmdb", MmdbWriter().bytes("Test-Anonymous-IP")), ErrorCode::invalid_argument},
    };
    for (const auto& [file, code] : rows) {
        INFO(file);
        const auto opened = HostDatabases::open(file, "");
        REQUIRE_FALSE(opened);
        if (file.find("empty") == std::string::npos) CHECK(opened.error().code == code);
        CHECK(opened.error().where == file);
    }
    CHECK_FALSE(HostDatabases::open("", rows[2].first));
    REQUIRE(HostDatabases::open("", ""));
    CHECK((*HostDatabases::open("", ""))->find(*IpAddress::parse("203.0.113.1")).asn == 0);
}

TEST_CASE("a file with damaged records says nothing wrong and does no harm") {
    const Folder folder;
    const std::string good = asn_bytes();
    std::uint32_t random = 11;
    for (int i = 0; i < 200; ++i) {
        std::string bad = good;
        for (int k = 0; k < 20; ++k) {
            random = random * 1'664'525 + 1'013'904'223;
            bad[(random >> 8) % bad.size()] = static_cast<char>(random >> 24);
        }
        const auto opened = HostDatabases::open(folder.write("damaged.mmdb", bad), "");
        if (!opened) continue;
        for (const char* ip : {"203.0.113.1", "198.51.100.200", "2001:db8:7::1", "255.255.255.255", "::"}) (void)(*opened)->find(*IpAddress::parse(ip));
    }
}

TEST_CASE("ASN and country of an address") {
    const Folder folder;
    const auto opened = HostDatabases::open(folder.write("asn.mmdb", asn_bytes()), folder.write("country.mmdb", country_bytes()));
    if (!opened) FAIL(to_string(opened.error()));
    const HostDatabases& hosts = **opened;
    struct Row {
        const char* ip;
        std::uint32_t asn;
        const char *organization, *country;
    };
    for (const Row& row : {Row{"192.0.2.1", 0, "", ""}, Row{"::1", 0, "", ""}, Row{"2001:db8:8::1", 0, "", ""}, Row{"2001:db8:9::1", 0, "", ""}, Row{"203.0.113.1", 64500, "Parcel of the database", "DE"},
                           Row{"203.0.113.200", 64500, "Parcel of the database", ""}, Row{"198.51.100.200", 64510, "Cloud", ""}, Row{"2001:db8:7::5", 4'200'000'000, "", ""}}) {
        INFO(row.ip);
        const HostDatabases::Host host = hosts.find(*IpAddress::parse(row.ip));
        CHECK(host.asn == row.asn);
        CHECK(host.organization == row.organization);
        CHECK(host.country == row.country);
    }

    const auto catalogue = test_catalogue();
    // The database's word on a network goes before the catalogue's; a shared network names nobody by itself.
    Attribution said = run_offline(make_stream("203.0.113.1", "", "", ""), *catalogue, {}, &hosts).attribution;
    CHECK(in_short(said) == "parcel medium");
    CHECK(said.country == "DE");
    said = run_offline(make_stream("198.51.100.200", "", "", ""), *catalogue, {}, &hosts).attribution;
    CHECK(in_short(said) == "- unknown");
    CHECK(said.host == "Cloud");
    CHECK(in_short(run_offline(make_stream("198.51.100.200", "example.org selector1 pass", "", ""), *catalogue, {}, &hosts).attribution) == "office low");
    CHECK(run_offline(make_stream("2001:db8:7::5", "", "", ""), *catalogue, {}, &hosts).attribution.host == "AS4200000000");
    const Knowledge knowledge{.catalogue = *catalogue, .hosts = &hosts};
    const auto class_of = [&](const char* ip) { return network_class(*IpAddress::parse(ip), knowledge); };
    CHECK(class_of("203.0.113.1") != class_of("203.0.113.200"));
    CHECK(class_of("203.0.113.130") == class_of("203.0.113.200"));
    CHECK(class_of("2001:db8:7::5") == class_of("2001:db8:7::6"));
    CHECK(class_of("2001:db8:7::5") != class_of("2001:db8:a::6"));
}
