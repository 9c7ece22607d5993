// replay PATTERN...: gives every file that a pattern matches to the fuzz target that it is linked with, as libFuzzer would, with any compiler. Fails
// when a pattern matches no file; an input that crashes is named by the last line.
#include <glob.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "fuzz.hpp"

int main(int argc, char** argv) {
    std::size_t inputs = 0;
    std::size_t used = 0;
    for (int i = 1; i < argc; ++i) {
        glob_t found{};
        const bool any = glob(argv[i], 0, nullptr, &found) == 0;
        std::size_t files = 0;
        for (std::size_t j = 0; any && j < found.gl_pathc; ++j) {
            const std::string path = found.gl_pathv[j];
            if (!std::filesystem::is_regular_file(path)) continue;
            std::ifstream file(path, std::ios::binary);
            const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
            // A copy of its very size, so that a read beyond its end is seen; and none where there is nothing.
            const auto copy = std::make_unique<std::uint8_t[]>(bytes.size());
            std::copy(bytes.begin(), bytes.end(), copy.get());
            std::fprintf(stderr, "%s\n", path.c_str());
            if (LLVMFuzzerTestOneInput(copy.get(), bytes.size()) == whosent::fuzz::kUsed) ++used;
            ++files;
        }
        globfree(&found);
        if (files == 0) {
            std::fprintf(stderr, "no file is %s\n", argv[i]);
            return 1;
        }
        inputs += files;
    }
    std::printf("%zu inputs, %zu of them used\n", inputs, used);
    return used > 0 ? 0 : 1;
}
