#include "whosent/model/arf_report.hpp"

#include <algorithm>

namespace whosent {

bool ArfReport::is_derived(std::string_view field) const noexcept { return std::ranges::find(derived, field) != derived.end(); }

bool is_complaint(const FeedbackReport& report) noexcept {
    const auto& type = report.feedback_type.value;
    return type == FeedbackType::abuse || type == FeedbackType::fraud || type == FeedbackType::virus;
}

}  // namespace whosent
