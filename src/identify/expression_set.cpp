#include "identify/expression_set.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "whosent/base/text.hpp"

namespace whosent::identify {

struct ExpressionSet::Node {
    enum class Kind : std::uint8_t { empty, bytes, sequence, choice, repeat } kind = Kind::empty;
    Bytes bytes{};
    std::vector<Node> children;
    unsigned least = 0, most = 0;  // of repeat
};

namespace {

constexpr unsigned kUnbounded = ~0u, kMaxRepeat = 255, kMaxDepth = 16;

using Set = std::array<std::uint64_t, 4>;
void put(Set& set, unsigned byte) noexcept { set[byte / 64] |= 1ull << (byte % 64); }
bool has(const Set& set, unsigned byte) noexcept { return (set[byte / 64] >> (byte % 64) & 1) != 0; }
void put_range(Set& set, unsigned char first, unsigned char last) noexcept {
    for (unsigned byte = first; byte <= last; ++byte) put(set, static_cast<unsigned char>(to_lower(static_cast<char>(byte))));
}
// The set of \d, \w, \s; nothing for another letter.
bool put_named(Set& set, char name) noexcept {
    switch (name) {
        case 'd': put_range(set, '0', '9'); return true;
        case 'w': put_range(set, '0', '9'); put_range(set, 'a', 'z'); put(set, '_'); return true;
        case 's':
            for (const char c : {' ', '\t', '\r', '\n', '\f', '\v'}) put(set, static_cast<unsigned char>(c));
            return true;
        default: return false;
    }
}
bool is_word(char c) noexcept { return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

}  // namespace

struct ExpressionSet::Parser {
    using Parsed = std::expected<Node, std::string>;
    std::string_view text;
    std::size_t at = 0;
    std::size_t end = 0;

    bool done() const noexcept { return at >= end; }
    std::unexpected<std::string> fail(std::string_view what) const {
        return std::unexpected(fmt::format("`{}`: {} at character {}", printable(text, 80), what, at + 1));
    }

    Parsed choice(unsigned depth) {
        if (depth > kMaxDepth) return fail("too many groups in one another");
        Node node{.kind = Node::Kind::choice};
        for (;;) {
            auto branch = sequence(depth);
            if (!branch) return branch;
            node.children.push_back(std::move(*branch));
            if (done() || text[at] != '|') break;
            ++at;
        }
        if (node.children.size() == 1) return std::move(node.children.front());
        return node;
    }
    Parsed sequence(unsigned depth) {
        Node node{.kind = Node::Kind::sequence};
        while (!done() && text[at] != '|' && text[at] != ')') {
            auto piece = repeated(depth);
            if (!piece) return piece;
            node.children.push_back(std::move(*piece));
        }
        return node;
    }
    Parsed repeated(unsigned depth) {
        auto piece = atom(depth);
        if (!piece || done()) return piece;
        unsigned least = 0, most = kUnbounded;
        switch (text[at]) {
            case '?': most = 1; break;
            case '*': break;
            case '+': least = 1; break;
            case '{': {
                const std::size_t close = text.find('}', at);
                const auto number = [this](unsigned& value) {
                    const std::size_t begin = at;
                    for (value = 0; at < end && text[at] >= '0' && text[at] <= '9' && at - begin < 4; ++at) value = value * 10 + static_cast<unsigned>(text[at] - '0');
                    return at > begin;
                };
                ++at;
                if (close >= end || !number(least)) return fail("no count");
                most = least;
                if (text[at] == ',') {
                    ++at;
                    if (text[at] == '}') most = kUnbounded;
                    else if (!number(most)) return fail("no count");
                }
                if (text[at] != '}') return fail("no count");
                if (least > kMaxRepeat || (most != kUnbounded && (most > kMaxRepeat || most < least))) return fail("a count that cannot be");
                break;
            }
            default: return piece;
        }
        ++at;
        if (!done() && (text[at] == '?' || text[at] == '*' || text[at] == '+' || text[at] == '{')) return fail("a repetition of a repetition");
        Node node{.kind = Node::Kind::repeat, .least = least, .most = most};
        node.children.push_back(std::move(*piece));
        return node;
    }
    Parsed atom(unsigned depth) {
        Node node{.kind = Node::Kind::bytes};
        const char c = text[at];
        switch (c) {
            case '(': {
                ++at;
                if (!done() && text[at] == '?') {
                    if (text.substr(at, 2) != "?:") return fail("a kind of group that is not supported");
                    at += 2;
                }
                auto inner = choice(depth + 1);
                if (!inner) return inner;
                if (done() || text[at] != ')') return fail("`)` is missing");
                ++at;
                return inner;
            }
            case '[': return byte_class();
            case '.': node.bytes.fill(~0ull); break;
            case '\\':
                if (++at >= end) return fail("nothing stands behind `\\`");
                if (put_named(node.bytes, text[at])) break;
                if (is_word(text[at])) return fail("an escape that is not supported");
                put(node.bytes, static_cast<unsigned char>(text[at]));
                break;
            case '?': case '*': case '+': case '{': return fail("nothing to repeat");
            case '^': case '$': return fail("an anchor within the expression");
            case ']': case '}': return fail(fmt::format("`{}` without its beginning", c));
            default: put(node.bytes, static_cast<unsigned char>(to_lower(c)));
        }
        ++at;
        return node;
    }
    Parsed byte_class() {
        Node node{.kind = Node::Kind::bytes};
        ++at;
        const bool negated = !done() && text[at] == '^';
        if (negated) ++at;
        bool any = false;
        for (;; any = true) {
            if (done()) return fail("`]` is missing");
            if (text[at] == ']' && any) break;
            if (text[at] == '[' || text[at] == ']') return fail("`[` or `]` within a class");
            unsigned char first = static_cast<unsigned char>(text[at]);
            if (text[at] == '\\') {
                if (++at >= end) return fail("nothing stands behind `\\`");
                if (put_named(node.bytes, text[at])) {
                    ++at;
                    continue;
                }
                if (is_word(text[at])) return fail("an escape that is not supported");
                first = static_cast<unsigned char>(text[at]);
            }
            ++at;
            unsigned char last = first;
            if (at + 1 < end && text[at] == '-' && text[at + 1] != ']') {
                last = static_cast<unsigned char>(text[at + 1]);
                if (last == '\\' || last == '[') return fail("a range that is not supported");
                if (last < first) return fail("a range that runs backwards");
                at += 2;
            }
            put_range(node.bytes, first, last);
        }
        ++at;
        if (negated) {
            for (std::uint64_t& word : node.bytes) word = ~word;
        }
        return node;
    }
};

std::uint32_t ExpressionSet::add_step(Step step) {
    steps_.push_back(step);
    return static_cast<std::uint32_t>(steps_.size() - 1);
}

// Back to front: the step from which `node` and then `next` are read.
std::expected<std::uint32_t, std::string> ExpressionSet::emit(const Node& node, std::uint32_t next, std::size_t most) {
    if (steps_.size() > most) return std::unexpected("it repeats too much");
    switch (node.kind) {
        case Node::Kind::empty: return next;
        case Node::Kind::bytes: {
            auto set = std::ranges::find(sets_, node.bytes);
            if (set == sets_.end()) set = sets_.insert(set, node.bytes);
            return add_step({.kind = Step::Kind::read, .bytes = static_cast<std::uint32_t>(set - sets_.begin()), .next = next});
        }
        case Node::Kind::sequence:
            for (std::size_t i = node.children.size(); i-- > 0;) {
                auto first = emit(node.children[i], next, most);
                if (!first) return first;
                next = *first;
            }
            return next;
        case Node::Kind::choice: {
            auto all = emit(node.children.back(), next, most);
            for (std::size_t i = node.children.size() - 1; all && i-- > 0;) {
                auto first = emit(node.children[i], next, most);
                if (!first) return first;
                all = add_step({.kind = Step::Kind::split, .next = *first, .other = *all});
            }
            return all;
        }
        case Node::Kind::repeat: {
            const Node& what = node.children.front();
            const std::uint32_t out = next;
            if (node.most == kUnbounded) {
                const std::uint32_t loop = add_step({.kind = Step::Kind::split, .other = out});
                auto body = emit(what, loop, most);
                if (!body) return body;
                steps_[loop].next = *body;
                next = loop;
            } else {
                for (unsigned i = node.least; i < node.most; ++i) {
                    auto body = emit(what, next, most);
                    if (!body) return body;
                    next = add_step({.kind = Step::Kind::split, .next = *body, .other = out});
                }
            }
            for (unsigned i = 0; i < node.least; ++i) {
                auto body = emit(what, next, most);
                if (!body) return body;
                next = *body;
            }
            return next;
        }
    }
    return next;
}

std::expected<void, std::string> ExpressionSet::add(std::string_view expression, std::uint32_t value) {
    const auto fail = [expression](std::string_view why) { return std::unexpected(fmt::format("`{}`: {}", printable(expression, 80), why)); };
    if (expression.empty()) return std::unexpected("an empty expression");
    if (expression.size() > kMaxLength) return fail(fmt::format("longer than {} characters", kMaxLength));
    Parser parser{.text = expression, .at = expression.front() == '^' ? 1u : 0u, .end = expression.size()};
    if (parser.end > parser.at && expression.back() == '$' && (expression.size() < 2 || expression[expression.size() - 2] != '\\')) --parser.end;
    auto tree = parser.choice(0);
    if (!tree) return std::unexpected(std::move(tree.error()));
    if (!parser.done()) return parser.fail("`)` without its beginning");
    const std::uint32_t accept = add_step({.kind = Step::Kind::accept, .value = value});
    auto start = emit(*tree, accept, steps_.size() + kMaxPositions);
    if (!start) return fail(start.error());
    if (auto alone = build(std::span(&*start, 1), kMaxStatesAlone); !alone) return fail(alone.error());
    if (!match("").empty()) return fail("it matches the empty name");
    starts_.push_back(*start);
    return {};
}

std::expected<void, std::string> ExpressionSet::compile() { return build(starts_, kMaxStates); }

// The subset construction over classes of bytes that no set tells apart.
std::expected<void, std::string> ExpressionSet::build(std::span<const std::uint32_t> starts, std::size_t most) {
    // What can be reached, and which sets are read there.
    std::vector<bool> reached(steps_.size()), used(sets_.size());
    std::vector<std::uint32_t> todo(starts.begin(), starts.end());
    while (!todo.empty()) {
        const std::uint32_t at = todo.back();
        todo.pop_back();
        if (reached[at]) continue;
        reached[at] = true;
        const Step& step = steps_[at];
        if (step.kind == Step::Kind::accept) continue;
        todo.push_back(step.next);
        if (step.kind == Step::Kind::split) todo.push_back(step.other);
        else used[step.bytes] = true;
    }
    // Bytes that no set tells apart are one class: each set splits the classes that it cuts through.
    class_of_.fill(0);
    classes_ = 1;
    for (std::size_t i = 0; i < sets_.size(); ++i) {
        if (!used[i]) continue;
        std::array<int, 256> within, outside;
        within.fill(-1), outside.fill(-1);
        for (unsigned byte = 0; byte < 256; ++byte) {
            std::uint8_t& its = class_of_[byte];
            auto &mine = has(sets_[i], byte) ? within : outside, &others = has(sets_[i], byte) ? outside : within;
            if (mine[its] < 0) mine[its] = others[its] < 0 ? its : static_cast<int>(classes_++);
            its = static_cast<std::uint8_t>(mine[its]);
        }
    }
    std::vector<unsigned> example(classes_);
    for (unsigned byte = 0; byte < 256; ++byte) example[class_of_[byte]] = byte;

    std::map<std::vector<std::uint32_t>, std::uint16_t> known;
    std::vector<const std::vector<std::uint32_t>*> order;
    const auto state_of = [&](std::vector<std::uint32_t> from) -> std::uint32_t {
        std::vector<std::uint32_t> closed, stack = std::move(from);
        std::vector<std::uint32_t> seen;
        while (!stack.empty()) {
            const std::uint32_t at = stack.back();
            stack.pop_back();
            const Step& step = steps_[at];
            if (step.kind != Step::Kind::split) {
                closed.push_back(at);
                continue;
            }
            if (std::ranges::find(seen, at) != seen.end()) continue;
            seen.push_back(at);
            stack.push_back(step.next);
            stack.push_back(step.other);
        }
        std::ranges::sort(closed);
        closed.erase(std::ranges::unique(closed).begin(), closed.end());
        const auto [found, fresh] = known.try_emplace(std::move(closed), static_cast<std::uint16_t>(known.size()));
        if (fresh) order.push_back(&found->first);
        return found->second;
    };
    (void)state_of({});
    (void)state_of({starts.begin(), starts.end()});
    next_.clear();
    accepted_.clear();
    for (std::size_t state = 0; state < order.size(); ++state) {
        if (order.size() > most) return std::unexpected(fmt::format("more than {} states are needed", most));
        const std::vector<std::uint32_t>& steps = *order[state];
        std::vector<std::uint32_t>& values = accepted_.emplace_back();
        for (const std::uint32_t at : steps) {
            if (steps_[at].kind == Step::Kind::accept) values.push_back(steps_[at].value);
        }
        std::ranges::sort(values);
        values.erase(std::ranges::unique(values).begin(), values.end());
        for (const unsigned byte : example) {
            std::vector<std::uint32_t> to;
            for (const std::uint32_t at : steps) {
                if (steps_[at].kind == Step::Kind::read && has(sets_[steps_[at].bytes], byte)) to.push_back(steps_[at].next);
            }
            next_.push_back(to.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(state_of(std::move(to))));
        }
    }
    return {};
}

std::span<const std::uint32_t> ExpressionSet::match(std::string_view text) const noexcept {
    if (text.size() > kMaxText || accepted_.empty()) return {};
    std::size_t state = 1;
    for (const char c : text) {
        state = next_[state * classes_ + class_of_[static_cast<unsigned char>(to_lower(c))]];
        if (state == 0) return {};
    }
    return accepted_[state];
}

}  // namespace whosent::identify
