// Host databases by libmaxminddb, and the class of an address.
#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>
#include <maxminddb.h>

#include "whosent/base/text.hpp"
#include "whosent/identify/identify.hpp"

namespace whosent::identify {

namespace {

struct File {
    MMDB_s db{};
    bool open = false;
    ~File() {
        if (open) MMDB_close(&db);
    }
};

Result<void> open_file(const std::string& path, std::string_view field, File& file) {
    if (path.empty()) return {};
    const auto fail = [&path](ErrorCode code, std::string message) { return std::unexpected(Error{.code = code, .where = path, .message = std::move(message)}); };
    const int status = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &file.db);
    if (status != MMDB_SUCCESS) {
        const bool io = status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR;
        return fail(io ? ErrorCode::io : ErrorCode::invalid_argument, fmt::format("no MMDB file: {}", MMDB_strerror(status)));
    }
    file.open = true;
    const std::string_view type = file.db.metadata.database_type == nullptr ? "" : file.db.metadata.database_type;
    // GeoLite2-ASN, DBIP-ASN-Lite, GeoLite2-Country, GeoLite2-City, DBIP-Country-Lite, …; others are tried by what they hold of the first networks.
    if (to_lower(type).find(field == "asn" ? "asn" : "c") == std::string::npos) {
        return fail(ErrorCode::invalid_argument, fmt::format("a database of another kind: {}", printable(type, 60)));
    }
    return {};
}

MMDB_lookup_result_s look_up(const File& file, const IpAddress& ip) {
    MMDB_lookup_result_s none{};
    if (!file.open) return none;
    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s found{};
    if (ip.is_v4()) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        std::memcpy(&address.sin_addr, ip.bytes().data(), 4);
        found = MMDB_lookup_sockaddr(&file.db, reinterpret_cast<const sockaddr*>(&address), &error);
    } else {
        if (file.db.metadata.ip_version == 4) return none;
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        std::memcpy(&address.sin6_addr, ip.bytes().data(), 16);
        found = MMDB_lookup_sockaddr(&file.db, reinterpret_cast<const sockaddr*>(&address), &error);
    }
    return error == MMDB_SUCCESS ? found : none;
}

template <class... Path>
bool get(MMDB_lookup_result_s& found, MMDB_entry_data_s& data, Path... path) {
    return found.found_entry && MMDB_get_value(&found.entry, &data, path..., nullptr) == MMDB_SUCCESS && data.has_data;
}

std::string text_of(const MMDB_entry_data_s& data) {
    return data.type == MMDB_DATA_TYPE_UTF8_STRING ? printable(std::string_view(data.utf8_string, data.data_size)) : std::string();
}

}  // namespace

struct HostDatabases::Files {
    File asn, country;
};

HostDatabases::HostDatabases(std::unique_ptr<Files> files) noexcept : files_(std::move(files)) {}
HostDatabases::~HostDatabases() = default;

Result<std::shared_ptr<const HostDatabases>> HostDatabases::open(const std::string& asn_file, const std::string& country_file) {
    auto files = std::make_unique<Files>();
    WHOSENT_CHECK(open_file(asn_file, "asn", files->asn));
    WHOSENT_CHECK(open_file(country_file, "country", files->country));
    return std::make_shared<const HostDatabases>(std::move(files));
}

// A damaged record is an unknown one: whoever wrote the file, nothing of it is needed.
HostDatabases::Host HostDatabases::find(const IpAddress& ip) const {
    Host host;
    MMDB_entry_data_s data{};
    if (auto found = look_up(files_->asn, ip); found.found_entry) {
        if (get(found, data, "autonomous_system_number")) {
            if (data.type == MMDB_DATA_TYPE_UINT32) host.asn = data.uint32;
            else if (data.type == MMDB_DATA_TYPE_UINT16) host.asn = data.uint16;
        }
        if (host.asn != 0 && get(found, data, "autonomous_system_organization")) host.organization = text_of(data);
    }
    if (auto found = look_up(files_->country, ip); found.found_entry && get(found, data, "country", "iso_code")) {
        host.country = text_of(data);
        const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
        if (host.country.size() != 2 || !std::ranges::all_of(host.country, is_letter)) host.country.clear();
    }
    return host;
}

// All that identify() reads of an address while DNS is off, side by side: nothing is hashed away, so equal classes are equal in fact. The organization follows from the
// number of the autonomous system, the sender from the network's.
std::uint64_t network_class(const IpAddress& ip, const Knowledge& knowledge) noexcept {
    const bool own = std::ranges::any_of(knowledge.own_networks, [&ip](const IpPrefix& network) { return network.contains(ip); });
    std::uint64_t value = own ? 1 : 0;
    value = value << 16 | knowledge.catalogue.network_number(ip);
    if (knowledge.hosts != nullptr) {
        const HostDatabases::Host host = knowledge.hosts->find(ip);
        value = value << 10 | (host.country.empty() ? 0u : static_cast<unsigned>((host.country[0] - 'A') * 26 + (host.country[1] - 'A') + 1));
        value = value << 32 | host.asn;
    }
    return value;
}

}  // namespace whosent::identify
