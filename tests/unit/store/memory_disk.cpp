#include "memory_disk.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace whosent::store::test {
namespace {

MemoryDisk* mounted = nullptr;

// What SQLite holds of an open file. It gives the memory; `state` lives from open to close.
struct OpenFile {
    sqlite3_file base;
    struct State {
        MemoryDisk* disk;
        std::string name;  // empty: temporary, not on the disk
        std::shared_ptr<MemoryDisk::File> file;
        int lock = SQLITE_LOCK_NONE;
        bool memory_shared[8] = {};
    }* state;
};
OpenFile::State& state_of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file)->state; }

void release_lock(OpenFile::State& state, int level) {
    MemoryDisk::File& file = *state.file;
    if (level < SQLITE_LOCK_EXCLUSIVE && file.exclusive == &state) file.exclusive = nullptr;
    if (level < SQLITE_LOCK_RESERVED && file.reserved == &state) file.reserved = nullptr;
    if (level < SQLITE_LOCK_SHARED && state.lock >= SQLITE_LOCK_SHARED) --file.shared;
    state.lock = std::min(state.lock, level);
}

int close_file(sqlite3_file* handle) {
    OpenFile::State* state = &state_of(handle);
    release_lock(*state, SQLITE_LOCK_NONE);
    --state->file->opened;
    delete state;
    return SQLITE_OK;
}

int read_file(sqlite3_file* handle, void* out, int amount, sqlite3_int64 offset) {
    const std::string& bytes = state_of(handle).file->bytes;
    const auto size = static_cast<sqlite3_int64>(bytes.size());
    const auto available = std::clamp<sqlite3_int64>(size - offset, 0, amount);
    if (available > 0) std::memcpy(out, bytes.data() + offset, static_cast<std::size_t>(available));
    if (available == amount) return SQLITE_OK;
    std::memset(static_cast<char*>(out) + available, 0, static_cast<std::size_t>(amount - available));
    return SQLITE_IOERR_SHORT_READ;
}

void write_bytes(std::string& bytes, std::string_view data, std::int64_t offset) {
    const auto end = static_cast<std::size_t>(offset) + data.size();
    if (bytes.size() < end) bytes.resize(end);
    std::memcpy(bytes.data() + offset, data.data(), data.size());
}

int write_file(sqlite3_file* handle, const void* data, int amount, sqlite3_int64 offset) {
    OpenFile::State& state = state_of(handle);
    const std::string_view bytes(static_cast<const char*>(data), static_cast<std::size_t>(amount));
    if (!state.name.empty()) {
        if (state.disk->writes_until_full == 0) return SQLITE_FULL;
        if (state.disk->writes_until_full > 0) --state.disk->writes_until_full;
        state.disk->log.push_back({MemoryDisk::Kind::write, state.name, offset, std::string(bytes)});
    }
    write_bytes(state.file->bytes, bytes, offset);
    return SQLITE_OK;
}

int truncate_file(sqlite3_file* handle, sqlite3_int64 size) {
    OpenFile::State& state = state_of(handle);
    if (!state.name.empty()) state.disk->log.push_back({MemoryDisk::Kind::truncate, state.name, size, ""});
    state.file->bytes.resize(static_cast<std::size_t>(size));
    return SQLITE_OK;
}

int sync_file(sqlite3_file* handle, int) {
    OpenFile::State& state = state_of(handle);
    if (state.name.empty()) return SQLITE_OK;
    if (state.disk->syncs_until_failure == 0) return SQLITE_IOERR_FSYNC;
    if (state.disk->syncs_until_failure > 0) --state.disk->syncs_until_failure;
    state.disk->log.push_back({MemoryDisk::Kind::sync, state.name, 0, ""});
    return SQLITE_OK;
}

int size_of_file(sqlite3_file* handle, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(state_of(handle).file->bytes.size());
    return SQLITE_OK;
}

int lock_file(sqlite3_file* handle, int level) {
    OpenFile::State& state = state_of(handle);
    MemoryDisk::File& file = *state.file;
    if (state.lock >= level) return SQLITE_OK;
    if (file.exclusive && file.exclusive != &state) return SQLITE_BUSY;
    if (level >= SQLITE_LOCK_RESERVED && file.reserved && file.reserved != &state) return SQLITE_BUSY;
    if (level == SQLITE_LOCK_EXCLUSIVE && file.shared > (state.lock >= SQLITE_LOCK_SHARED ? 1 : 0)) return SQLITE_BUSY;
    if (state.lock < SQLITE_LOCK_SHARED) ++file.shared;
    if (level >= SQLITE_LOCK_RESERVED) file.reserved = &state;
    if (level == SQLITE_LOCK_EXCLUSIVE) file.exclusive = &state;
    state.lock = level;
    return SQLITE_OK;
}

int unlock_file(sqlite3_file* handle, int level) {
    release_lock(state_of(handle), level);
    return SQLITE_OK;
}

int check_reserved(sqlite3_file* handle, int* result) {
    *result = state_of(handle).file->reserved != nullptr;
    return SQLITE_OK;
}

int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 512; }
// A torn write of a sector is all that may go wrong with it.
int characteristics(sqlite3_file*) { return 0; }

int map_memory(sqlite3_file* handle, int region, int size, int extend, void volatile** out) {
    MemoryDisk::File& file = *state_of(handle).file;
    *out = nullptr;
    if (static_cast<int>(file.memory.size()) <= region && !extend) return SQLITE_OK;
    while (static_cast<int>(file.memory.size()) <= region)
        file.memory.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
    *out = file.memory[static_cast<std::size_t>(region)].get();
    return SQLITE_OK;
}

int lock_memory(sqlite3_file* handle, int offset, int count, int flags) {
    OpenFile::State& state = state_of(handle);
    MemoryDisk::File& file = *state.file;
    for (int i = offset; i < offset + count; ++i) {
        const bool others = file.memory_shared[i] > (state.memory_shared[i] ? 1 : 0);
        const bool taken = file.memory_exclusive[i] && file.memory_exclusive[i] != &state;
        if (!(flags & SQLITE_SHM_UNLOCK) && (taken || ((flags & SQLITE_SHM_EXCLUSIVE) && others))) return SQLITE_BUSY;
    }
    for (int i = offset; i < offset + count; ++i) {
        if (flags & SQLITE_SHM_UNLOCK) {
            if (file.memory_exclusive[i] == &state) file.memory_exclusive[i] = nullptr;
            if (state.memory_shared[i]) --file.memory_shared[i];
            state.memory_shared[i] = false;
        } else if (flags & SQLITE_SHM_EXCLUSIVE) {
            file.memory_exclusive[i] = &state;
        } else if (!state.memory_shared[i]) {
            state.memory_shared[i] = true;
            ++file.memory_shared[i];
        }
    }
    return SQLITE_OK;
}

void memory_barrier(sqlite3_file*) {}

int unmap_memory(sqlite3_file* handle, int remove) {
    if (remove) state_of(handle).file->memory.clear();
    return SQLITE_OK;
}

const sqlite3_io_methods* methods() {
    static sqlite3_io_methods table{};
    table.iVersion = 2;
    table.xClose = close_file;
    table.xRead = read_file;
    table.xWrite = write_file;
    table.xTruncate = truncate_file;
    table.xSync = sync_file;
    table.xFileSize = size_of_file;
    table.xLock = lock_file;
    table.xUnlock = unlock_file;
    table.xCheckReservedLock = check_reserved;
    table.xFileControl = control_file;
    table.xSectorSize = sector_size;
    table.xDeviceCharacteristics = characteristics;
    table.xShmMap = map_memory;
    table.xShmLock = lock_memory;
    table.xShmBarrier = memory_barrier;
    table.xShmUnmap = unmap_memory;
    return &table;
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* handle, int flags, int* out_flags) {
    auto* opened = reinterpret_cast<OpenFile*>(handle);
    opened->base.pMethods = nullptr;
    auto* state = new OpenFile::State{mounted, name ? name : "", nullptr};
    if (state->name.empty()) {
        state->file = std::make_shared<MemoryDisk::File>();
    } else {
        auto& slot = mounted->files[state->name];
        if (!slot && !(flags & SQLITE_OPEN_CREATE)) {
            mounted->files.erase(state->name);
            delete state;
            return SQLITE_CANTOPEN;
        }
        if (!slot) {
            slot = std::make_shared<MemoryDisk::File>();
            mounted->log.push_back({MemoryDisk::Kind::create, state->name, 0, ""});
        }
        state->file = slot;
    }
    ++state->file->opened;
    opened->state = state;
    opened->base.pMethods = methods();
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs*, const char* name, int sync_folder) {
    if (mounted->files.erase(name) == 0) return SQLITE_IOERR_DELETE_NOENT;
    mounted->log.push_back({MemoryDisk::Kind::remove, name, sync_folder, ""});
    return SQLITE_OK;
}

int access_file(sqlite3_vfs*, const char* name, int, int* result) {
    const auto found = mounted->files.find(name);
    *result = found != mounted->files.end();
    return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}

}  // namespace

void MemoryDisk::mount() {
    static const bool registered = [] {
        static sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);  // clock, randomness and the rest as the system has them
        vfs.iVersion = 2;
        vfs.zName = kVfs;
        vfs.szOsFile = sizeof(OpenFile);
        vfs.xOpen = open_file;
        vfs.xDelete = delete_file;
        vfs.xAccess = access_file;
        vfs.xFullPathname = full_path;
        return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
    }();
    if (!registered) std::abort();
    mounted = this;
}

std::unique_ptr<MemoryDisk> MemoryDisk::after_loss(std::size_t operations,
                                                   const std::function<Survival(const Operation&)>& keep) const {
    // For each file: up to where it is synced. A sync of a new file syncs its folder too, as SQLite's own file layer does.
    std::map<std::string, std::size_t> synced;
    for (std::size_t i = 0; i < operations; ++i) {
        if (log[i].kind == Kind::sync) synced[log[i].file] = i;
    }
    auto disk = std::make_unique<MemoryDisk>();
    for (std::size_t i = 0; i < operations; ++i) {
        const Operation& operation = log[i];
        const auto last_sync = synced.find(operation.file);
        const bool durable =
            (operation.kind == Kind::remove && operation.offset != 0) || (last_sync != synced.end() && i < last_sync->second);
        const Survival survival = durable ? Survival{true, SIZE_MAX} : keep(operation);
        if (!survival.applied) continue;
        if (operation.kind == Kind::remove) {
            disk->files.erase(operation.file);
            continue;
        }
        auto& file = disk->files[operation.file];
        if (!file) file = std::make_shared<File>();
        if (operation.kind == Kind::truncate) file->bytes.resize(static_cast<std::size_t>(operation.offset));
        if (operation.kind == Kind::write) {
            std::string_view bytes = operation.bytes;
            if (survival.sectors != SIZE_MAX) {
                // the first sectors, counted from the sector in which the write begins
                const std::size_t first = 512 - static_cast<std::size_t>(operation.offset) % 512;
                bytes = bytes.substr(0, survival.sectors == 0 ? 0 : first + (survival.sectors - 1) * 512);
            }
            if (!bytes.empty()) write_bytes(file->bytes, bytes, operation.offset);
        }
    }
    return disk;
}

}  // namespace whosent::store::test
