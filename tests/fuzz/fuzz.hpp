// What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput; it checks what must hold for every input, not only that
// nothing crashes. A check that fails ends the process, as a sanitizer's finding does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "whosent/base/limits.hpp"
#include "whosent/base/result.hpp"
#include "whosent/model/diagnostic.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace whosent::fuzz {

// What a target returns: libFuzzer keeps no rejected input in its corpus.
inline constexpr int kUsed = 0;
inline constexpr int kRejected = -1;

inline void check(bool holds, const char* what, std::string_view shown = {}) {
    if (holds) return;
    std::fprintf(stderr, "CHECK FAILED: %s\n", what);
    std::fwrite(shown.data(), 1, shown.size(), stderr);
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

// A number that the input decides, the same at every run: chunk sizes, limits. FNV-1a.
inline std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 14'695'981'039'346'656'037U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
    return hash ^ hash >> 29;
}

// No local part of an address stands in it: what comes before an @ was masked, or is no part of one.
inline void check_no_person(std::string_view text) {
    constexpr std::string_view kMask = "(local part)";
    for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
        check(text.substr(0, at).ends_with(kMask), "an address of a person in a message", text);
    }
}

inline void check_error(const Error& error) {
    check(!error.message.empty() && error.message.size() < 2000, "an error without a message, or with a long one", error.message);
    check(error.code != ErrorCode::internal && error.code != ErrorCode::io, "an error that is no fault of the input", error.message);
    check_no_person(error.message);
}

inline void check_diagnostics(const std::vector<Diagnostic>& diagnostics, std::uint64_t dropped, const Limits& limits) {
    check(diagnostics.size() <= limits.diagnostics, "more diagnostics than the limit");
    check(dropped == 0 || diagnostics.size() == limits.diagnostics, "diagnostics dropped below the limit");
    for (const Diagnostic& diagnostic : diagnostics) {
        check(!diagnostic.code.empty() && !diagnostic.message.empty() && diagnostic.message.size() < 2000,
              "a diagnostic without code or text, or with a long one", diagnostic.message);
        check_no_person(diagnostic.message);
    }
}

}  // namespace whosent::fuzz
