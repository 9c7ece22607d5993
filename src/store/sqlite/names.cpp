#include "store/sqlite/names.hpp"

#include <cstring>

#include "store/sqlite/gathered.hpp"
#include "whosent/base/hash.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::size_t kEntryBytes = 96;  // what an entry of the map takes beside its text
constexpr std::size_t kLongText = 128;

// Cryptographic, because the texts are chosen by strangers, who could otherwise make them collide.
std::int64_t hash_of(std::string_view text) {
    const Key128 key = key128(text);
    std::int64_t hash;
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
}

}  // namespace

Result<std::int64_t> Names::id_of(std::string_view text) {
    if (text.empty()) return 0;
    if (const auto found = young_.find(text); found != young_.end()) return found->second;
    std::int64_t id = 0;
    if (const auto found = old_.find(text); found != old_.end()) id = found->second;
    std::int64_t hash = 0;
    if (id == 0) {
        hash = hash_of(text);
        id = WHOSENT_TRY(find_stored(text, hash));
    }
    const bool is_new = id == 0;
    if (is_new) {
        id = next_++;
        keys_.add(hash, id);
    }
    WHOSENT_CHECK(remember(text, id, is_new));
    return id;
}

Result<std::int64_t> Names::id_of(std::string_view text, LastName& last) {
    if (text == last.text) return last.id;  // at first both are empty
    last.id = WHOSENT_TRY(id_of(text));
    last.text = text;
    return last.id;
}

Result<Cell> Names::cell_of(std::string_view text) {
    if (text.size() > kLongText) return Cell{0, text};
    return Cell{WHOSENT_TRY(id_of(text)), {}};
}

Result<Cell> Names::cell_of(std::string_view text, LastName& last) {
    if (text.size() > kLongText) return Cell{0, text};
    return Cell{WHOSENT_TRY(id_of(text, last)), {}};
}

Result<std::int64_t> Names::find_stored(std::string_view text, std::int64_t hash) {
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT value FROM name WHERE id = ?"));
    const ResetGuard guard(query);
    const auto matches = [&](std::int64_t id) -> Result<bool> {
        query.bind(id);
        return WHOSENT_TRY(query.step()) && query.text(0) == text;
    };
    return keys_.find(hash, matches);
}

Result<void> Names::remember(std::string_view text, std::int64_t id, bool is_new) {
    const auto [entry, added] = young_.emplace(text, id);
    if (is_new) new_.push_back(&entry->first);
    young_bytes_ += text.size() + kEntryBytes;
    if (young_bytes_ < cached_bytes_) return {};
    WHOSENT_CHECK(flush());
    old_ = std::move(young_);
    young_ = {};
    young_bytes_ = 0;
    return {};
}

Result<void> Names::flush() {
    if (new_.empty()) return {};
    const std::int64_t first = next_ - static_cast<std::int64_t>(new_.size());
    const auto value = [&](const ValueOutput& output, std::size_t row, int column) {
        if (column == 0) {
            output(first + static_cast<std::int64_t>(row));
        } else {
            output(std::string_view(*new_[row]));
        }
    };
    WHOSENT_CHECK(run_gathered(*database_, "INSERT OR FAIL INTO name SELECT c0, c1 FROM gathered", new_.size(), value));
    new_.clear();
    return keys_.flush();
}

Result<void> Names::forget() {
    young_ = {};
    old_ = {};
    young_bytes_ = 0;
    new_.clear();
    WHOSENT_CHECK(keys_.forget());
    next_ = WHOSENT_TRY(database_->integer("SELECT max(id) FROM name")) + 1;
    return {};
}

}  // namespace whosent::store::sqlite
