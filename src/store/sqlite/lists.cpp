#include "store/sqlite/lists.hpp"

#include <algorithm>

namespace whosent::store::sqlite {
namespace {

void append_escaped(std::string& list, std::string_view text) {
    for (const char c : text) {
        switch (c) {
        case '\n': list += "\\n"; break;
        case '\t': list += "\\t"; break;
        case '\\': list += "\\\\"; break;
        default: list += c;
        }
    }
}

// The field before the next `end`, which is taken away with it.
std::string take(std::string_view& list, char end) {
    std::string field;
    std::size_t i = 0;
    for (; i < list.size() && list[i] != end; ++i) {
        if (list[i] != '\\' || i + 1 == list.size()) {
            field += list[i];
            continue;
        }
        const char escaped = list[++i];
        field += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
    }
    list.remove_prefix(std::min(list.size(), i + 1));
    return field;
}

}  // namespace

std::string join_list(const std::vector<std::string>& entries) {
    std::string list;
    for (const std::string& entry : entries) {
        append_escaped(list, entry);
        list += '\n';
    }
    return list;
}

std::string join_list(const std::vector<AuthenticationResult>& entries) {
    std::string list;
    for (const AuthenticationResult& entry : entries) {
        for (const std::string* field : {&entry.method, &entry.result, &entry.domain, &entry.selector}) {
            append_escaped(list, *field);
            list += field == &entry.selector ? '\n' : '\t';
        }
    }
    return list;
}

std::string join_list(const std::vector<std::pair<std::string, std::string>>& entries) {
    std::string list;
    for (const auto& [first, second] : entries) {
        append_escaped(list, first);
        list += '\t';
        append_escaped(list, second);
        list += '\n';
    }
    return list;
}

std::vector<std::string> split_list(std::string_view list) {
    std::vector<std::string> entries;
    while (!list.empty()) entries.push_back(take(list, '\n'));
    return entries;
}

std::vector<AuthenticationResult> split_authentication_results(std::string_view list) {
    std::vector<AuthenticationResult> entries;
    while (!list.empty()) {
        AuthenticationResult& entry = entries.emplace_back();
        entry.method = take(list, '\t');
        entry.result = take(list, '\t');
        entry.domain = take(list, '\t');
        entry.selector = take(list, '\n');
    }
    return entries;
}

std::vector<std::pair<std::string, std::string>> split_pairs(std::string_view list) {
    std::vector<std::pair<std::string, std::string>> entries;
    while (!list.empty()) {
        auto& [first, second] = entries.emplace_back();
        first = take(list, '\t');
        second = take(list, '\n');
    }
    return entries;
}

}  // namespace whosent::store::sqlite
