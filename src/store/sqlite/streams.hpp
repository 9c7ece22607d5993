// The writer's side of sources and streams: key -> id, new ones added. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "store/sqlite/conclusions.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/key_cache.hpp"
#include "store/sqlite/key_table.hpp"
#include "store/sqlite/names.hpp"
#include "store/sqlite/open_options.hpp"
#include "whosent/store/row_spool.hpp"

namespace whosent::store::sqlite {

struct StreamPlace {
    std::int64_t stream = 0, source = 0;
};

// A source that was found new and is not in the store yet: written together with its first totals.
struct NewSource {
    std::int64_t domain;
    std::optional<IpAddress> ip;
};

// Where a stream is met.
struct Meeting {
    std::string_view domain;     // the policy domain
    std::int64_t domain_id = 0;  // its name
    std::int64_t sequence = 0;   // that the next event gets
    Seconds now = 0;
};

class Streams {
public:
    [[nodiscard]] static Result<Streams> create(Database& database, Names& names, Conclusions& conclusions, const OpenOptions& options);

    // Judges what is new; outlives this. Null: nobody.
    void set_judge(FirstJudge* judge) { judge_ = judge; }
    // `full()` must be false.
    [[nodiscard]] Result<StreamPlace> find_or_add(const StreamView& stream, const Meeting& meeting);

    // True: the owner writes new_sources() with their totals and calls flush() before it goes on.
    [[nodiscard]] bool full() const {
        return streams_.full() || sources_.full() || new_streams_.size() >= kGatheredStreams || conclusions_->full();
    }
    // Their ids count up from first_new_source().
    [[nodiscard]] std::span<const NewSource> new_sources() const { return new_sources_; }
    [[nodiscard]] std::int64_t first_new_source() const { return next_source_ - static_cast<std::int64_t>(new_sources_.size()); }
    // Writes what is new; the owner has written new_sources().
    [[nodiscard]] Result<void> flush();
    // Before each commit: the highest numbers given.
    [[nodiscard]] Result<void> save_marks();
    // Removes a source that no record uses any more, with its streams.
    [[nodiscard]] Result<void> remove_source(std::int64_t source);
    // After a rollback.
    [[nodiscard]] Result<void> forget();

private:
    static constexpr std::size_t kGatheredStreams = 64 * 1024;  // 128 bytes each
    struct NewStream {
        std::int64_t source, previous;
        Key128 key;
        std::int64_t header_from, envelope_from, dkim, spf_domain, spf_scope, spf_result, modes, conclusion, attribution;
    };
    struct Unsettled {
        std::int64_t stream, sequence;
        Seconds since;
    };

    Streams(Database& database, Names& names, Conclusions& conclusions, const OpenOptions& options);
    // Adds to `added`, which gets the number `id`, what the judge says of it.
    [[nodiscard]] Result<void> judge(const StreamView& stream, const Meeting& meeting, std::int64_t id, NewStream& added);
    [[nodiscard]] Result<CachedPlace*> find_or_add_source(const std::optional<IpAddress>& ip, std::int64_t domain);
    [[nodiscard]] Result<CachedPlace> find_stored_source(std::int64_t hash, std::int64_t domain,
                                                         const std::optional<IpAddress>& ip);
    [[nodiscard]] Result<StreamPlace> find_stored_stream(const StreamView& stream, std::int64_t domain);
    [[nodiscard]] CacheKey cache_key(const std::array<std::uint8_t, 16>& bytes, std::int64_t domain) const;
    [[nodiscard]] std::int64_t source_hash(const std::optional<IpAddress>& ip, std::int64_t domain) const;

    Database* database_;
    Names* names_;
    Conclusions* conclusions_;
    FirstJudge* judge_ = nullptr;
    KeyCache streams_, sources_;
    KeyTable stream_keys_, source_keys_;
    std::int64_t next_stream_ = 1, next_source_ = 1;
    std::uint64_t hash_seed_[2] = {};
    std::vector<NewSource> new_sources_;  // their ids, and those of new_streams_, count up to the next
    std::vector<NewStream> new_streams_;
    std::vector<Unsettled> new_unsettled_;
    Seconds last_since_ = 0;  // of all that is unsettled
    struct {
        LastName header_from, envelope_from, dkim, spf_domain, spf_scope, spf_result;
    } last_;
};

}  // namespace whosent::store::sqlite
