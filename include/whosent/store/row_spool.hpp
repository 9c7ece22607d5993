// RowSpool: the rows of one report on their way from the parser to the store, in a compact form whose memory
// is bounded: beyond `memory_bytes` it goes on in an unlinked temporary file ($TMPDIR). Written by one thread, then moved to
// another and read there as often as wanted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "whosent/base/function_ref.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/judgement.hpp"

namespace whosent::store {

// What can be judged (design: Stream). All text normalised: lower-case domains, no tab or newline in any value.
struct StreamView {
    Key128 key{};  // hash of everything below but `alignment`, which follows from it
    std::optional<IpAddress> ip;
    std::string_view header_from;
    std::string_view envelope_from;  // or the MAIL FROM domain that SPF checked, where the report leaves it out
    std::string_view dkim;  // "domain \t selector \t result \n" for each result, sorted, each once
    std::string_view spf_domain, spf_scope, spf_result;
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    Alignment alignment;
};

// One line of StreamView::dkim.
struct DkimLine {
    std::string_view domain, selector, result;
};
// The first line of `dkim`, which is taken away from it.
[[nodiscard]] DkimLine take_dkim_line(std::string_view& dkim) noexcept;

// StreamView with texts of its own.
struct Stream {
    Key128 key{};
    std::optional<IpAddress> ip;
    std::string header_from, envelope_from, dkim, spf_domain, spf_scope, spf_result;
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    Alignment alignment;
    [[nodiscard]] StreamView view() const noexcept {
        return {key, ip, header_from, envelope_from, dkim, spf_domain, spf_scope, spf_result, adkim, aspf, alignment};
    }
};

struct RowView {
    StreamView stream;
    std::optional<std::int64_t> count;  // absent: could not be read; adds nothing to totals
    std::optional<Disposition> disposition;
    std::optional<DmarcResult> evaluated_dkim, evaluated_spf;
    std::string_view reasons;      // "type \t comment \n" for each
    std::string_view envelope_to;
    std::string_view detail;       // a JSON object, or empty
};

class RowSpool {
public:
    static constexpr std::size_t kMemoryBytes = 8u << 20;  // a report of some 60,000 rows stays in memory

    explicit RowSpool(std::size_t memory_bytes = kMemoryBytes);
    ~RowSpool();
    RowSpool(RowSpool&&) noexcept;
    RowSpool& operator=(RowSpool&&) noexcept;

    // Fails only where the temporary file cannot be written (retry).
    [[nodiscard]] Result<void> append(const RowView& row);
    [[nodiscard]] std::uint64_t rows() const noexcept;
    [[nodiscard]] std::size_t memory() const noexcept;  // bytes held in memory
    // Of the multiset of rows: the order in which a reporter writes them does not matter.
    [[nodiscard]] Key128 canonical_hash() const noexcept;
    // Calls `row` for each row in order; its views are valid during the call. Stops when `row` returns an error.
    [[nodiscard]] Result<void> for_each(FunctionRef<Result<void>(const RowView&)> row) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace whosent::store
