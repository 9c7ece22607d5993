#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "store/sqlite/database.hpp"
#include "store/sqlite/migrate.hpp"
#include "support.hpp"

using namespace whosent;
using namespace whosent::store;
using namespace whosent::store::test;

namespace {

Error error_of(const std::string& url, OpenMode mode, const Clock& clock) {
    auto store = open_store(url, mode, clock);
    REQUIRE_FALSE(store.has_value());
    return store.error();
}

void write_file(const std::string& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

void change(const std::string& path, const std::string& sql) {
    auto database = must(sqlite::Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ""));
    must(database->execute(sql));
}

}  // namespace

TEST_CASE("what is no store is refused with a clear word, and left alone") {
    Fixture fixture;
    const std::string url = "sqlite:" + fixture.path;
    SECTION("not a URL of ours") {
        for (const std::string wrong : {"", "sqlite:", "mysql:x", "test.db"})
            CHECK(error_of(wrong, OpenMode::create_if_missing, fixture.clock).code == ErrorCode::invalid_argument);
    }
    SECTION("nothing there") {
        const Error error = error_of(url, OpenMode::existing, fixture.clock);
        CHECK(error.code == ErrorCode::not_found);
        CHECK(error.where == fixture.path);
        CHECK_FALSE(std::filesystem::exists(fixture.path));
    }
    SECTION("an empty file") {
        write_file(fixture.path, "");
        CHECK(error_of(url, OpenMode::existing, fixture.clock).code == ErrorCode::not_found);
    }
    SECTION("a text") {
        const std::string text(5000, 'x');
        write_file(fixture.path, text);
        for (const OpenMode mode : {OpenMode::existing, OpenMode::create_if_missing}) {
            const Error error = error_of(url, mode, fixture.clock);
            CHECK(error.code == ErrorCode::store_corrupt);
            CHECK(error.where == fixture.path);
            CHECK(error.message == "this file is not a whosent store");
        }
        CHECK(std::filesystem::file_size(fixture.path) == text.size());
    }
    SECTION("the database of another program") {
        change(fixture.path, "CREATE TABLE theirs (x); PRAGMA user_version = 3");
        CHECK(error_of(url, OpenMode::create_if_missing, fixture.clock).code == ErrorCode::store_corrupt);
    }
    SECTION("a folder") {
        CHECK(error_of("sqlite:" + fixture.folder.path(), OpenMode::create_if_missing, fixture.clock).code ==
              ErrorCode::store_corrupt);
    }
    SECTION("in a folder that is not there") {
        CHECK(error_of("sqlite:" + fixture.folder.file("missing/test.db"), OpenMode::create_if_missing, fixture.clock).code ==
              ErrorCode::io);
    }
    SECTION("a store of a newer version") {
        fixture.open();
        change(fixture.path, "PRAGMA user_version = 99");
        for (const OpenMode mode : {OpenMode::existing, OpenMode::create_if_missing}) {
            const Error error = error_of(url, mode, fixture.clock);
            CHECK(error.code == ErrorCode::store_version);
            CHECK(error.where == fixture.path);
            CHECK(error.message.find("version 99") != std::string::npos);
            CHECK(error.message.find("up to " + std::to_string(sqlite::newest_schema_version())) != std::string::npos);
        }
    }
}

TEST_CASE("a store that became newer or damaged while open is noticed") {
    Fixture fixture;
    auto store = fixture.open();
    change(fixture.path, "PRAGMA user_version = 99");
    CHECK(store->writer().error().code == ErrorCode::store_version);
    CHECK(store->reader().error().code == ErrorCode::store_version);
}

TEST_CASE("damage is told, not crashed on") {
    Fixture fixture;
    {
        auto store = fixture.open();
        auto writer = must(store->writer());
        std::vector<Row> rows(5000);
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i].ip = "2001:db8::" + std::to_string(i);
        commit(*writer, message_of("m1", report_of("r1", rows)));
    }
    std::fstream file(fixture.path, std::ios::binary | std::ios::in | std::ios::out);
    // behind the pages of the schema itself
    for (int page = 60; page < 120; ++page) file.seekp(page * 8192).write("\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f", 8);
    file.close();
    auto store = must(sqlite::open_sqlite_store(fixture.path, OpenMode::existing, fixture.clock, {}));
    auto reader = store->reader();
    REQUIRE(reader.has_value());
    const auto sources = (*reader)->sources({});
    REQUIRE_FALSE(sources.has_value());
    CHECK(sources.error().code == ErrorCode::store_corrupt);
    CHECK(sources.error().where == fixture.path);
}

TEST_CASE("a new store is for its owner alone") {
    Fixture fixture;
    auto store = fixture.open();
    auto writer = must(store->writer());
    commit(*writer, message_of("m1", report_of("r1", {Row{}})));
    for (const char* suffix : {"", "-wal", ".lock"}) {
        CAPTURE(suffix);
        CHECK((std::filesystem::status(fixture.path + suffix).permissions() & std::filesystem::perms::mask) ==
              (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    }
}

TEST_CASE("there is one writer, and the second is told who it is") {
    Fixture fixture;
    auto store = fixture.open();
    SECTION("in the same process") {
        auto writer = must(store->writer());
        CHECK(store->writer().error().code == ErrorCode::store_locked);
        writer.reset();
        CHECK(store->writer().has_value());
    }
    SECTION("in another process, until it is killed") {
        int ready[2];
        REQUIRE(::pipe(ready) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            auto writer = store->writer();
            char answer = writer ? 'y' : 'n';
            (void)!::write(ready[1], &answer, 1);
            for (;;) ::pause();
        }
        char answer = 0;
        REQUIRE(::read(ready[0], &answer, 1) == 1);
        REQUIRE(answer == 'y');
        const auto second = store->writer();
        REQUIRE_FALSE(second.has_value());
        CHECK(second.error().code == ErrorCode::store_locked);
        CHECK(second.error().persistence == Persistence::retry);
        CHECK(second.error().where == fixture.path);
        CHECK(second.error().message.find("process " + std::to_string(child) + " (test_store") != std::string::npos);
        // it can be read, and opened, all the same
        CHECK(must(must(store->reader())->info()).records == 0);
        CHECK(open_store("sqlite:" + fixture.path, OpenMode::create_if_missing, fixture.clock).has_value());
        REQUIRE(::kill(child, SIGKILL) == 0);
        REQUIRE(::waitpid(child, nullptr, 0) == child);
        CHECK(store->writer().has_value());
        ::close(ready[0]);
        ::close(ready[1]);
    }
}

TEST_CASE("a store that may not grow says that it is full") {
    Fixture fixture;
    sqlite::OpenOptions options;
    options.max_pages = 60;
    auto store = fixture.open(options);
    auto writer = must(store->writer());
    std::vector<Row> rows(20'000);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].ip = "2001:db8::" + std::to_string(i % 9000);
    auto batch = batch_of(message_of("m1", report_of("r1", rows)));
    const auto result = writer->commit_batch(batch);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == ErrorCode::store_full);
    CHECK(result.error().where == fixture.path);
    writer.reset();
    store = fixture.open();
    writer = must(store->writer());
    CHECK(must(writer->commit_batch(batch))[0].rows_stored == 20'000);  // the batch is as it was
    auto reader = must(store->reader());
    check_exact(*reader);
}
