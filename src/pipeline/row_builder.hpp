// RowBuilder: one <record> as the parser read it -> the row that the store keeps: domains normalised, addresses of people with pseudonyms, alignment judged,
// the stream's key computed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "whosent/base/pseudonym.hpp"
#include "whosent/judge/alignment.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/model/diagnostic.hpp"
#include "whosent/store/row_spool.hpp"

namespace whosent::pipeline {

// Domains repeat, row after row: their normal form and organizational domain are remembered in a table of fixed size.
class DomainMemo {
public:
    DomainMemo();
    // What the wire says as a domain -> its normal form; `organizational` is empty where it is no domain name (then `name` is its printable,
    // lower-case text without spaces). An address gives its domain. Views are valid until next_row().
    [[nodiscard]] judge::Domain look_up(std::string_view wire);
    // Begins a row: views of the one before are no longer valid.
    void next_row() noexcept { displaced_.clear(); }

private:
    struct Entry {
        std::string wire, name;
        std::size_t organizational_size = 0;  // of the tail of `name`
    };
    std::vector<std::unique_ptr<Entry>> entries_;
    std::vector<std::unique_ptr<Entry>> displaced_;  // pushed out during the current row: their views live on until the next
};

// Keeps its buffers between rows; one thread at a time.
class RowBuilder {
public:
    // `pseudonyms` outlives the builder.
    explicit RowBuilder(const Pseudonyms& pseudonyms) : pseudonyms_(pseudonyms) {}

    // The row, its views valid until the next call. Judged by the alignment modes of `report`.
    [[nodiscard]] const store::RowView& build(const AggregateRecord& record, const AggregateReport& report);

    // Where the reporter's policy_evaluated says otherwise than the results: for the row built last.
    [[nodiscard]] bool dkim_disagrees() const noexcept { return dkim_disagrees_; }
    [[nodiscard]] bool spf_disagrees() const noexcept { return spf_disagrees_; }

private:
    void build_dkim(const AggregateRecord& record);
    void build_spf(const AggregateRecord& record);
    void build_reasons(const AggregateRecord& record);
    void build_detail(const AggregateRecord& record);

    const Pseudonyms& pseudonyms_;
    DomainMemo memo_;
    store::RowView row_;
    std::string dkim_, reasons_, detail_, key_, spf_scope_, spf_result_;
    std::vector<std::string> dkim_lines_;
    std::vector<judge::DkimFact> dkim_facts_;
    std::vector<judge::SpfFact> spf_facts_;
    std::size_t chosen_spf_ = 0;
    bool said_forwarded_ = false, said_mailing_list_ = false;
    bool dkim_disagrees_ = false, spf_disagrees_ = false;
};

// The hash of everything in a stream. `buffer` is worked in.
[[nodiscard]] Key128 stream_key(const StreamView& stream, std::string& buffer);

}  // namespace whosent::pipeline
