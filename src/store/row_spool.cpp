#include "whosent/store/row_spool.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>

namespace whosent::store {
namespace {

// One row: this header, the lengths that its texts need (varint each), then the texts, one after the other.
struct Header {
    Key128 key;
    std::int64_t count;
    std::array<std::uint8_t, 16> ip;
    std::uint8_t ip_bytes;   // 0, 4 or 16
    std::uint8_t modes;      // 1 adkim strict, 2 aspf strict
    std::uint8_t alignment;  // 1 dkim, 2 spf, 4 * judgement
    std::uint8_t present;    // 1 count, 2 disposition, 4 evaluated_dkim, 8 evaluated_spf
    std::uint8_t disposition, evaluated_dkim, evaluated_spf;
};
constexpr std::size_t kTexts = 9;
constexpr std::size_t kFirstBytes = 1024;     // the rows of a usual report: the median has five
constexpr std::size_t kReadBytes = 1u << 20;  // read at a time from the temporary file

using Texts = std::array<std::string_view, kTexts>;

// Spreads every bit of both over the result. Not against somebody who looks for collisions: whoever can forge a report can also send a
// newer revision of it, which counts; a collision would only have his own taken for a duplicate.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd6e8feb86659fd93u);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

void append_varint(std::string& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

// The next varint at `at`; nothing where the bytes end before it does.
std::optional<std::uint64_t> read_varint(const char*& at, const char* end) {
    std::uint64_t value = 0;
    for (int shift = 0; at != end && shift < 64; shift += 7) {
        const auto byte = static_cast<std::uint8_t>(*at++);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

// The row at the beginning of `bytes`, and its size; 0 where more bytes are needed.
std::size_t decode(std::string_view bytes, RowView& row) {
    Header header;
    if (bytes.size() < sizeof header) return 0;
    std::memcpy(&header, bytes.data(), sizeof header);
    const char* at = bytes.data() + sizeof header;
    const char* const end = bytes.data() + bytes.size();
    std::array<std::size_t, kTexts> sizes;
    for (std::size_t& size : sizes) {
        const auto value = read_varint(at, end);
        if (!value) return 0;
        size = *value;
    }
    Texts texts;
    for (std::size_t i = 0; i < kTexts; ++i) {
        if (static_cast<std::size_t>(end - at) < sizes[i]) return 0;
        texts[i] = {at, sizes[i]};
        at += sizes[i];
    }
    StreamView& stream = row.stream;
    stream.key = header.key;
    stream.ip = header.ip_bytes ? IpAddress::from_bytes({header.ip.data(), header.ip_bytes}) : std::nullopt;
    stream.adkim = header.modes & 1 ? AlignmentMode::strict : AlignmentMode::relaxed;
    stream.aspf = header.modes & 2 ? AlignmentMode::strict : AlignmentMode::relaxed;
    stream.alignment = {(header.alignment & 1) != 0, (header.alignment & 2) != 0, static_cast<Judgement>(header.alignment >> 2)};
    row.count = header.present & 1 ? std::optional(header.count) : std::nullopt;
    row.disposition = header.present & 2 ? std::optional(static_cast<Disposition>(header.disposition)) : std::nullopt;
    row.evaluated_dkim = header.present & 4 ? std::optional(static_cast<DmarcResult>(header.evaluated_dkim)) : std::nullopt;
    row.evaluated_spf = header.present & 8 ? std::optional(static_cast<DmarcResult>(header.evaluated_spf)) : std::nullopt;
    std::tie(stream.header_from, stream.envelope_from, stream.dkim, stream.spf_domain, stream.spf_scope, stream.spf_result,
             row.reasons, row.envelope_to, row.detail) = std::tuple_cat(texts);
    return static_cast<std::size_t>(at - bytes.data());
}

Error file_error(const char* what, int system_error) {
    return {ErrorCode::io,
            Stage::store,
            Persistence::retry,
            "temporary file",
            std::string(what) + ": " + std::strerror(system_error),
            ""};
}

// Without a name, so that it is gone when the process ends.
Result<int> open_temporary() {
    const char* configured = ::getenv("TMPDIR");
    int system_error = 0;
    for (const std::string_view folder :
         {std::string_view(configured ? configured : ""), std::string_view("/var/tmp"), std::string_view("/tmp")}) {
        if (folder.empty()) continue;
        std::string name = std::string(folder) + "/whosent-XXXXXX";
        const int file = ::mkostemp(name.data(), O_CLOEXEC);
        if (file < 0) {
            system_error = errno;
            continue;
        }
        ::unlink(name.c_str());
        return file;
    }
    return std::unexpected(file_error("no folder for temporary files", system_error));
}

}  // namespace

struct RowSpool::State {
    std::size_t memory_bytes;
    std::string buffer;  // what is not in the file
    int file = -1;
    std::uint64_t file_bytes = 0;
    std::uint64_t rows = 0;
    // Of a number made of each row, modulo 2^128: the same for any order.
    unsigned __int128 sum = 0;

    explicit State(std::size_t bytes) : memory_bytes(bytes) {}
    ~State() {
        if (file >= 0) ::close(file);
    }

    Result<void> overflow() {
        if (file < 0) file = WHOSENT_TRY(open_temporary());
        std::string_view left = buffer;
        while (!left.empty()) {
            const ssize_t written = ::pwrite(file, left.data(), left.size(), static_cast<off_t>(file_bytes));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return std::unexpected(file_error("it cannot be written", errno));
            file_bytes += static_cast<std::uint64_t>(written);
            left.remove_prefix(static_cast<std::size_t>(written));
        }
        buffer.clear();
        return {};
    }

    static Result<void> each_of(std::string_view& bytes, FunctionRef<Result<void>(const RowView&)> call) {
        RowView row;
        while (const std::size_t size = decode(bytes, row)) {
            WHOSENT_CHECK(call(row));
            bytes.remove_prefix(size);
        }
        return {};
    }
};

RowSpool::RowSpool(std::size_t memory_bytes) : state_(std::make_unique<State>(memory_bytes)) {}
RowSpool::~RowSpool() = default;
RowSpool::RowSpool(RowSpool&&) noexcept = default;
RowSpool& RowSpool::operator=(RowSpool&&) noexcept = default;

Result<void> RowSpool::append(const RowView& row) {
    State& state = *state_;
    const StreamView& stream = row.stream;
    Header header;
    std::memset(&header, 0, sizeof header);  // padding too: these bytes go to a file
    header.key = stream.key;
    header.count = row.count.value_or(0);
    if (stream.ip) {
        const auto bytes = stream.ip->bytes();
        std::memcpy(header.ip.data(), bytes.data(), bytes.size());
        header.ip_bytes = static_cast<std::uint8_t>(bytes.size());
    }
    header.modes = static_cast<std::uint8_t>((stream.adkim == AlignmentMode::strict ? 1 : 0) |
                                             (stream.aspf == AlignmentMode::strict ? 2 : 0));
    header.alignment = static_cast<std::uint8_t>((stream.alignment.dkim ? 1 : 0) | (stream.alignment.spf ? 2 : 0) |
                                                 static_cast<unsigned>(stream.alignment.judgement) << 2);
    header.present = static_cast<std::uint8_t>((row.count ? 1 : 0) | (row.disposition ? 2 : 0) | (row.evaluated_dkim ? 4 : 0) |
                                               (row.evaluated_spf ? 8 : 0));
    if (row.disposition) header.disposition = static_cast<std::uint8_t>(*row.disposition);
    if (row.evaluated_dkim) header.evaluated_dkim = static_cast<std::uint8_t>(*row.evaluated_dkim);
    if (row.evaluated_spf) header.evaluated_spf = static_cast<std::uint8_t>(*row.evaluated_spf);

    if (state.buffer.empty()) state.buffer.reserve(kFirstBytes);
    const Texts texts{stream.header_from, stream.envelope_from, stream.dkim,     stream.spf_domain, stream.spf_scope,
                      stream.spf_result,  row.reasons,          row.envelope_to, row.detail};
    state.buffer.append(reinterpret_cast<const char*>(&header), sizeof header);
    for (const std::string_view text : texts) append_varint(state.buffer, text.size());
    for (const std::string_view text : texts) state.buffer.append(text);

    // What the report says of the row. The stream's texts are in its key, and the alignment follows from the rest.
    std::uint64_t low, high;
    std::memcpy(&low, header.key.data(), sizeof low);
    std::memcpy(&high, header.key.data() + sizeof low, sizeof high);
    const std::uint64_t words = std::uint64_t{header.present} | std::uint64_t{header.disposition} << 8 |
                                std::uint64_t{header.evaluated_dkim} << 16 | std::uint64_t{header.evaluated_spf} << 24;
    low = mix(low, words);
    high = mix(high, static_cast<std::uint64_t>(header.count) ^ low);
    for (const std::string_view text : {row.reasons, row.envelope_to, row.detail}) {
        // an empty text, which nearly all are, has a place too
        const Key128 key = text.empty() ? Key128{} : key128(text);
        std::uint64_t first, second;
        std::memcpy(&first, key.data(), sizeof first);
        std::memcpy(&second, key.data() + sizeof first, sizeof second);
        low = mix(low ^ first, high);
        high = mix(high ^ second, low);
    }
    state.sum += static_cast<unsigned __int128>(high) << 64 | low;
    ++state.rows;
    return state.buffer.size() > state.memory_bytes ? state.overflow() : Result<void>{};
}

std::uint64_t RowSpool::rows() const noexcept { return state_->rows; }
std::size_t RowSpool::memory() const noexcept { return state_->buffer.capacity(); }

Key128 RowSpool::canonical_hash() const noexcept {
    std::string text;
    for (int shift = 0; shift < 128; shift += 8) text.push_back(static_cast<char>(state_->sum >> shift));
    append_varint(text, state_->rows);
    return key128(text);
}

Result<void> RowSpool::for_each(FunctionRef<Result<void>(const RowView&)> row) const {
    const State& state = *state_;
    std::string chunk;
    for (std::uint64_t offset = 0; offset < state.file_bytes;) {
        const std::size_t kept = chunk.size();  // the beginning of a row that goes on
        chunk.resize(kept + static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, state.file_bytes - offset)));
        const ssize_t got = ::pread(state.file, chunk.data() + kept, chunk.size() - kept, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) {
            chunk.resize(kept);
            continue;
        }
        if (got <= 0) return std::unexpected(file_error("it cannot be read", got < 0 ? errno : EIO));
        offset += static_cast<std::uint64_t>(got);
        chunk.resize(kept + static_cast<std::size_t>(got));
        std::string_view left = chunk;
        WHOSENT_CHECK(State::each_of(left, row));
        chunk.erase(0, chunk.size() - left.size());
    }
    std::string_view left = state.buffer;  // rows are written to the file whole, so nothing is left of it here
    return State::each_of(left, row);
}

}  // namespace whosent::store
