// The effective configuration: flag before environment before file before default, each value with where it came from.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "whosent/base/limits.hpp"
#include "whosent/base/pseudonym.hpp"
#include "whosent/base/result.hpp"
#include "whosent/base/time.hpp"
#include "whosent/store/store.hpp"

namespace whosent::app {

// For how long something is kept.
struct Retention {
    Seconds age = 0;
    std::string text;  // as it was given: "400d"
};
inline constexpr std::array kDataKinds = {store::DataKind::aggregate, store::DataKind::failure, store::DataKind::feedback, store::DataKind::tls,
                                          store::DataKind::quarantine};

struct Settings {
    std::string store;  // "sqlite:FILE"
    unsigned jobs = 0;  // 0: one a processor, but for the one that commits
    std::uint64_t commit_rows = 400'000;  // a transaction is committed when it has this many rows, or after two seconds
    Limits limits;
    PrivacyMode privacy_mode = PrivacyMode::pseudonymous;
    std::string key_file;  // of the pseudonyms; beside the store where nothing else is said
    std::map<store::DataKind, Retention> retention;  // what is not in it is kept
    bool store_is_default = false;
    // Key as in the file ("store", "limits.rows", "retention.tls") -> "--store", "WHOSENT_STORE", "FILE:LINE"; what is missing here is a default.
    std::map<std::string, std::string, std::less<>> origins;
};

// What was said on the command line; empty: nothing.
struct Flags {
    std::string store, config;
    std::optional<std::uint64_t> jobs;
};

// Errors are of wrong usage (invalid_argument, with file and line) or io.
[[nodiscard]] Result<Settings> load_settings(const Flags& flags);

// The settings as a TOML file that says where each value came from.
[[nodiscard]] std::string to_toml(const Settings& settings);

// A member of Limits by its name in [limits].
struct LimitKey {
    std::string_view name;
    std::uint64_t (*get)(const Limits&);
    void (*set)(Limits&, std::uint64_t);
};
[[nodiscard]] std::span<const LimitKey> limit_keys() noexcept;

inline constexpr std::uint64_t kMostJobs = 256;  // threads; each holds a message of up to limits.message_bytes

}  // namespace whosent::app
