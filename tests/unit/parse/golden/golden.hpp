// The golden cases of one reader: FOLDER/<case>/INPUT, expected.json, diagnostics.txt, and repairs.txt, which names what the case needs mended:
// with any of these switched off, the outcome must differ. Fails when there is no case, and when a repair that the reader knows is needed by
// no case.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "../render.hpp"
#include "whosent/base/function_ref.hpp"

namespace whosent::parse::golden {

namespace fs = std::filesystem;

// Repair: the reader's enum of `count` repairs, with name_of(); Set: its set of those that are switched off.
template <class Repair, class Set>
class Cases {
public:
    using Render = FunctionRef<Rendered(const std::string& input, const Set& switched_off)>;

    Cases(std::string_view input_name, std::size_t count, Render render) : input_name_(input_name), count_(count), render_(render) {}

    // The exit status. `default_root` is where the cases stand, under the source folder.
    int run(int argc, char** argv, std::string_view default_root) {
        bool update = false;
        fs::path root = fs::path(WHOSENT_SOURCE_DIR) / default_root;
        for (int i = 1; i < argc; ++i) {
            const std::string argument = argv[i];
            if (argument == "--update") {
                update = true;
            } else if (argument.starts_with("-")) {
                fmt::print(stderr, "usage: {} [--update] [FOLDER]\n", fs::path(argv[0]).filename().string());
                return 2;
            } else {
                root = argument;
            }
        }
        std::vector<fs::path> folders;
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(root, none)) {
            if (fs::exists(entry.path() / input_name_)) folders.push_back(entry.path());
        }
        std::ranges::sort(folders);
        if (folders.empty()) fail("no case in " + root.string());
        for (const fs::path& folder : folders) check(folder, update);
        for (std::size_t i = 0; i < count_; ++i) {
            const auto repair = static_cast<Repair>(i);
            if (!needed_.contains(repair)) fail(fmt::format("no case needs the repair {}", name_of(repair)));
        }
        fmt::print("{} cases, {} failures\n", folders.size(), failures_);
        return failures_ == 0 ? 0 : 1;
    }

private:
    void fail(const std::string& message) {
        ++failures_;
        fmt::print("FAILED {}\n", message);
    }

    void compare(const std::string& what, const std::string& expected, const std::string& found) {
        if (expected == found) return;
        fail(fmt::format("{} differs\n--- expected\n{}+++ found\n{}", what, expected, found));
    }

    bool repair_named(const std::string& name, Repair& repair) const {
        for (std::size_t i = 0; i < count_; ++i) {
            repair = static_cast<Repair>(i);
            if (name_of(repair) == name) return true;
        }
        return false;
    }

    void check(const fs::path& folder, bool update) {
        const std::string name = folder.filename().string();
        const std::string input = read_file((folder / input_name_).string());
        const Rendered rendered = render_(input, {});
        if (update) {
            std::ofstream(folder / "expected.json", std::ios::binary) << rendered.json;
            std::ofstream(folder / "diagnostics.txt", std::ios::binary) << rendered.diagnostics;
        } else {
            compare(name + "/expected.json", read_file((folder / "expected.json").string()), rendered.json);
            compare(name + "/diagnostics.txt", read_file((folder / "diagnostics.txt").string()), rendered.diagnostics);
        }
        std::istringstream repairs(read_file((folder / "repairs.txt").string()));
        std::set<Repair> named;
        for (std::string line; std::getline(repairs, line);) {
            Repair repair{};
            if (!repair_named(line, repair)) {
                fail(fmt::format("{}/repairs.txt names no repair: {}", name, line));
                continue;
            }
            named.insert(repair);
            needed_.insert(repair);
        }
        for (std::size_t i = 0; i < count_; ++i) {
            const auto repair = static_cast<Repair>(i);
            const bool differs = render_(input, {repair}).json != rendered.json;
            if (named.contains(repair) && !differs) fail(fmt::format("{} does not need the repair {}", name, name_of(repair)));
            if (!named.contains(repair) && differs) fail(fmt::format("{} needs the repair {}, too", name, name_of(repair)));
        }
    }

    std::string input_name_;
    std::size_t count_;
    Render render_;
    std::set<Repair> needed_;
    int failures_ = 0;
};

}  // namespace whosent::parse::golden
