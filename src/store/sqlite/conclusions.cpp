#include "store/sqlite/conclusions.hpp"

#include <cstring>

#include "store/sqlite/gathered.hpp"
#include "store/sqlite/lists.hpp"

namespace whosent::store::sqlite {
namespace {

// Each field with its length, so that no two conclusions have one text.
void append_field(std::string& out, std::string_view field) {
    const std::uint64_t size = field.size();
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out += field;
}

void write_content(const Conclusion& conclusion, std::string& out) {
    out.clear();
    out += static_cast<char>(conclusion.verdict.kind);
    out += static_cast<char>(conclusion.confidence);
    out += static_cast<char>(conclusion.category);
    out += static_cast<char>(conclusion.own_network);
    out += static_cast<char>(conclusion.authorized_spf);
    out += static_cast<char>(conclusion.authorized_dkim);
    for (const std::string* text : {&conclusion.sender, &conclusion.sender_name, &conclusion.carrier, &conclusion.via, &conclusion.host,
                                    &conclusion.verdict.reason, &conclusion.verdict.remedy})
        append_field(out, *text);
    for (const std::string& candidate : conclusion.candidates) append_field(out, candidate);
}

std::int64_t hash_of(const Key128& key) {
    std::int64_t hash;
    std::memcpy(&hash, key.data(), sizeof hash);
    return hash;
}

}  // namespace

std::size_t Conclusions::Hash::operator()(const Key128& key) const noexcept { return static_cast<std::size_t>(hash_of(key)); }

Result<std::int64_t> Conclusions::id_of(const FirstJudge::Said& said) {
    if (!said.conclusion) return 0;
    if (said.known && *said.known != 0) return *said.known;
    const std::int64_t id = WHOSENT_TRY(id_of(*said.conclusion));
    if (said.known) *said.known = id;
    return id;
}

Result<std::int64_t> Conclusions::id_of(const Conclusion& conclusion) {
    static const Conclusion nothing;
    if (conclusion == nothing) return 0;
    write_content(conclusion, scratch_);
    const Key128 key = key128(scratch_);
    if (const auto found = ids_.find(key); found != ids_.end()) return found->second;
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT key FROM conclusion WHERE id = ?"));
    const ResetGuard guard(query);
    const auto matches = [&](std::int64_t id) -> Result<bool> {
        query.bind(id);
        return WHOSENT_TRY(query.step()) && query.fixed<16>(0) == key;
    };
    std::int64_t id = WHOSENT_TRY(keys_.find(hash_of(key), matches));
    if (id == 0) {
        New added{key,
                  static_cast<std::int64_t>(conclusion.verdict.kind),
                  static_cast<std::int64_t>(conclusion.confidence),
                  static_cast<std::int64_t>(conclusion.category),
                  conclusion.own_network,
                  static_cast<std::int64_t>(conclusion.authorized_spf),
                  static_cast<std::int64_t>(conclusion.authorized_dkim),
                  WHOSENT_TRY(text_of(conclusion.sender)),
                  WHOSENT_TRY(text_of(conclusion.sender_name)),
                  WHOSENT_TRY(text_of(conclusion.carrier)),
                  WHOSENT_TRY(text_of(conclusion.via)),
                  WHOSENT_TRY(text_of(conclusion.host)),
                  WHOSENT_TRY(text_of(join_list(conclusion.candidates))),
                  conclusion.verdict.reason,
                  conclusion.verdict.remedy};
        id = next_++;
        new_.push_back(std::move(added));
        keys_.add(hash_of(key), id);
    } else if (ids_.size() >= kRemembered && new_.empty()) {
        ids_.clear();
    }
    ids_.emplace(key, id);
    return id;
}

Result<Conclusions::New::Text> Conclusions::text_of(std::string_view text) {
    const Cell cell = WHOSENT_TRY(names_->cell_of(text));
    return New::Text{cell.name, std::string(cell.text)};
}

Result<void> Conclusions::flush() {
    if (new_.empty()) return {};
    const std::int64_t first = next_ - static_cast<std::int64_t>(new_.size());
    const auto cell = [](const New::Text& text) { return Cell{text.name, text.text}; };
    const auto value = [&](const ValueOutput& output, std::size_t row, int column) {
        const New& added = new_[row];
        switch (column) {
        case 0: return output(first + static_cast<std::int64_t>(row));
        case 1: return output(blob(added.key));
        case 2: return output(added.verdict);
        case 3: return output(added.confidence);
        case 4: return output(added.category);
        case 5: return output(added.own_network);
        case 6: return output(added.authorized_spf);
        case 7: return output(added.authorized_dkim);
        case 8: return output(cell(added.sender));
        case 9: return output(cell(added.sender_name));
        case 10: return output(cell(added.carrier));
        case 11: return output(cell(added.via));
        case 12: return output(cell(added.host));
        case 13: return output(cell(added.candidates));
        case 14: return output(std::string_view(added.reason));
        default: return output(std::string_view(added.remedy));
        }
    };
    WHOSENT_CHECK(run_gathered(*database_,
                               "INSERT OR FAIL INTO conclusion SELECT c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15 FROM gathered",
                               new_.size(), value));
    new_.clear();
    if (ids_.size() >= kRemembered) ids_.clear();
    return keys_.flush();
}

Result<void> Conclusions::forget() {
    ids_.clear();
    new_.clear();
    WHOSENT_CHECK(keys_.forget());
    next_ = WHOSENT_TRY(database_->integer("SELECT max(id) FROM conclusion")) + 1;
    return {};
}

}  // namespace whosent::store::sqlite
