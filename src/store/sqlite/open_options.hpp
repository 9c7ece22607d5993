// What a test may set of a store and a user may not.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "whosent/store/store.hpp"

namespace whosent::store::sqlite {

struct OpenOptions {
    std::string vfs;        // name of a registered sqlite3_vfs; empty: the operating system's
    std::string lock_path;  // empty: the store's path with ".lock"
    // Streams remembered by the writer, in each of two generations of 24 bytes an entry and at most 80 % full: 25 MB each.
    std::size_t cached_streams = 800'000;
    std::size_t cached_sources = 400'000;       // the same: 12 MB each
    std::size_t cached_name_bytes = 8u << 20;  // the same, text and its bookkeeping
    // Places of rollup_month whose totals are gathered before they are written; 64 bytes each.
    std::size_t gathered_totals = 64 * 1024;
    int page_cache_kib = 48 * 1024;
    // The write-ahead log is copied back into the store when it holds this many pages of 8 KiB.
    int checkpoint_pages = 8 * 1024;
    std::size_t purge_rows = 20'000;  // records removed in one transaction
    int max_pages = 0;                // 0: no limit; the store is "full" beyond
};

[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, OpenMode mode, const Clock& clock,
                                                               const OpenOptions& options);

}  // namespace whosent::store::sqlite
