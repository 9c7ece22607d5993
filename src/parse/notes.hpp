// Notes: the diagnostics of one report, and the mends that leave one. Every format has its own enum of codes, with the words for each
// (wording_of), and its own names of places. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "whosent/model/diagnostic.hpp"

namespace whosent::parse {

// What a code says to users and tests.
struct Wording {
    Severity severity;
    std::string_view code;
    std::string_view message;  // {} stands for the value
};

// The value for a message: one line, short, and without the local part of an address.
[[nodiscard]] std::string shown(std::string_view value);

// At most `max` diagnostics; further ones are only counted.
class DiagnosticList {
public:
    explicit DiagnosticList(std::size_t max) : max_(max) {}

    // Something was mended or lost: more than notes.
    [[nodiscard]] bool repaired() const noexcept { return repaired_; }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
    // Ends the report.
    [[nodiscard]] std::vector<Diagnostic> take() { return std::move(diagnostics_); }

protected:
    void clear() noexcept {
        diagnostics_.clear();
        dropped_ = 0;
        repaired_ = false;
    }
    // `value` is shown in the message. False when there is no room.
    bool tell(const Wording& wording, std::string_view where, std::string_view value, std::optional<std::uint64_t> row = {});

    std::vector<Diagnostic> diagnostics_;

private:
    std::size_t max_;
    std::uint64_t dropped_ = 0;
    bool repaired_ = false;
};

// One kind of oddity at one place gives one diagnostic, with the first row and value, and is counted from then on, so that memory does not
// follow the number of odd rows. Code and Place are enums that end with last_, with wording_of(Code) and path_of(Place) beside them.
template <class Code, class Place>
class CountedNotes : private DiagnosticList {
public:
    explicit CountedNotes(std::size_t max_diagnostics) : DiagnosticList(max_diagnostics) {}

    // Begins another report.
    void clear() noexcept {
        DiagnosticList::clear();
        counts_ = {};
        firsts_.clear();
        row_.reset();
    }
    // Of the record or policy that is being read; nothing outside of them.
    void set_row(std::uint64_t row) noexcept { row_ = row; }
    void clear_row() noexcept { row_.reset(); }

    // `value` is shown in the message, without the local part of addresses. No allocation but for the first of its kind.
    void add(Code code, Place place, std::string_view value = {}) {
        if (times(code, place)++ == 0) first(code, place, value);
    }
    // A diagnostic of its own, never counted together with others.
    void add_each(Code code, Place place, std::string_view value) { tell(wording_of(code), path_of(place), value, row_); }

    [[nodiscard]] bool has(Code code) const noexcept {
        for (const std::uint32_t times : counts_[static_cast<std::size_t>(code)]) {
            if (times > 0) return true;
        }
        return false;
    }
    using DiagnosticList::dropped;
    using DiagnosticList::repaired;
    // The diagnostics, with the counts of those that came more than once. Ends the report.
    [[nodiscard]] std::vector<Diagnostic> take() {
        for (const First& first : firsts_) {
            if (const auto more = times(first.code, first.place) - 1; more > 0) {
                diagnostics_[first.index].message += " (and " + std::to_string(more) + " more)";
            }
        }
        return DiagnosticList::take();
    }

private:
    struct First {
        std::size_t index;
        Code code;
        Place place;
    };

    std::uint32_t& times(Code code, Place place) noexcept { return counts_[static_cast<std::size_t>(code)][static_cast<std::size_t>(place)]; }

    // Not inlined: the first of its kind is rare.
    [[gnu::noinline]] void first(Code code, Place place, std::string_view value) {
        if (tell(wording_of(code), path_of(place), value, row_)) firsts_.push_back({diagnostics_.size() - 1, code, place});
    }

    template <class Enum>
    static constexpr std::size_t kCount = static_cast<std::size_t>(Enum::last_) + 1;
    std::array<std::array<std::uint32_t, kCount<Place>>, kCount<Code>> counts_{};
    std::vector<First> firsts_;
    std::optional<std::uint64_t> row_;
};

// What the pieces of a reader are given: where their notes go, and which repairs they may make. Borrows both.
template <class RepairSet, class Notes>
struct Mending {
    const RepairSet& switched_off;
    Notes& notes;

    template <class Repair>
    [[nodiscard]] bool allowed(Repair repair) const noexcept {
        return !switched_off.contains(repair);
    }
    // Notes the mend; false when it is switched off.
    template <class Repair, class Code, class Place>
    [[nodiscard]] bool mend(Repair repair, Code code, const Place& place, std::string_view value = {}) const {
        if (!allowed(repair)) return false;
        notes.add(code, place, value);
        return true;
    }
};

}  // namespace whosent::parse
