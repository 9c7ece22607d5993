// What columns of tls_policy and tls_failure hold, as the writer puts it and the reader takes it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "store/sqlite/record_flags.hpp"
#include "whosent/model/tls_report.hpp"

namespace whosent::store::sqlite {

// The columns of `tls_failure` as SqliteReader::read_tls_failure takes them. Follow them by WHERE.
inline constexpr std::string_view kTlsFailureColumns =
    "SELECT f.sequence, f.report, f.policy, f.ordinal, f.result_type, f.result_type_text, f.failed, f.sending_mta_ip, f.receiving_ip, "
    "f.sending_mta_ip_text, f.receiving_ip_text, f.receiving_mx_hostname, f.receiving_mx_helo, f.failure_reason_code, "
    "f.additional_information FROM tls_failure f ";
inline constexpr int kTlsReportColumn = 1, kTlsPolicyColumn = 2, kTlsOrdinalColumn = 3;

inline constexpr std::int64_t kUnknownType = -1;

template <class Type, class Text>
std::optional<std::int64_t> type_column(const Token<Type, Text>& token) {
    if (!token.present) return std::nullopt;
    return token.value ? static_cast<std::int64_t>(*token.value) : kUnknownType;
}
template <class Type>
Token<Type, std::string> type_token(std::optional<std::int64_t> column, std::string_view text) {
    Token<Type, std::string> token;
    token.present = column.has_value();
    if (column && *column != kUnknownType) token.value = static_cast<Type>(*column);
    token.raw = text;
    return token;
}
// The standard's word, or what stood there; empty: absent.
template <class Type>
std::string_view type_word(std::optional<std::int64_t> column, std::string_view text) {
    if (!column) return {};
    return *column == kUnknownType ? text : name_of(static_cast<Type>(*column));
}

// Numbers of sessions: 64 bits without a sign in a column that has one.
inline std::optional<std::int64_t> sessions_column(std::optional<std::uint64_t> sessions) {
    return sessions ? std::optional(static_cast<std::int64_t>(*sessions)) : std::nullopt;
}
inline std::optional<std::uint64_t> sessions_of(std::optional<std::int64_t> column) {
    return column ? std::optional(static_cast<std::uint64_t>(*column)) : std::nullopt;
}
// As an event has it, which ends at 2^63.
inline std::optional<std::int64_t> signed_sessions(std::optional<std::int64_t> column) {
    return column && *column < 0 ? std::numeric_limits<std::int64_t>::max() : column;
}
// What it adds to sums.
inline std::int64_t counted_sessions(std::optional<std::int64_t> column) { return Sums::counted(signed_sessions(column)); }

}  // namespace whosent::store::sqlite
