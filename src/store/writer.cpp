#include "whosent/store/store.hpp"

namespace whosent::store {

Result<std::vector<MessageOutcome>> Writer::commit_batch(const std::vector<MessageWrite>& batch) {
    std::vector<MessageOutcome> outcomes;
    outcomes.reserve(batch.size());
    for (const MessageWrite& message : batch) outcomes.push_back(WHOSENT_TRY(add(message)));
    WHOSENT_CHECK(commit());
    return outcomes;
}

}  // namespace whosent::store
