#include "app/selector_view.hpp"

#include <fmt/format.h>

#include "app/cells.hpp"

namespace whosent::app {

using Key = identify::SelectorReport::Key;

std::string_view key_word(Key key) noexcept {
    switch (key) {
        case Key::unknown: return "unknown";
        case Key::none: return "none";
        case Key::present: return "present";
        case Key::revoked: return "revoked";
        case Key::testing: return "testing";
        case Key::too_short: return "too-short";
        case Key::invalid: return "invalid";
    }
    return "unknown";
}

Tree selector_tree(const identify::SelectorReport& report) {
    Tree tree{fmt::format("{}: ", report.name), {}};
    switch (report.key) {
        case Key::unknown: tree.text += report.complete ? "not known" : "no answer yet"; break;
        case Key::none: tree.text += "no key"; break;
        case Key::present: tree.text += fmt::format("key of {} bits", report.bits); break;
        case Key::revoked: tree.text += "revoked"; break;
        case Key::testing: tree.text += fmt::format("key of {} bits, marked as a test (t=y)", report.bits); break;
        case Key::too_short: tree.text += fmt::format("key of {} bits: too short", report.bits); break;
        case Key::invalid: tree.text += "no valid key"; break;
    }
    if (report.read > 0) tree.text += fmt::format(", read {}", format_time(report.read));
    if (!report.problem.empty()) tree.add(report.problem);
    std::string chain;
    for (const auto& target : report.chain) chain += fmt::format("{}{}", chain.empty() ? "CNAME → " : " → ", target);
    if (!chain.empty()) tree.add(std::move(chain));
    if (!report.product.empty()) {
        tree.add(fmt::format("of {}{}", report.product, report.carrier.empty() || report.carrier == report.product ? "" : fmt::format(", which runs on {}", report.carrier)));
    }
    return tree;
}

void append_selector(Json& json, const identify::SelectorReport& report) {
    json.add("name", report.name)
        .add("key", std::string(key_word(report.key)))
        .add("complete", report.complete)
        .add("bits", report.bits > 0 ? Cell(static_cast<std::int64_t>(report.bits)) : Cell())
        .add("fingerprint", report.fingerprint == Key128{} ? Cell() : Cell(to_hex(report.fingerprint)))
        .add("chain", report.chain)
        .add("product", known(report.product))
        .add("carrier", known(report.carrier))
        .add("problem", known(report.problem))
        .add("read", report.read > 0 ? Cell(format_time(report.read)) : Cell());
}

}  // namespace whosent::app
