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

std::string Cursor::to_string() const { return fmt::format("{:016x}-{}", epoch, sequence); }

std::optional<Cursor> Cursor::parse(std::string_view text) noexcept {
    if (text.size() < kEpochDigits + 2 || text[kEpochDigits] != '-') return std::nullopt;
    Cursor cursor;
    const char* const end = text.data() + text.size();
    const char* const middle = text.data() + kEpochDigits;
    const auto epoch = std::from_chars(text.data(), middle, cursor.epoch, 16);
    const auto sequence = std::from_chars(middle + 1, end, cursor.sequence);
    if (epoch.ec != std::errc() || epoch.ptr != middle || sequence.ec != std::errc() || sequence.ptr != end ||
        cursor.sequence < 0)
        return std::nullopt;
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
