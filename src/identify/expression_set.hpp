// ExpressionSet: many regular expressions as one automaton that reads a text once.
//
// The subset that names of selectors need: literals, `.`, \d \w \s and escaped punctuation, classes [a-z] and [^a-z], groups ( ) and (?: ), alternation,
// ? * + {n} {n,} {n,m}. An expression stands for the whole text; ^ and $ are allowed at its ends and change nothing. Case does not matter. Nothing else: no
// look-around, back references or lazy forms. Matching is linear in the text; building is bounded in states. Immutable after compile(); thread safe then.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whosent::identify {

class ExpressionSet {
public:
    // Of one expression: bytes, states of its automaton (a class of names needs some ten; 2^n comes of expressions like (a|b)*a(a|b){n}). And of all together.
    static constexpr std::size_t kMaxLength = 256, kMaxPositions = 1'000, kMaxStatesAlone = 2'000, kMaxStates = 30'000;
    static constexpr std::size_t kMaxText = 63 * 4;  // bytes of a text that may match: a selector of four full labels

    // `value` is what match() returns. Errors are for people: what of the expression is not understood, and where.
    [[nodiscard]] std::expected<void, std::string> add(std::string_view expression, std::uint32_t value);
    [[nodiscard]] std::expected<void, std::string> compile();

    // Values of all expressions that match, ascending, each once. Valid as long as *this.
    [[nodiscard]] std::span<const std::uint32_t> match(std::string_view text) const noexcept;
    [[nodiscard]] std::size_t states() const noexcept { return accepted_.size(); }

private:
    struct Node;
    struct Parser;
    using Bytes = std::array<std::uint64_t, 4>;  // a set of bytes
    struct Step {
        enum class Kind : std::uint8_t { read, split, accept } kind;
        std::uint32_t bytes = 0;                // of read: index into sets_
        std::uint32_t next = 0, other = 0;      // other: of split
        std::uint32_t value = 0;                // of accept
    };
    [[nodiscard]] std::expected<void, std::string> build(std::span<const std::uint32_t> starts, std::size_t most);
    [[nodiscard]] std::expected<std::uint32_t, std::string> emit(const Node& node, std::uint32_t next, std::size_t most);
    [[nodiscard]] std::uint32_t add_step(Step step);

    std::vector<Bytes> sets_;
    std::vector<Step> steps_;
    std::vector<std::uint32_t> starts_;
    // The automaton: state 0 is dead, state 1 the start.
    std::array<std::uint8_t, 256> class_of_{};
    std::size_t classes_ = 1;
    std::vector<std::uint16_t> next_;
    std::vector<std::vector<std::uint32_t>> accepted_;
};

}  // namespace whosent::identify
