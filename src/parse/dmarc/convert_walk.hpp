// The walk over a section's elements, for both kinds of trees; included by the two files that convert sections.
#pragma once

#include <cstring>

#include "convert.hpp"
#include "scan.hpp"

namespace whosent::parse {

// True when the name at `name` is `word`. One or two machine comparisons: there are enough bytes after it.
template <std::size_t N>
bool is(const char* name, const char (&word)[N]) noexcept {
    static_assert(N <= PlainTree::kSlack);
    const auto ends = [](char c) { return c == '\0' || c == '>' || c == '/'; };
    return std::memcmp(name, word, N - 1) == 0 && ends(name[N - 1]);
}

// A path below <feedback> or, within one, below <record>, as extensions give it.
[[nodiscard]] inline std::string_view extension_path(Field field) noexcept {
    std::string_view path = path_of(field);
    if (path == "record") return {};
    if (path.starts_with("record/")) path.remove_prefix(7);
    return path;
}

// path, separator, name; cut where hostile input makes them long.
[[nodiscard]] std::string joined(std::string_view path, char separator, std::string_view name);

class Converter::XmlNode {
public:
    explicit XmlNode(pugi::xml_node node) noexcept : node_(node) {}
    [[nodiscard]] XmlNode first() const noexcept { return XmlNode(node_.first_child()); }
    [[nodiscard]] XmlNode next() const noexcept { return XmlNode(node_.next_sibling()); }
    [[nodiscard]] bool exists() const noexcept { return static_cast<bool>(node_); }
    [[nodiscard]] bool is_element() const noexcept { return *node_.name() != '\0'; }  // text has no name
    [[nodiscard]] const char* name() const noexcept { return node_.name(); }
    [[nodiscard]] std::string_view full_name() const noexcept { return node_.name(); }
    [[nodiscard]] std::string_view value() const noexcept { return node_.value(); }
    [[nodiscard]] bool has_attributes() const noexcept { return static_cast<bool>(node_.first_attribute()); }
    [[nodiscard]] pugi::xml_node node() const noexcept { return node_; }

private:
    pugi::xml_node node_;
};

class Converter::PlainElement {
public:
    explicit PlainElement(const PlainNode* node) noexcept : node_(node) {}
    [[nodiscard]] PlainElement first() const noexcept { return PlainElement(node_->first); }
    [[nodiscard]] PlainElement next() const noexcept { return PlainElement(node_->next); }
    [[nodiscard]] bool exists() const noexcept { return node_ != nullptr; }
    [[nodiscard]] static bool is_element() noexcept { return true; }
    [[nodiscard]] const char* name() const noexcept { return node_->name_begin; }
    [[nodiscard]] std::string_view full_name() const noexcept { return {node_->name_begin, node_->name_size}; }
    [[nodiscard]] std::string_view value() const noexcept { return {node_->text_begin, node_->text_size}; }
    [[nodiscard]] static bool has_attributes() noexcept { return false; }

private:
    const PlainNode* node_;
};

inline void Converter::keep_attributes(PlainElement, const std::string&) {}

// Calls `known(name, child)` for each child element; what it returns false for goes to the extensions.
template <class Node, class F>
void Converter::each(Node parent, Field field, F&& known) {
    if (has_attributes_ && parent.has_attributes()) keep_attributes(parent, std::string(extension_path(field)));
    for (Node child = parent.first(); child.exists(); child = child.next()) {
        if (!child.is_element() || known(child.name(), child)) continue;
        const std::size_t colon = child.full_name().rfind(':');
        if (colon != std::string_view::npos && !switched_off_.contains(Repair::namespace_prefix) && known(child.name() + colon + 1, child)) continue;
        unknown(child, field);
    }
}

template <class Node>
std::string_view Converter::text(Node node, Field field) {
    if (node.first().exists() || (has_attributes_ && node.has_attributes())) return slow_text(node, field);
    return clean(node.value(), field);
}

// Text in several pieces (CDATA, comments between), attributes, and elements where none should be.
template <class Node>
std::string_view Converter::slow_text(Node node, Field field) {
    keep_attributes(node, std::string(extension_path(field)));
    std::string whole(node.value());
    for (Node child = node.first(); child.exists(); child = child.next()) {
        if (child.is_element()) {
            unknown(child, field);
        } else {
            whole += child.value();
        }
    }
    return clean(keep_text(std::move(whole)), field);
}

template <class Node, class Text>
void Converter::text(Text& into, Node node, Field field) {
    const std::string_view value = text(node, field);
    if (into.empty()) {
        into = value;
    } else {
        notes_.add(Code::duplicate, field, value);
    }
}

template <class Node, class T, class Text, std::size_t N>
void Converter::word(Token<T, Text>& token, Node node, const std::array<Word<T>, N>& words, Field field) {
    const std::string_view value = text(node, field);
    if (token.present) {
        notes_.add(Code::duplicate, field, value);
        return;
    }
    token.present = true;
    token.raw = value;
    token.value = read_word(value, words, field, reading_);
}

template <class Node>
void Converter::unknown(Node node, Field parent) {
    const std::string_view name = local_name(node.full_name());
    standard_extension_ = parent == Field::record && (name == "extension" || name == "extensions");
    if (!standard_extension_) notes_.add(Code::unknown_element, parent, name);
    keep_subtree(node, joined(extension_path(parent), '/', name), 2);
}

template <class Node>
void Converter::keep_subtree(Node node, const std::string& path, std::size_t depth) {
    if (depth >= limits_.xml_depth) {
        notes_.add(Code::limit, Field::extension, "elements are nested deeper than the limit xml_depth");
        return;
    }
    keep_attributes(node, path);
    std::string whole(node.value());
    bool has_elements = false;
    for (Node child = node.first(); child.exists(); child = child.next()) {
        if (child.is_element()) {
            has_elements = true;
            keep_subtree(child, joined(path, '/', local_name(child.full_name())), depth + 1);
        } else {
            whole += child.value();
        }
    }
    const std::string_view value = clean(keep_text(std::move(whole)), Field::extension);
    if (!has_elements || !value.empty()) keep(path, value);
}

}  // namespace whosent::parse
