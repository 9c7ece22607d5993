#include "unpack/archive.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <memory>

namespace whosent::unpack {
namespace {

using namespace std::string_view_literals;

// APPNOTE 4.3.7, 4.3.12, 4.3.14, 4.3.16
constexpr auto kLocalHeader = "PK\3\4"sv;
constexpr auto kDirectoryEntry = "PK\1\2"sv;
constexpr auto kDescriptor = "PK\7\10"sv;
constexpr auto kZip64End = "PK\6\6"sv;
constexpr std::size_t kLocalHeaderBytes = 30;

Error unpack_error(ErrorCode code, std::string message, std::string detail = {}) {
    return {.code = code, .stage = Stage::unpack, .message = std::move(message), .detail = std::move(detail)};
}

Error too_many(const Limits& limits) {
    return unpack_error(ErrorCode::limit,
                        fmt::format("archive with more members than the limit archive_members of {}", limits.archive_members));
}

struct CloseArchive {
    void operator()(zip_t* archive) const noexcept { zip_discard(archive); }
};
struct CloseFile {
    void operator()(zip_file_t* file) const noexcept { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;

bool is_folder(std::string_view name) noexcept { return name.ends_with('/') || name.starts_with("__MACOSX/"sv); }

// Entries of the directory at the end, counted up to `most`. libzip allocates by their claimed number before it looks at them.
std::size_t count_entries(std::string_view zip, std::size_t most) noexcept {
    std::size_t count = 0;
    for (auto at = zip.find(kDirectoryEntry); at != std::string_view::npos && count <= most;
         at = zip.find(kDirectoryEntry, at + 4))
        ++count;
    return count;
}

Archive open_archive(std::string_view zip) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* const source = zip_source_buffer_create(zip.data(), zip.size(), 0, &error);
    Archive archive(source != nullptr ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr);
    if (archive == nullptr && source != nullptr) zip_source_free(source);
    zip_error_fini(&error);
    return archive;
}

// The compressed bytes of one member, copied out by libzip; never more than the archive holds.
std::optional<Error> fetch(zip_t* archive, zip_uint64_t index, const zip_stat_t& stat, std::size_t zip_bytes, BufferPool& pool,
                           Lease& buffer, Member& member) {
    if (stat.comp_size > zip_bytes)
        return unpack_error(ErrorCode::corrupt, "archive member claims more bytes than the archive has");
    const std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen_index(archive, index, ZIP_FL_COMPRESSED));
    if (file == nullptr) return unpack_error(ErrorCode::corrupt, "archive member cannot be opened", zip_strerror(archive));
    buffer = Lease(pool, static_cast<std::size_t>(stat.comp_size) + 1);
    const auto got = zip_fread(file.get(), buffer.data(), stat.comp_size);
    if (got < 0) return unpack_error(ErrorCode::corrupt, "archive member cannot be read", zip_file_strerror(file.get()));
    member.bytes = {buffer.data(), static_cast<std::size_t>(got)};
    return std::nullopt;
}

// Nothing when libzip refuses the archive, or its first member.
std::optional<Walk> walk_directory(std::string_view zip, const Limits& limits, BufferPool& pool,
                                   FunctionRef<void(const Member&)> visit) {
    const Archive archive = open_archive(zip);
    if (archive == nullptr) return std::nullopt;
    Walk walk;
    const auto entries = static_cast<zip_uint64_t>(std::max<zip_int64_t>(zip_get_num_entries(archive.get(), 0), 0));
    for (zip_uint64_t index = 0; index < entries; ++index) {
        zip_stat_t stat;
        zip_stat_init(&stat);
        if (zip_stat_index(archive.get(), index, ZIP_FL_ENC_RAW, &stat) != 0 || (stat.valid & ZIP_STAT_COMP_SIZE) == 0)
            return walk.members == 0 ? std::nullopt : std::optional(walk);
        Member member;
        if ((stat.valid & ZIP_STAT_NAME) != 0) member.name = stat.name;
        if (is_folder(member.name)) continue;
        if (walk.members == limits.archive_members) {
            walk.error = too_many(limits);
            return walk;
        }
        if ((stat.valid & ZIP_STAT_COMP_METHOD) != 0) member.method = stat.comp_method;
        if ((stat.valid & ZIP_STAT_SIZE) != 0) member.size = stat.size;
        if ((stat.valid & ZIP_STAT_CRC) != 0) member.crc = stat.crc;
        member.encrypted = (stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE;
        Lease buffer;
        if (!member.encrypted) member.error = fetch(archive.get(), index, stat, zip.size(), pool, buffer, member);
        if (member.error && walk.members == 0) return std::nullopt;
        ++walk.members;
        visit(member);
    }
    return walk;
}

std::uint32_t little(std::string_view bytes, std::size_t at, std::size_t count) noexcept {
    std::uint32_t value = 0;
    while (count-- != 0) value = value << 8 | static_cast<unsigned char>(bytes[at + count]);
    return value;
}

// Where the bytes of a stored member of unknown size end: at the next signature of anything.
std::size_t stored_end(std::string_view zip, std::size_t from) noexcept {
    return std::min({zip.find(kDescriptor, from), zip.find(kDirectoryEntry, from), zip.find(kLocalHeader, from), zip.size()});
}

Walk walk_local_headers(std::string_view zip, const Limits& limits, FunctionRef<void(const Member&)> visit) {
    constexpr std::uint32_t kEncryptedFlag = 1, kDescriptorFlag = 8, kUnknown = 0xffff'ffff;
    Walk walk;
    for (auto at = zip.find(kLocalHeader); at != std::string_view::npos;) {
        Member member;
        const auto header = zip.substr(at);
        if (header.size() < kLocalHeaderBytes) break;
        const std::uint32_t flags = little(header, 6, 2);
        const std::size_t data = at + kLocalHeaderBytes + little(header, 26, 2) + little(header, 28, 2);
        member.method = static_cast<std::uint16_t>(little(header, 8, 2));
        member.encrypted = (flags & kEncryptedFlag) != 0;
        member.name = header.substr(kLocalHeaderBytes, little(header, 26, 2));
        if (data >= zip.size()) {
            member.error = unpack_error(ErrorCode::truncated, "archive ends within the header of a member");
        } else {
            const std::uint32_t packed = little(header, 18, 4);
            const std::uint32_t size = little(header, 22, 4);
            const bool known =
                (flags & kDescriptorFlag) == 0 && packed != kUnknown && size != kUnknown && (packed != 0 || size == 0);
            const std::size_t end = known ? (packed <= zip.size() - data ? data + packed : zip.size())
                                    : member.method == Member::kStored ? stored_end(zip, data)
                                                                       : zip.size();
            member.bytes = zip.substr(data, end - data);
            if (known) {
                member.size = size;
                member.crc = little(header, 14, 4);
            }
            if (member.method == Member::kStored && known && packed > zip.size() - data)
                member.error = unpack_error(ErrorCode::truncated, "archive ends within a member");
            at = known && packed <= zip.size() - data ? end : data;
        }
        if (!is_folder(member.name)) {
            if (walk.members == limits.archive_members) {
                walk.error = too_many(limits);
                return walk;
            }
            ++walk.members;
            visit(member);
        }
        if (data >= zip.size()) break;
        at = zip.find(kLocalHeader, at);
    }
    return walk;
}

}  // namespace

Walk walk_zip(std::string_view zip, const Limits& limits, BufferPool& pool, FunctionRef<void(const Member&)> visit) {
    // An empty archive is its end record only (APPNOTE 4.3.1).
    if (zip.starts_with("PK\5\6"sv) && zip.find(kLocalHeader) == std::string_view::npos) return {};
    const bool trusted =
        count_entries(zip, limits.archive_members) <= limits.archive_members && zip.find(kZip64End) == std::string_view::npos;
    if (trusted) {
        if (auto walk = walk_directory(zip, limits, pool, visit)) return *walk;
    }
    Walk walk = walk_local_headers(zip, limits, visit);
    walk.salvaged = trusted && walk.members != 0;
    if (walk.members == 0 && !walk.error) walk.error = unpack_error(ErrorCode::corrupt, "archive without any readable member");
    return walk;
}

}  // namespace whosent::unpack
