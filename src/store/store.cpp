#include "whosent/store/store.hpp"

#include <fmt/format.h>

#include <charconv>

#include "store/sqlite/open_options.hpp"

namespace whosent::store {
namespace {
constexpr std::size_t kEpochDigits = 16;
constexpr std::string_view kSqlite = "sqlite:";
}  // namespace

std::string_view name_of(DataKind kind) noexcept {
    switch (kind) {
    case DataKind::aggregate: return "aggregate";
    case DataKind::failure: return "failure";
    case DataKind::feedback: return "feedback";
    case DataKind::tls: return "tls";
    case DataKind::quarantine: return "quarantine";
    }
    return {};
}

std::string_view name_of(Cause cause) noexcept {
    switch (cause) {
    case Cause::answers: return "answers";
    case Cause::dns_change: return "dns-change";
    case Cause::catalogue: return "catalogue";
    case Cause::approvals: return "approvals";
    }
    return {};
}

// "EPOCH-SEQUENCE", with "-PURGED" where that is not 0. Until migration 0006 nobody remembered what was purged: the cursors of that time, which have two parts, know of nothing that
// has been purged since, and that is what they say.
std::string Cursor::to_string() const {
    return purged == 0 ? fmt::format("{:016x}-{}", epoch, sequence) : fmt::format("{:016x}-{}-{}", epoch, sequence, purged);
}

std::optional<Cursor> Cursor::parse(std::string_view text) noexcept {
    if (text.size() < kEpochDigits + 2) return std::nullopt;
    Cursor cursor;
    const char* const end = text.data() + text.size();
    const char* const middle = text.data() + kEpochDigits;
    const auto epoch = std::from_chars(text.data(), middle, cursor.epoch, 16);
    if (epoch.ec != std::errc() || epoch.ptr != middle) return std::nullopt;
    const char* place = middle;
    const auto take = [&](std::int64_t& number) {
        if (*place != '-') return false;
        const auto [next, code] = std::from_chars(place + 1, end, number);
        place = next;
        return code == std::errc() && number >= 0;
    };
    if (!take(cursor.sequence) || (place != end && !take(cursor.purged)) || place != end) return std::nullopt;
    return cursor;
}

Result<std::unique_ptr<Store>> open_store(std::string_view url, OpenMode mode, const Clock& clock) {
    if (!url.starts_with(kSqlite) || url.size() == kSqlite.size()) {
        return std::unexpected(Error{ErrorCode::invalid_argument, Stage::store, Persistence::permanent, std::string(url),
                                     "a store is named as sqlite:FILE", ""});
    }
    return sqlite::open_sqlite_store(std::string(url.substr(kSqlite.size())), mode, clock, {});
}

}  // namespace whosent::store
