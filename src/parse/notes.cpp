#include "notes.hpp"

#include "whosent/base/text.hpp"

namespace whosent::parse {
namespace {

bool is_atom(char c) {
    return !is_space(c) && c != '<' && c != '>' && c != '"' && c != ',' && c != ';' && c != ':' && c != '(' && c != ')';
}

}  // namespace

std::string shown(std::string_view value) {
    std::string masked;
    for (const char c : value.substr(0, 300)) {
        if (c == '@') {
            if (masked.ends_with('"')) {  // a quoted local part (RFC 5321 section 4.1.2)
                masked.pop_back();
                while (!masked.empty() && masked.back() != '"') masked.pop_back();
                if (!masked.empty()) masked.pop_back();
            }
            while (!masked.empty() && is_atom(masked.back())) masked.pop_back();
            masked += "(local part)";
        }
        masked += c;
    }
    return printable(masked, 120);
}

bool DiagnosticList::tell(const Wording& wording, std::string_view where, std::string_view value, std::optional<std::uint64_t> row) {
    if (wording.severity != Severity::note) repaired_ = true;
    if (diagnostics_.size() >= max_) {
        ++dropped_;
        return false;
    }
    std::string message(wording.message);
    if (const auto at = message.find("{}"); at != std::string::npos) message.replace(at, 2, shown(value));
    diagnostics_.push_back({wording.severity, std::string(wording.code), std::string(where), std::move(message), row});
    return true;
}

}  // namespace whosent::parse
