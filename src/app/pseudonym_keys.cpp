#include "app/pseudonym_keys.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "whosent/base/hash.hpp"
#include "whosent/base/text.hpp"

namespace whosent::app {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;  // some 12,000 keys: one a day for thirty years

constexpr std::string_view kHeader =
    "# whosent: the keys of the pseudonyms that stand in the store in the place of people's addresses.\n"
    "# Keep this file secret: with it, whoever guesses an address can tell its pseudonym. Keep it safe, too: without it nothing is lost\n"
    "# but the way from an address to its pseudonym (`whosent pseudonym ADDRESS`), and the same address gets another one from then on.\n"
    "# One line a key: number, key, day of its making. The last one is in use; older ones are kept for what they made.\n";

std::unexpected<Error> io_error(const std::string& path, int system_error, std::string_view what) {
    return std::unexpected(Error{.code = system_error == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                                 .stage = Stage::app,
                                 .persistence = Persistence::retry,
                                 .where = path,
                                 .message = fmt::format("the key file cannot be {}: {}", what, std::strerror(system_error))});
}

std::unexpected<Error> unfit(const std::string& where, std::string message) {
    return std::unexpected(Error{.code = ErrorCode::invalid_argument, .stage = Stage::app, .where = where, .message = std::move(message)});
}

class File {
public:
    explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
    File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    [[nodiscard]] int get() const noexcept { return descriptor_; }
    [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }

private:
    int descriptor_;
};

struct Content {
    File file;
    struct stat state{};
    std::string text;
};

Result<Content> read(const std::string& path) {
    // O_NONBLOCK: a FIFO in its place is told, not waited for
    Content content{File(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), {}, {}};
    if (!content.file || ::fstat(content.file.get(), &content.state) != 0) return io_error(path, errno, "read");
    if (!S_ISREG(content.state.st_mode)) return unfit(path, "the key file is not a regular file");
    if ((content.state.st_mode & 077) != 0) {
        return unfit(path, fmt::format("others than its owner may read or write the key file (mode {:03o}): `chmod 600` it, and add a new key with "
                                       "`whosent pseudonym --rotate` if somebody did",
                                       content.state.st_mode & 0777U));
    }
    char buffer[16384];
    while (true) {
        const ssize_t size = ::read(content.file.get(), buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return io_error(path, errno, "read");
        if (size == 0) return content;
        content.text.append(buffer, static_cast<std::size_t>(size));
        if (content.text.size() > kMostBytes) return unfit(path, fmt::format("the key file is larger than {} bytes", kMostBytes));
    }
}

std::string_view next_word(std::string_view& line) {
    line = trim(line);
    std::size_t end = 0;
    while (end < line.size() && !is_space(line[end])) ++end;
    const std::string_view word = line.substr(0, end);
    line = trim(line.substr(end));
    return word;
}

// The message never holds the line: it may be a key.
Result<Pseudonyms::NumberedKey> read_line(const std::string& where, std::string_view line) {
    Pseudonyms::NumberedKey key;
    const std::string_view number = next_word(line), hex = next_word(line), created = next_word(line);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), key.number);
    if (error != std::errc{} || end != number.data() + number.size()) return unfit(where, "the line does not begin with the number of a key");
    if (hex.size() != 2 * key.key.size()) return unfit(where, fmt::format("a key has {} hexadecimal digits, not {}", 2 * key.key.size(), hex.size()));
    for (std::size_t i = 0; i < key.key.size(); ++i) {
        const char* const digits = hex.data() + 2 * i;
        if (std::from_chars(digits, digits + 2, key.key[i], 16).ptr != digits + 2) return unfit(where, "the key is not hexadecimal");
    }
    if (!parse_iso_time(created)) return unfit(where, "the day after the key cannot be read (2026-11-21)");
    if (!line.empty()) return unfit(where, "there is more on the line than number, key and day");
    return key;
}

Result<PseudonymKeys> parse(const std::string& path, std::string_view text) {
    PseudonymKeys keys;
    if (!text.empty() && text.back() != '\n') return unfit(path, "the last line of the key file is not complete");
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        const std::string_view line = trim(text.substr(0, end));
        text.remove_prefix(end + 1);
        if (line.empty() || line.front() == '#') continue;
        const std::string where = fmt::format("{}:{}", path, number);
        keys.push_back(WHOSENT_TRY(read_line(where, line)));
        if (keys.size() > 1 && keys.back().number <= keys[keys.size() - 2].number) return unfit(where, "the numbers of the keys do not increase");
    }
    if (keys.empty()) return unfit(path, "there is no key in the key file; remove it to begin with a new one");
    return keys;
}

std::string new_line(std::uint32_t number, const Clock& clock) {
    std::string key;
    for (std::size_t i = 0; i < sizeof(Pseudonyms::Key) / sizeof(std::uint64_t); ++i) key += fmt::format("{:016x}", random_u64());
    return fmt::format("{} {} {}\n", number, key, format_day(day_of(clock.now())));
}

Result<void> sync_folder(const std::string& path) {
    std::filesystem::path folder = std::filesystem::path(path).parent_path();
    if (folder.empty()) folder = ".";
    const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!file || ::fsync(file.get()) != 0) return io_error(path, errno, "made durable");
    return {};
}

// A complete, synced file beside `path`, for its owner alone; `place` puts it there and returns 0 or errno.
Result<int> put(const std::string& path, std::string_view text, int (*place)(const char* from, const char* to)) {
    const std::string beside = fmt::format("{}.{:016x}", path, random_u64());
    const File file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) return io_error(path, errno, "made");
    int error = 0;
    while (!text.empty() && error == 0) {
        const ssize_t written = ::write(file.get(), text.data(), text.size());
        if (written >= 0) text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR) error = errno;
    }
    if (error == 0 && ::fsync(file.get()) != 0) error = errno;
    if (error != 0) {
        ::unlink(beside.c_str());
        return io_error(path, error, "written");
    }
    const int placed = place(beside.c_str(), path.c_str());
    ::unlink(beside.c_str());  // after a link, or in vain
    if (placed == 0) WHOSENT_CHECK(sync_folder(path));
    return placed;
}

// False: there is one already.
Result<bool> create(const std::string& path, const Clock& clock) {
    // link, unlike rename, does not replace a file that another process has put there meanwhile
    const int error = WHOSENT_TRY(put(path, std::string(kHeader) + new_line(1, clock),
                                      [](const char* from, const char* to) { return ::link(from, to) == 0 ? 0 : errno; }));
    if (error != 0 && error != EEXIST) return io_error(path, error, "made");
    return error == 0;
}

}  // namespace

Result<PseudonymKeys> load_keys(const std::string& path) {
    const Content content = WHOSENT_TRY(read(path));
    return parse(path, content.text);
}

Result<PseudonymKeys> load_or_create_keys(const std::string& path, const Clock& clock) {
    auto keys = load_keys(path);
    if (keys || keys.error().code != ErrorCode::not_found) return keys;
    (void)WHOSENT_TRY(create(path, clock));
    // Another process may have made it and not be done with the folder
    WHOSENT_CHECK(sync_folder(path));
    return load_keys(path);
}

Result<std::uint32_t> rotate_keys(const std::string& path, const Clock& clock) {
    while (true) {
        Result<Content> content = read(path);
        if (!content && content.error().code == ErrorCode::not_found) {
            if (WHOSENT_TRY(create(path, clock))) return 1;
            continue;
        }
        if (!content) return std::unexpected(std::move(content).error());
        // One at a time; what was locked may have been replaced while we waited for it
        if (::flock(content->file.get(), LOCK_EX) != 0) return io_error(path, errno, "locked");
        struct stat now{};
        if (::stat(path.c_str(), &now) != 0) return io_error(path, errno, "read");
        if (now.st_ino != content->state.st_ino || now.st_dev != content->state.st_dev) continue;
        const PseudonymKeys keys = WHOSENT_TRY(parse(path, content->text));
        if (keys.back().number == UINT32_MAX) return unfit(path, "the number of the last key is the largest there can be");
        const std::uint32_t number = keys.back().number + 1;
        // Through a link to the file that it names: that one is replaced
        std::error_code error;
        const std::string target = std::filesystem::canonical(path, error).string();
        if (error) return io_error(path, error.value(), "read");
        const int failed = WHOSENT_TRY(put(target, content->text + new_line(number, clock),
                                           [](const char* from, const char* to) { return ::rename(from, to) == 0 ? 0 : errno; }));
        if (failed != 0) return io_error(path, failed, "replaced");
        return number;
    }
}

Result<Pseudonyms> open_pseudonyms(const Settings& settings, const Clock& clock) {
    PseudonymKeys keys;
    if (settings.privacy_mode == PrivacyMode::pseudonymous) keys = WHOSENT_TRY(load_or_create_keys(settings.key_file, clock));
    return Pseudonyms::create(settings.privacy_mode, std::move(keys));
}

}  // namespace whosent::app
