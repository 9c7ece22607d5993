// Cells and columns that several listings share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/output.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/event.hpp"
#include "whosent/model/token.hpp"
#include "whosent/model/verdict.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

// Empty text is nothing.
[[nodiscard]] Cell known(std::string_view text);
[[nodiscard]] Cell ip_cell(const std::optional<IpAddress>& ip, std::string_view raw = {});  // raw: what stood there where it is none
[[nodiscard]] Cell time_cell(std::optional<Seconds> time);

template <class Value>
[[nodiscard]] Cell named(const std::optional<Value>& value) {
    return value ? Cell(std::string(name_of(*value))) : Cell();
}
template <class Number>
[[nodiscard]] Cell number_cell(const std::optional<Number>& number) {
    return number ? Cell(static_cast<std::int64_t>(*number)) : Cell();
}
// The standard's word, or what stood there.
template <class Value>
[[nodiscard]] std::string spelled(const Token<Value, std::string>& token) {
    return token.value ? std::string(name_of(*token.value)) : token.raw;
}

// "selector._domainkey.domain=result" of each result in a stream's text.
[[nodiscard]] std::vector<std::string> dkim_list(std::string_view stream_dkim);
[[nodiscard]] std::string dkim_text(std::string_view domain, std::string_view selector, std::string_view result);

// store::Totals, from messages to other. `all_shown`: in a table too, else only messages and failures.
void append_totals_columns(std::vector<Column>& columns, bool all_shown);
void append_totals(std::vector<Cell>& cells, const store::Totals& totals);

// Who sent it and what is thought of it, from sender to remedy. A table has sender, verdict and confidence; the last goes first.
void append_attribution_columns(std::vector<Column>& columns, int confidence_rank = 1, int others_rank = 0);
void append_attribution(std::vector<Cell>& cells, const Conclusion& conclusion, AttributionState state);
void append_attribution(std::vector<Cell>& cells, const EventAttribution& attribution);
// For people: the sender's id, "own network", "sendgrid or mailgun", or in brackets what is known of an unknown's host. Empty: nothing is known.
[[nodiscard]] std::string sender_text(const Conclusion& conclusion);

// A failure or feedback report. Both listings have the same keys in JSON and CSV; a table shows what the one or the other is read for.
enum class ArfView : std::uint8_t { failures, feedback };
[[nodiscard]] std::vector<Column> arf_columns(ArfView view);
[[nodiscard]] std::vector<Cell> arf_cells(const store::ArfRow& row);

// One entry of a TLS report's failure-details; result type and count in front.
void append_tls_failure_columns(std::vector<Column>& columns);
void append_tls_failure(std::vector<Cell>& cells, const TlsFailureDetails& details);

}  // namespace whosent::app
