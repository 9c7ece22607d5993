// Metrics in the text format of Prometheus (exposition format 0.0.4).
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace whosent::app {

class Metrics {
public:
    using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
    // Begins a metric; the samples that follow are of it. `type`: "counter" (its name ends with _total) or "gauge".
    Metrics& metric(std::string_view name, std::string_view type, std::string_view help);
    Metrics& sample(double value, Labels labels = {});
    [[nodiscard]] std::string take() { return std::move(out_); }

private:
    std::string name_, out_;
};

}  // namespace whosent::app
