#include "store/sqlite/revisions.hpp"

#include <string>

namespace whosent::store::sqlite {
namespace {

int strength(Authenticity authenticity, bool complete) {
    return (authenticity == Authenticity::authenticated ? 2 : 0) + (complete ? 1 : 0);
}

}  // namespace

bool Revision::gives_way_to(Authenticity newer, bool newer_complete) const noexcept {
    return strength(newer, newer_complete) >= strength(authenticity, complete);
}

Result<Revisions> find_revisions(Database& database, std::string_view sql, const Key128& identity, const Key128& content,
                                 Authenticity authenticity) {
    // A report whose mail failed authentication is compared with its like only: a forged one can neither replace a real one nor
    // keep it out as a duplicate.
    static_assert(static_cast<int>(Authenticity::failed) == 2);
    Statement& query = *WHOSENT_TRY(database.statement(sql));
    const ResetGuard guard(query);
    query.bind(blob(identity), authenticity == Authenticity::failed);
    Revisions revisions;
    while (WHOSENT_TRY(query.step())) {
        if (query.fixed<16>(1) == content) revisions.known = true;
        if (query.integer(2))
            revisions.current = Revision{query.integer(0), static_cast<Authenticity>(query.integer(3)), query.integer(4) != 0};
    }
    return revisions;
}

Diagnostic revision_diagnostic(std::string_view what, std::int64_t other, bool supersedes) {
    std::string message = "the same report came before with other ";
    message += what;
    message += " (report " + std::to_string(other) + ")";
    message += supersedes ? ", which count no more" : ", which still count: they are better authenticated or more complete";
    return {Severity::note, "report.revision", "", std::move(message), std::nullopt};
}

}  // namespace whosent::store::sqlite
