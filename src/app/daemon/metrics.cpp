#include "app/daemon/metrics.hpp"

#include <fmt/format.h>

namespace whosent::app {

Metrics& Metrics::metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    return *this;
}

Metrics& Metrics::sample(double value, Labels labels) {
    out_ += name_;
    char before = '{';
    for (const auto& [label, text] : labels) {
        out_ += fmt::format("{}{}=\"", before, label);
        for (const char c : text) {
            if (c == '\n') {
                out_ += "\\n";
                continue;
            }
            if (c == '"' || c == '\\') out_ += '\\';
            out_ += c;
        }
        out_ += '"';
        before = ',';
    }
    if (labels.size() > 0) out_ += '}';
    out_ += fmt::format(" {}\n", value);
    return *this;
}

}  // namespace whosent::app
