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
#include "whosent/model/stream.hpp"

namespace whosent::store {

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
