// A JSON document out of a column of dotted paths. All that depends on the paths alone is worked out at compile time: the order, in which each
// group is opened and closed once, and what stands before each value.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "export/encode/buffer.hpp"
#include "export/encode/fields.hpp"
#include "export/encode/json_value.hpp"

namespace whosent::encode {

// "a.b.c": member c of the object b in the object a. "a.b[]": b is an array, and each row of that name adds elements to it. Empty: not in this document.
struct Path {
    static constexpr std::size_t kCapacity = 64;
    std::array<char, kCapacity> text{};
    std::size_t size = 0;

    constexpr Path() = default;
    constexpr Path(std::string_view first, std::string_view rest = {}) {
        for (const std::string_view part : {first, rest}) {
            for (const char c : part) text[size++] = c;  // beyond kCapacity this does not compile
        }
    }
    [[nodiscard]] constexpr bool is_array() const { return view().ends_with("[]"); }
    [[nodiscard]] constexpr std::string_view view() const { return {text.data(), size}; }
    [[nodiscard]] constexpr std::string_view name() const { return is_array() ? view().substr(0, size - 2) : view(); }
    [[nodiscard]] constexpr std::size_t groups() const { return static_cast<std::size_t>(std::ranges::count(name(), '.')); }
    [[nodiscard]] constexpr std::string_view part(std::size_t index) const {
        std::string_view rest = name();
        for (; index > 0; --index) rest.remove_prefix(rest.find('.') + 1);
        return rest.substr(0, rest.find('.'));
    }
};

inline constexpr std::size_t kMostGroups = 3;  // around a value

struct Entry {
    std::size_t row = 0;     // of kEventFields, then of the body's
    std::size_t groups = 0;  // around the value
    std::size_t common = 0;  // of them, with the entry before
    bool array = false, continues = false;  // continues the array of the entry before
    std::array<Fragment, kMostGroups + 1> before{};  // what stands before the value where so many of its groups are open already
};

// `column` says the path of a row. `before_first` stands before the first entry; a comma does not stand there, so unless it is one itself the first entry may never be absent.
enum class Order : std::uint8_t { as_rows, by_path };
template <class Body, class Column>
constexpr std::size_t count_entries(Column column) {
    std::size_t count = 0;
    for (const auto& field : kEventFields) count += column(field).size > 0;
    for (const auto& field : fields_of<Body>()) count += column(field).size > 0;
    return count;
}
template <class Body, std::size_t kCount, class Column>
constexpr std::array<Entry, kCount> entries_of(Column column, Order order, std::string_view before_first) {
    std::array<std::pair<Path, std::size_t>, kCount> paths;
    std::size_t count = 0, row = 0;
    const auto add = [&](const Path& path) {
        if (path.size > 0) paths[count++] = {path, row};
        ++row;
    };
    for (const auto& field : kEventFields) add(column(field));
    for (const auto& field : fields_of<Body>()) add(column(field));
    // In the order of rows where the paths are the same.
    if (order == Order::by_path) {
        std::ranges::sort(paths, [](const auto& a, const auto& b) { return a.first.view() != b.first.view() ? a.first.view() < b.first.view() : a.second < b.second; });
    }
    std::array<Entry, kCount> entries;
    for (std::size_t i = 0; i < kCount; ++i) {
        const Path& path = paths[i].first;
        Entry& entry = entries[i];
        entry.row = paths[i].second;
        entry.groups = path.groups();
        entry.array = path.is_array();
        if (i > 0) {
            const Path& previous = paths[i - 1].first;
            const std::size_t most = std::min(entry.groups, previous.groups());
            while (entry.common < most && path.part(entry.common) == previous.part(entry.common)) ++entry.common;
            entry.continues = entry.array && path.view() == previous.view();
        }
        for (std::size_t open = 0; open <= entry.groups; ++open) {
            Fragment& fragment = entry.before[open];
            fragment.add(i == 0 ? before_first : ",");
            for (std::size_t part = open; part <= entry.groups; ++part) {
                fragment.add("\"");
                fragment.add(path.part(part));
                fragment.add(part < entry.groups ? "\":{" : "\":");
            }
            if (entry.array) fragment.add("[");
        }
    }
    return entries;
}

// Each group is one object, and no name stands twice in it.
template <std::size_t kCount>
constexpr bool is_sound(const std::array<Entry, kCount>& entries) {
    for (std::size_t i = 0; i < kCount; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            const std::string_view one = entries[i].before[0].view().substr(1), other = entries[j].before[0].view().substr(1);
            if (one == other && !entries[i].continues) return false;
            // A group that was left: `other` shares more with it than its neighbour does.
            std::size_t least = kMostGroups;
            for (std::size_t k = j + 1; k <= i; ++k) least = std::min(least, entries[k].common);
            std::size_t shared = 0;
            for (std::size_t at = 0; at < std::min(one.size(), other.size()) && one[at] == other[at]; ++at) shared += one[at] == '{';
            if (shared > least) return false;
        }
    }
    return true;
}

// The fields that are there, from the first to the end of the document.
template <class Entries, class Body>
void append_entries(Buffer& buffer, const Entries& entries, const Event& event, const Body& body) {
    std::size_t open = 0, common = 0, array_start = 0;
    bool in_array = false;
    const auto close = [&](std::size_t groups) {
        if (in_array) buffer.add(']');
        for (; groups > 0; --groups) buffer.add('}');
    };
    for (const Entry& entry : entries) {
        common = std::min(common, entry.common);
        const Value value = entry.row < kEventFields.size() ? kEventFields[entry.row].get(event) : fields_of<Body>()[entry.row - kEventFields.size()].get(body);
        if (value.kind == Value::Kind::absent) continue;
        if (!in_array || !entry.continues) {
            close(open - common);
            buffer.add(entry.before[common]);
            open = common = entry.groups;
            in_array = entry.array;
            array_start = buffer.size();
        }
        if (entry.array) {
            append_elements(buffer, array_start, value);
        } else {
            append_value(buffer, value);
        }
    }
    close(open + 1);  // and the document
}

}  // namespace whosent::encode
