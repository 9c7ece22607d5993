#include "collect/files/mbox.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::collect;

namespace {

struct TemporaryFile {
    std::string path;
    explicit TemporaryFile(const std::string& content) {
        path = (std::filesystem::temp_directory_path() / "whosent-mbox-XXXXXX").string();
        const int descriptor = ::mkstemp(path.data());
        REQUIRE(descriptor >= 0);
        std::ofstream(path, std::ios::binary) << content;
        ::close(descriptor);
    }
    ~TemporaryFile() { std::filesystem::remove(path); }
};

std::vector<std::string> split(const std::string& content, std::size_t most = SIZE_MAX) {
    const TemporaryFile file(content);
    const auto open = OpenFile::open(file.path);
    REQUIRE(open);
    std::vector<std::string> messages;
    const auto result = for_each_mbox_message(**open, [&](std::uint64_t offset, std::uint64_t size) -> Result<bool> {
        messages.push_back(content.substr(offset, size));
        return messages.size() < most;
    });
    REQUIRE(result);
    return messages;
}

const std::string kFrom = "From reporter@example.net Thu Nov 19 08:00:00 2026\n";

}  // namespace

TEST_CASE("an mbox is taken apart at its separators only") {
    SECTION("nothing") { CHECK(split("").empty()); }
    SECTION("a separator and nothing else") { CHECK(split(kFrom).empty()); }
    SECTION("one message") { CHECK(split(kFrom + "A: b\n\nbody\n") == std::vector<std::string>{"A: b\n\nbody\n"}); }
    SECTION("two, CRLF and LF") {
        CHECK(split(kFrom + "A: b\r\n\r\nbody\r\n\r\n" + kFrom + "C: d\n\nbody2\n") == std::vector<std::string>{"A: b\r\n\r\nbody\r\n\r\n", "C: d\n\nbody2\n"});
    }
    SECTION("a line From in the text is text") {
        const std::string message = "A: b\n\nFrom here on it rains\nbody\n\nFrom then on, too\n";
        CHECK(split(kFrom + message) == std::vector<std::string>{message});
    }
    SECTION("a separator without an empty line before it is text") {
        const std::string message = "A: b\n\nbody\n" + kFrom + "more\n";
        CHECK(split(kFrom + message) == std::vector<std::string>{message});
    }
    SECTION("no newline at the end") { CHECK(split(kFrom + "A: b\n\nbody") == std::vector<std::string>{"A: b\n\nbody"}); }
    SECTION("a first line that is no separator belongs to the message") { CHECK(split("From me\nA: b\n\nx\n") == std::vector<std::string>{"From me\nA: b\n\nx\n"}); }
    SECTION("it ends when told so") { CHECK(split(kFrom + "A: b\n\nbody\n\n" + kFrom + "C: d\n\nbody2\n\n" + kFrom + "E: f\n", 2).size() == 2); }
    SECTION("messages larger than a block") {
        const std::string big = "A: b\n\n" + std::string(700'000, 'x') + "\n\n";
        CHECK(split(kFrom + big + kFrom + big) == std::vector<std::string>{big, big});
    }
}

TEST_CASE("what cannot be opened says so with its name") {
    const auto missing = OpenFile::open("does/not/exist");
    REQUIRE_FALSE(missing);
    CHECK(to_string(missing.error()) == "does/not/exist: cannot be opened: No such file or directory");
    CHECK_FALSE(OpenFile::open("/"));
}
