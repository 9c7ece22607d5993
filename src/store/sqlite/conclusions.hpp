// The writer's side of what is thought of streams: Conclusion -> id, added where it is new. Equal ids are equal content. Ids stay for the
// life of the store. One thread at a time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "store/sqlite/database.hpp"
#include "store/sqlite/key_table.hpp"
#include "store/sqlite/names.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/model/verdict.hpp"
#include "whosent/store/store.hpp"

namespace whosent::store::sqlite {

class Conclusions {
public:
    Conclusions(Database& database, Names& names) : database_(&database), names_(&names), keys_(database, "conclusion_by_key") {}

    [[nodiscard]] Result<std::int64_t> id_of(const Conclusion& conclusion);  // 0: nothing said
    // The same; what was said before costs nothing.
    [[nodiscard]] Result<std::int64_t> id_of(const FirstJudge::Said& said);
    // True: flush() is due before more is added.
    [[nodiscard]] bool full() const { return new_.size() >= kGathered; }
    // Writes the new ones. Before each commit.
    [[nodiscard]] Result<void> flush();
    // At the beginning, and after a rollback: ids that were given may be void.
    [[nodiscard]] Result<void> forget();

private:
    static constexpr std::size_t kGathered = 2048;           // some KB each
    static constexpr std::size_t kRemembered = 64 * 1024;    // 60 bytes each
    struct Hash {
        std::size_t operator()(const Key128& key) const noexcept;
    };
    struct New {
        Key128 key;
        std::int64_t verdict, confidence, category, own_network, authorized_spf, authorized_dkim;
        // what `names_` has no id for stands for itself
        struct Text {
            std::int64_t name = 0;
            std::string text;
        };
        Text sender, sender_name, carrier, via, host, candidates;
        std::string reason, remedy;
    };
    [[nodiscard]] Result<New::Text> text_of(std::string_view text);

    Database* database_;
    Names* names_;
    KeyTable keys_;
    std::unordered_map<Key128, std::int64_t, Hash> ids_;
    std::int64_t next_ = 1;
    std::vector<New> new_;  // their ids count up to next_
    std::string scratch_;
};

// What stream.attribution holds.
struct StreamAttribution {
    AttributionState state = AttributionState::provisional;
    bool unsettled = false;  // it is in the table `unsettled`
    bool revised = false;    // it is in the table `stream_revision`
    std::int64_t revision = 0;

    [[nodiscard]] std::int64_t pack() const {
        return (state == AttributionState::final ? 1 : 0) | (unsettled ? 2 : 0) | (revised ? 4 : 0) | revision << 3;
    }
    [[nodiscard]] static StreamAttribution unpack(std::int64_t packed) {
        return {packed & 1 ? AttributionState::final : AttributionState::provisional, (packed & 2) != 0, (packed & 4) != 0, packed >> 3};
    }
};

// What stream.modes holds.
struct StreamModes {
    AlignmentMode adkim = AlignmentMode::relaxed, aspf = AlignmentMode::relaxed;
    Alignment alignment;

    [[nodiscard]] std::int64_t pack() const {
        return (adkim == AlignmentMode::strict ? 1 : 0) | (aspf == AlignmentMode::strict ? 2 : 0) | (alignment.dkim ? 4 : 0) |
               (alignment.spf ? 8 : 0) | static_cast<std::int64_t>(alignment.judgement) << 4;
    }
    [[nodiscard]] static StreamModes unpack(std::int64_t packed) {
        const auto mode = [](bool strict) { return strict ? AlignmentMode::strict : AlignmentMode::relaxed; };
        return {mode(packed & 1), mode(packed & 2), {(packed & 4) != 0, (packed & 8) != 0, static_cast<Judgement>(packed >> 4 & 3)}};
    }
};

}  // namespace whosent::store::sqlite
