// WHOSENT_TRY for coroutines: a statement expression cannot hold co_await, so these are statements.
#pragma once

#include "whosent/base/result.hpp"

// WHOSENT_CO_TRY(line, co_await read_line()); declares `line`.
#define WHOSENT_CO_TRY(name, expression)                                      \
    auto name##_result = (expression);                                        \
    if (!name##_result) co_return std::unexpected(std::move(name##_result).error()); \
    auto name = *std::move(name##_result)
#define WHOSENT_CO_CHECK(expression)                                                \
    do {                                                                            \
        auto whosent_checked = (expression);                                        \
        if (!whosent_checked) co_return std::unexpected(std::move(whosent_checked).error()); \
    } while (false)
