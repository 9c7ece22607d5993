// Which of the reports that say to be the same one counts: an aggregate or TLS report is kept once for each content.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/sqlite/database.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/model/raw_message.hpp"

namespace whosent::store::sqlite {

struct Revision {
    std::int64_t id;
    Authenticity authenticity;
    bool complete;
    // A newer one counts in its place, unless that is weaker: a sender that is known goes before one that is not, then a report that is all there.
    [[nodiscard]] bool gives_way_to(Authenticity newer, bool newer_complete) const noexcept;
};
struct Revisions {
    bool known = false;               // one has the same content
    std::optional<Revision> current;  // the one that is not superseded
};

// `query` takes (identity, whether authentication failed) and gives id, content, superseded_by IS NULL, authenticity, complete.
[[nodiscard]] Result<Revisions> find_revisions(Database& database, std::string_view query, const Key128& identity, const Key128& content,
                                               Authenticity authenticity);
// Code report.revision. `what` of the report is another: "records".
[[nodiscard]] Diagnostic revision_diagnostic(std::string_view what, std::int64_t other, bool supersedes);

}  // namespace whosent::store::sqlite
