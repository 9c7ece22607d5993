// What the tests of every reader do to it: all golden inputs in chunks of any size, bytes changed at random, and a watch on memory.
#pragma once

#include <sys/resource.h>

#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "render.hpp"

namespace whosent::parse {

// The files of that name in the cases under tests/golden/FORMAT.
inline std::vector<std::string> golden_inputs(std::string_view format, std::string_view name) {
    std::vector<std::string> inputs;
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(WHOSENT_SOURCE_DIR) / "tests/golden" / format, missing)) {
        const auto file = entry.path() / name;
        if (std::filesystem::exists(file)) inputs.push_back(read_file(file.string()));
    }
    return inputs;
}

// `render(document, chunk size)`; 0: the document as a whole.
template <class Render>
void require_same_in_chunks(const std::string& document, const std::vector<std::size_t>& sizes, Render&& render) {
    const Rendered whole = render(document, std::size_t{0});
    for (const std::size_t size : sizes) {
        CAPTURE(size, document);
        const Rendered chunked = render(document, size);
        REQUIRE(chunked.json == whole.json);
        REQUIRE(chunked.diagnostics == whole.diagnostics);
    }
}

// As many changes: any byte, one of `odd`, some bytes less, a piece of the text once more.
inline void damage(std::string& text, std::mt19937& random, std::size_t changes, std::string_view odd) {
    for (std::size_t change = 0; change < changes && !text.empty(); ++change) {
        const std::size_t at = random() % text.size();
        switch (random() % 4) {
            case 0: text[at] = static_cast<char>(random()); break;
            case 1: text[at] = odd[random() % odd.size()]; break;
            case 2: text.erase(at, 1 + random() % 3); break;
            default: text.insert(at, text.substr(random() % text.size(), random() % 30)); break;
        }
    }
}

// The most memory that the process ever had.
inline long peak_kib() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}
// How much more a test may take, and how much it is given to read: enough to take minutes if time went with its square.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr long kMostKiB = 600 * 1024;  // the sanitizers keep what was freed
inline constexpr std::size_t kHostileBytes = 3'000'000;  // and take ten times as long
#else
inline constexpr long kMostKiB = 16 * 1024;
inline constexpr std::size_t kHostileBytes = 30'000'000;
#endif

}  // namespace whosent::parse
