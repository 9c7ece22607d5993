// A disk in memory behind SQLite's file interface, that remembers what was written and what was synced, so that a loss of power can
// be played: after it, what was synced is there, and of the rest any part may be, whole or torn. One thread, any number of disks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace whosent::store::test {

class MemoryDisk {
public:
    static constexpr const char* kVfs = "whosent-test-disk";

    // Makes this disk the one that files are opened on. Registers the interface once.
    void mount();

    // ---- the log ----
    enum class Kind { write, truncate, sync, create, remove };
    struct Operation {
        Kind kind;
        std::string file;
        std::int64_t offset = 0;  // a truncation: the size; a removal: 1 where the folder was synced
        std::string bytes;
    };
    std::vector<Operation> log;

    // What is on the disk when the power goes after the first `operations` of the log. `keep` decides of each operation that was not
    // synced whether it reached the disk, and how many of its 512-byte sectors did (all for anything but a write).
    struct Survival {
        bool applied = false;
        std::size_t sectors = SIZE_MAX;
    };
    std::unique_ptr<MemoryDisk> after_loss(std::size_t operations, const std::function<Survival(const Operation&)>& keep) const;

    // ---- faults ----
    // Count down with each write or sync; at 0 they fail until it is set again. -1: never.
    std::int64_t writes_until_full = -1;
    std::int64_t syncs_until_failure = -1;

    struct File {
        std::string bytes;
        int opened = 0;
        // locks of the main file, and the shared memory of the write-ahead log with its locks
        int shared = 0;
        const void* reserved = nullptr;
        const void* exclusive = nullptr;
        std::vector<std::unique_ptr<char[]>> memory;
        int memory_shared[8] = {};
        const void* memory_exclusive[8] = {};
    };
    std::map<std::string, std::shared_ptr<File>> files;
};

}  // namespace whosent::store::test
