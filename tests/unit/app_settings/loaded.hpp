// Settings as a configuration with this text gives them, and what is wrong with it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "app/settings.hpp"
#include "catch.hpp"
#include "temporary_file.hpp"

struct Loaded {
    whosent::app::Settings settings;
    std::vector<std::string> problems;  // "3: what is wrong"
};

inline Loaded load(const std::string& text) {
    const TemporaryFile file(text);
    whosent::app::Flags flags;
    flags.config = file.path;
    flags.store = "sqlite:/store/whosent.db";
    std::vector<whosent::Error> problems;
    Loaded out;
    out.settings = whosent::app::load_settings(flags, problems);
    for (const whosent::Error& problem : problems) {
        CHECK(problem.code == whosent::ErrorCode::invalid_argument);
        REQUIRE(problem.where.starts_with(file.path + ":"));
        out.problems.push_back(fmt::format("{}: {}", problem.where.substr(file.path.size() + 1), problem.message));
    }
    return out;
}
