#include "submit.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "mbox.hpp"
#include "whosent/parse/authenticity.hpp"

namespace whosent::collect {
namespace {

// A smaller file is read, a larger one mapped: mapping costs page faults, reading costs a copy.
constexpr std::size_t kMapFrom = 4 * kMiB;

Provenance provenance_of(const FileSource& source, const std::string& path, std::string remote_key) {
    Provenance provenance;
    provenance.collector = source.collector;
    provenance.remote_key = std::move(remote_key);
    provenance.name = std::filesystem::path(path).filename().string();
    provenance.received_at = source.received_at;
    return provenance;
}

Result<RawMessage> read_range(const OpenFile& file, std::uint64_t offset, std::size_t size) {
    auto bytes = std::make_shared<std::string>();
    bytes->resize(size);
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got = ::pread(file.descriptor(), bytes->data() + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(file.error("cannot be read", errno));
        if (got == 0) break;  // shorter than a moment ago: what is there is taken
        done += static_cast<std::size_t>(got);
    }
    bytes->resize(done);
    return RawMessage{bytes, *bytes, {}, {}};
}

Result<RawMessage> map_whole(const OpenFile& file, std::size_t size) {
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (address == MAP_FAILED) return std::unexpected(file.error("cannot be mapped", errno));
    ::madvise(address, size, MADV_SEQUENTIAL);
    std::shared_ptr<const void> owner(address, [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); });
    const auto done_with = [](std::string_view bytes) {
        static const std::uintptr_t page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data()) / page * page;
        const auto end = reinterpret_cast<std::uintptr_t>(bytes.data() + bytes.size()) / page * page;
        if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    };
    return RawMessage{std::move(owner), {static_cast<const char*>(address), size}, done_with, {}};
}

Result<RawMessage> with_provenance(Result<RawMessage> message, const FileSource& source, Provenance provenance) {
    if (!message) return message;
    message->provenance = std::move(provenance);
    if (source.trusted_authserv_ids) message->provenance.authenticity = parse::authenticity_of(message->bytes, *source.trusted_authserv_ids);
    return message;
}

}  // namespace

Result<bool> is_mbox(const OpenFile& file) {
    std::array<char, 5> head{};
    if (file.size() < head.size()) return false;
    const ssize_t got = ::pread(file.descriptor(), head.data(), head.size(), 0);
    if (got < 0) return std::unexpected(file.error("cannot be read", errno));
    return std::string_view(head.data(), static_cast<std::size_t>(got)) == "From ";
}

Result<void> submit_open_file(const std::shared_ptr<const OpenFile>& file, const std::string& path, const FileSource& source, const Limits& limits,
                              pipeline::Intake& intake, FunctionRef<bool()> go_on, const pipeline::Done& done) {
    // one byte over the limit is enough for the limit's error
    const std::uint64_t most = limits.message_bytes + 1;
    if (source.is_mailbox && WHOSENT_TRY(is_mbox(*file)))
        return for_each_mbox_message(*file, [&](std::uint64_t offset, std::uint64_t size) -> Result<bool> {
            const auto fetch = [file, offset, size = std::min(size, most), path, source] {
                return with_provenance(read_range(*file, offset, size), source, provenance_of(source, path, fmt::format("{}#{}", path, offset)));
            };
            WHOSENT_CHECK(intake.submit({.fetch = fetch, .done = done, .prompt = source.prompt}));
            return go_on();
        });
    const auto fetch = [file, most, path, source] {
        const std::size_t size = file->size();
        const bool mapped = source.may_be_mapped && size >= kMapFrom;
        return with_provenance(mapped ? map_whole(*file, size) : read_range(*file, 0, source.may_be_mapped ? size : std::min<std::uint64_t>(size, most)), source,
                               provenance_of(source, path, path));
    };
    return intake.submit({.fetch = fetch, .done = done, .prompt = source.prompt});
}

}  // namespace whosent::collect
