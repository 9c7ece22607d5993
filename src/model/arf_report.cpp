#include "whosent/model/arf_report.hpp"

namespace whosent {

bool is_complaint(const FeedbackReport& report) noexcept {
    const auto& type = report.feedback_type.value;
    return type == FeedbackType::abuse || type == FeedbackType::fraud || type == FeedbackType::virus;
}

}  // namespace whosent
