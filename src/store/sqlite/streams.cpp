#include "store/sqlite/streams.hpp"

#include <algorithm>
#include <cstring>

#include "store/sqlite/gathered.hpp"

namespace whosent::store::sqlite {
namespace {

constexpr std::int64_t kNoAddress = std::int64_t{1} << 62;  // added to the domain where a source has no address

// The key is a hash already. The same stream under two policy domains is stored twice: it belongs to two sources.
std::int64_t stream_hash(const Key128& key, std::int64_t domain) {
    std::uint64_t first;
    std::memcpy(&first, key.data(), sizeof first);
    return static_cast<std::int64_t>(first ^ static_cast<std::uint64_t>(domain) * 0x9e3779b97f4a7c15u);
}

std::uint64_t multiply_and_fold(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

bool same_address(std::span<const std::uint8_t> stored, const std::optional<IpAddress>& ip) {
    return ip ? std::ranges::equal(stored, ip->bytes()) : stored.empty();
}

}  // namespace

Streams::Streams(Database& database, Names& names, Conclusions& conclusions, const OpenOptions& options)
    : database_(&database),
      names_(&names),
      conclusions_(&conclusions),
      streams_(options.cached_streams),
      sources_(options.cached_sources),
      stream_keys_(database, "stream_by_key"),
      source_keys_(database, "source_by_key") {}

Result<Streams> Streams::create(Database& database, Names& names, Conclusions& conclusions, const OpenOptions& options) {
    Streams streams(database, names, conclusions, options);
    for (const int i : {0, 1}) {
        streams.hash_seed_[i] =
            static_cast<std::uint64_t>(WHOSENT_TRY(database.integer("SELECT value FROM meta WHERE key = 'hash_seed_' || ?", i))) |
            1;
    }
    WHOSENT_CHECK(streams.forget());
    return streams;
}

Result<void> Streams::forget() {
    streams_.clear();
    sources_.clear();
    new_sources_.clear();
    last_ = {};
    new_streams_.clear();
    new_unsettled_.clear();
    last_since_ = WHOSENT_TRY(database_->integer("SELECT max(since) FROM unsettled"));
    WHOSENT_CHECK(stream_keys_.forget());
    WHOSENT_CHECK(source_keys_.forget());
    next_stream_ = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_stream'")) + 1;
    next_source_ = WHOSENT_TRY(database_->integer("SELECT value FROM meta WHERE key = 'last_source'")) + 1;
    return {};
}

Result<StreamPlace> Streams::find_or_add(const StreamView& stream, const Meeting& meeting) {
    const std::int64_t domain = meeting.domain_id;
    const CacheKey key = cache_key(stream.key, domain);
    if (const CachedPlace* place = streams_.find(key)) return StreamPlace{place->id, place->other};
    if (const StreamPlace place = WHOSENT_TRY(find_stored_stream(stream, domain)); place.stream != 0) {
        streams_.insert(key, CachedPlace::of(place.stream, place.source));
        return place;
    }
    if (next_stream_ > CachedPlace::kMaxId) {
        return std::unexpected(Error{ErrorCode::limit, Stage::store, Persistence::permanent, database_->path(),
                                     "the store holds as many streams as it can", ""});
    }
    CachedPlace& source = *WHOSENT_TRY(find_or_add_source(stream.ip, domain));
    const std::int64_t header_from = WHOSENT_TRY(names_->id_of(stream.header_from, last_.header_from));
    const std::int64_t envelope_from = WHOSENT_TRY(names_->id_of(stream.envelope_from, last_.envelope_from));
    const std::int64_t dkim = WHOSENT_TRY(names_->id_of(stream.dkim, last_.dkim));
    const std::int64_t spf_domain = WHOSENT_TRY(names_->id_of(stream.spf_domain, last_.spf_domain));
    const std::int64_t spf_scope = WHOSENT_TRY(names_->id_of(stream.spf_scope, last_.spf_scope));
    const std::int64_t spf_result = WHOSENT_TRY(names_->id_of(stream.spf_result, last_.spf_result));
    NewStream added{source.id, source.other, stream.key, header_from, envelope_from, dkim, spf_domain, spf_scope, spf_result,
                    StreamModes{stream.adkim, stream.aspf, stream.alignment}.pack(), 0, 0};
    if (judge_) WHOSENT_CHECK(judge(stream, meeting, next_stream_, added));
    new_streams_.push_back(added);
    const StreamPlace place{next_stream_++, source.id};
    source.other = static_cast<std::uint32_t>(place.stream);
    stream_keys_.add(stream_hash(stream.key, domain), place.stream);
    streams_.insert(key, CachedPlace::of(place.stream, place.source));
    return place;
}

Result<void> Streams::judge(const StreamView& stream, const Meeting& meeting, std::int64_t id, NewStream& added) {
    const FirstJudge::Said said = judge_->say(stream, meeting.domain);
    StreamAttribution attribution;
    attribution.state = said.final ? AttributionState::final : AttributionState::provisional;
    attribution.unsettled = !said.final;
    attribution.revision = 1;
    added.conclusion = WHOSENT_TRY(conclusions_->id_of(said));
    added.attribution = attribution.pack();
    if (said.final) return {};
    // So that the first that readers wait for is one look-up. Where the clock was set back by far, nothing waits for it to catch up.
    constexpr Seconds kSetBack = 60;
    if (meeting.now >= last_since_ || last_since_ - meeting.now > kSetBack) last_since_ = meeting.now;
    new_unsettled_.push_back({id, meeting.sequence, last_since_});
    return {};
}

Result<CachedPlace*> Streams::find_or_add_source(const std::optional<IpAddress>& ip, std::int64_t domain) {
    const CacheKey key = cache_key(ip ? ip->mapped() : std::array<std::uint8_t, 16>{}, ip ? domain : domain | kNoAddress);
    if (CachedPlace* place = sources_.find(key)) return place;
    const std::int64_t hash = source_hash(ip, domain);
    CachedPlace place = WHOSENT_TRY(find_stored_source(hash, domain, ip));
    if (place.id == 0) {
        place.id = static_cast<std::uint32_t>(next_source_++);  // there are no more sources than streams
        new_sources_.push_back({domain, ip});
        source_keys_.add(hash, place.id);
    }
    sources_.insert(key, place);
    return sources_.find(key);
}

// Keyed, because the addresses are chosen by strangers, who could otherwise make them collide.
CacheKey Streams::cache_key(const std::array<std::uint8_t, 16>& bytes, std::int64_t domain) const {
    CacheKey key;
    std::memcpy(&key.low, bytes.data(), 8);
    std::memcpy(&key.high, bytes.data() + 8, 8);
    const auto number = static_cast<std::uint64_t>(domain);
    key.low ^= multiply_and_fold(number ^ hash_seed_[0], hash_seed_[1]);
    key.high ^= multiply_and_fold(number ^ hash_seed_[1], hash_seed_[0] ^ 0x9e3779b97f4a7c15u);
    return key;
}

std::int64_t Streams::source_hash(const std::optional<IpAddress>& ip, std::int64_t domain) const {
    const CacheKey key = cache_key(ip ? ip->mapped() : std::array<std::uint8_t, 16>{}, ip ? domain : domain | kNoAddress);
    const std::uint64_t first = multiply_and_fold(key.low ^ hash_seed_[0], key.high ^ hash_seed_[1]);
    return static_cast<std::int64_t>(multiply_and_fold(first, hash_seed_[1]) ^ first);
}

Result<CachedPlace> Streams::find_stored_source(std::int64_t hash, std::int64_t domain, const std::optional<IpAddress>& ip) {
    Statement& query = *WHOSENT_TRY(database_->statement("SELECT domain, ip, last_stream FROM source WHERE id = ?"));
    const ResetGuard guard(query);
    std::int64_t last_stream = 0;
    const auto matches = [&](std::int64_t id) -> Result<bool> {
        query.bind(id);
        if (!WHOSENT_TRY(query.step())) return false;
        last_stream = query.integer(2);
        return query.integer(0) == domain && same_address(query.bytes(1), ip);
    };
    const std::int64_t id = WHOSENT_TRY(source_keys_.find(hash, matches));
    return id == 0 ? CachedPlace{} : CachedPlace::of(id, last_stream);
}

Result<StreamPlace> Streams::find_stored_stream(const StreamView& stream, std::int64_t domain) {
    Statement& query = *WHOSENT_TRY(
        database_->statement("SELECT s.key, s.source, o.domain FROM stream s JOIN source o ON o.id = s.source WHERE s.id = ?"));
    const ResetGuard guard(query);
    std::int64_t source = 0;
    const auto matches = [&](std::int64_t id) -> Result<bool> {
        query.bind(id);
        if (!WHOSENT_TRY(query.step())) return false;
        source = query.integer(1);
        return query.integer(2) == domain && query.fixed<16>(0) == stream.key;
    };
    const std::int64_t id = WHOSENT_TRY(stream_keys_.find(stream_hash(stream.key, domain), matches));
    return StreamPlace{id, source};
}

Result<void> Streams::flush() {
    const std::int64_t first = next_stream_ - static_cast<std::int64_t>(new_streams_.size());
    const auto value = [&](const ValueOutput& output, std::size_t row, int column) {
        const NewStream& stream = new_streams_[row];
        switch (column) {
        case 0: return output(first + static_cast<std::int64_t>(row));
        case 1: return output(stream.source);
        case 2: return output(stream.previous);
        case 3: return output(blob(stream.key));
        case 4: return output(stream.header_from);
        case 5: return output(stream.envelope_from);
        case 6: return output(stream.dkim);
        case 7: return output(stream.spf_domain);
        case 8: return output(stream.spf_scope);
        case 9: return output(stream.spf_result);
        case 10: return output(stream.modes);
        case 11: return output(stream.conclusion);
        default: return output(stream.attribution);
        }
    };
    WHOSENT_CHECK(run_gathered(*database_, "INSERT OR FAIL INTO stream SELECT c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12 FROM gathered",
                               new_streams_.size(), value));
    new_streams_.clear();
    const auto unsettled = [&](const ValueOutput& output, std::size_t row, int column) {
        const Unsettled& added = new_unsettled_[row];
        output(column == 0 ? added.stream : column == 1 ? added.sequence : added.since);
    };
    WHOSENT_CHECK(run_gathered(*database_, "INSERT OR FAIL INTO unsettled SELECT c0, c1, c2 FROM gathered", new_unsettled_.size(), unsettled));
    new_unsettled_.clear();
    WHOSENT_CHECK(conclusions_->flush());
    WHOSENT_CHECK(stream_keys_.flush());
    WHOSENT_CHECK(source_keys_.flush());
    new_sources_.clear();
    if (streams_.full()) streams_.turn();
    if (sources_.full()) sources_.turn();
    return {};
}

Result<void> Streams::save_marks() {
    WHOSENT_CHECK(database_->run("UPDATE meta SET value = ? WHERE key = 'last_stream'", next_stream_ - 1));
    return database_->run("UPDATE meta SET value = ? WHERE key = 'last_source'", next_source_ - 1);
}

Result<void> Streams::remove_source(std::int64_t source) {
    Statement& source_query = *WHOSENT_TRY(database_->statement("SELECT domain, ip, last_stream FROM source WHERE id = ?"));
    source_query.bind(source);
    if (!WHOSENT_TRY(source_query.step())) return {};
    const std::int64_t domain = source_query.integer(0);
    const auto ip = source_query.is_null(1) ? std::nullopt : IpAddress::from_bytes(source_query.bytes(1));
    std::int64_t stream = source_query.integer(2);
    source_query.reset();
    while (stream != 0) {
        Statement& query = *WHOSENT_TRY(database_->statement("SELECT previous, key, attribution FROM stream WHERE id = ?"));
        query.bind(stream);
        if (!WHOSENT_TRY(query.step())) break;
        const std::int64_t previous = query.integer(0);
        const auto key = query.fixed<16>(1);
        const StreamAttribution attribution = StreamAttribution::unpack(query.integer(2));
        query.reset();
        if (attribution.unsettled) WHOSENT_CHECK(database_->run("DELETE FROM unsettled WHERE stream = ?", stream));
        if (attribution.revised) WHOSENT_CHECK(database_->run("DELETE FROM stream_revision WHERE stream = ?", stream));
        WHOSENT_CHECK(stream_keys_.remove(stream_hash(key, domain), stream));
        WHOSENT_CHECK(database_->run("DELETE FROM stream WHERE id = ?", stream));
        stream = previous;
    }
    WHOSENT_CHECK(source_keys_.remove(source_hash(ip, domain), source));
    return database_->run("DELETE FROM source WHERE id = ?", source);
}

}  // namespace whosent::store::sqlite
