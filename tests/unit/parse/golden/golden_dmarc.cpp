// golden_dmarc [--update] [FOLDER]: reads FOLDER/<case>/input for every case and compares with expected.json and diagnostics.txt, or
// writes them. repairs.txt names what the case needs mended: with any of these switched off, the outcome must differ. Fails when there
// is no case, and when a repair that the reader knows is needed by no case.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "../render.hpp"

using namespace whosent::parse;
namespace fs = std::filesystem;

namespace {

int failures = 0;

void fail(const std::string& message) {
    ++failures;
    fmt::print("FAILED {}\n", message);
}

void compare(const std::string& what, const std::string& expected, const std::string& found) {
    if (expected == found) return;
    fail(fmt::format("{} differs\n--- expected\n{}+++ found\n{}", what, expected, found));
}

bool repair_named(const std::string& name, Repair& repair) {
    for (std::size_t i = 0; i < kRepairs; ++i) {
        repair = static_cast<Repair>(i);
        if (name_of(repair) == name) return true;
    }
    return false;
}

void check(const fs::path& folder, bool update, std::set<Repair>& needed) {
    const std::string name = folder.filename().string();
    const std::string input = read_file(folder / "input");
    const Rendered rendered = render(input);
    if (update) {
        std::ofstream(folder / "expected.json", std::ios::binary) << rendered.json;
        std::ofstream(folder / "diagnostics.txt", std::ios::binary) << rendered.diagnostics;
    } else {
        compare(name + "/expected.json", read_file(folder / "expected.json"), rendered.json);
        compare(name + "/diagnostics.txt", read_file(folder / "diagnostics.txt"), rendered.diagnostics);
    }
    std::istringstream repairs(read_file(folder / "repairs.txt"));
    std::set<Repair> named;
    for (std::string line; std::getline(repairs, line);) {
        Repair repair{};
        if (!repair_named(line, repair)) {
            fail(fmt::format("{}/repairs.txt names no repair: {}", name, line));
            continue;
        }
        named.insert(repair);
        needed.insert(repair);
    }
    for (std::size_t i = 0; i < kRepairs; ++i) {
        const auto repair = static_cast<Repair>(i);
        const Rendered without = render(input, {repair});
        const bool differs = without.json != rendered.json;
        if (named.contains(repair) && !differs) fail(fmt::format("{} does not need the repair {}", name, name_of(repair)));
        if (!named.contains(repair) && differs) fail(fmt::format("{} needs the repair {}, too", name, name_of(repair)));
    }
}

}  // namespace

int main(int argc, char** argv) {
    bool update = false;
    fs::path root = fs::path(WHOSENT_SOURCE_DIR) / "tests/golden/dmarc";
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--update") {
            update = true;
        } else if (argument.starts_with("-")) {
            fmt::print(stderr, "usage: golden_dmarc [--update] [FOLDER]\n");
            return 2;
        } else {
            root = argument;
        }
    }
    std::vector<fs::path> folders;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(root, missing)) {
        if (fs::exists(entry.path() / "input")) folders.push_back(entry.path());
    }
    std::ranges::sort(folders);
    if (folders.empty()) fail("no case in " + root.string());
    std::set<Repair> needed;
    for (const fs::path& folder : folders) check(folder, update, needed);
    for (std::size_t i = 0; i < kRepairs; ++i) {
        const auto repair = static_cast<Repair>(i);
        if (!needed.contains(repair)) fail(fmt::format("no case needs the repair {}", name_of(repair)));
    }
    fmt::print("{} cases, {} failures\n", folders.size(), failures);
    return failures == 0 ? 0 : 1;
}
