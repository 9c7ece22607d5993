// ReportingHistory: on which days there were reports, of one reporter or about one domain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/time.hpp"

namespace whosent {

struct ReportingHistory {
    enum class Of : std::uint8_t {
        reporter,      // aggregate reports of an organization, about whatever domain
        tls_reporter,  // TLS reports of an organization
        domain,        // aggregate reports about a policy domain, of whatever organization
    } of = Of::reporter;
    std::string name;             // as the reports have it
    std::vector<Day> days;        // on which their windows begin; ascending, each once
    std::int64_t reports = 0;     // on those days
};

}  // namespace whosent
