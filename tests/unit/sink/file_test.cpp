// The file sink: whole lines, rotation, and files that others move, cut or remove.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "export/sink/file_log.hpp"
#include "support.hpp"

using namespace whosent;
using namespace whosent::sink;
using namespace whosent::sink::test;

namespace {

constexpr Seconds kNoon = 1'700'000'000;

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    REQUIRE(in.good());
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}
void write_file(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
bool exists(const std::string& path) { return std::filesystem::exists(std::filesystem::symlink_status(path)); }

struct Rig {
    store::test::TemporaryFolder folder;
    std::string path = folder.file("events.ndjson");
    FileLog::Options options{.path = path, .rotate_bytes = 0, .rotate_daily = false, .keep = 3, .mode = 0640};
};

FileSettings settings_of(const std::string& path) {
    FileSettings settings;
    settings.sink = World::options();
    settings.sink.name = "file:test";
    settings.path = path;
    return settings;
}

// The ids of the lines of a file, each of which must be one whole JSON object.
std::vector<std::string> ids_of(const std::string& text) {
    std::vector<std::string> ids;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        CHECK(line.starts_with('{'));
        CHECK(line.ends_with('}'));
        const auto at = line.find(R"("id":")");
        REQUIRE(at != std::string::npos);
        ids.push_back(line.substr(at + 6, 40));
    }
    CHECK((text.empty() || text.ends_with('\n')));
    return ids;
}

}  // namespace

TEST_CASE("what is no file is refused and stays as it is") {
    Rig rig;
    const std::string target = rig.folder.file("target");
    write_file(target, "");
    SECTION("a symbolic link") { std::filesystem::create_symlink(target, rig.path); }
    SECTION("a folder") { std::filesystem::create_directory(rig.path); }
    SECTION("a fifo") { REQUIRE(::mkfifo(rig.path.c_str(), 0600) == 0); }
    const auto before = std::filesystem::symlink_status(rig.path).type();
    FileLog log(rig.options);
    const auto appended = log.append("{}\n", kNoon);
    REQUIRE_FALSE(appended);
    CHECK(appended.error().persistence == Persistence::permanent);
    CHECK(std::filesystem::symlink_status(rig.path).type() == before);
    CHECK(read_file(target).empty());
}

TEST_CASE("a file that holds something else is refused and stays as it is") {
    Rig rig;
    std::string before;
    SECTION("without a line break") { before = "root:x:0:0"; }
    SECTION("with a line longer than any event") { before = "first\n{" + std::string(17 * kMiB, 'x'); }
    write_file(rig.path, before);
    FileLog log(rig.options);
    CHECK_FALSE(log.append("{}\n", kNoon));
    CHECK((read_file(rig.path) == before));
}

TEST_CASE("a file that another sink writes to is waited for") {
    Rig rig;
    FileLog first(rig.options), second(rig.options);
    must(first.append("{1}\n", kNoon));
    const auto refused = second.append("{2}\n", kNoon);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().persistence == Persistence::retry);
    first.close();
    must(second.append("{2}\n", kNoon));
    CHECK(read_file(rig.path) == "{1}\n{2}\n");
}

TEST_CASE("a line that a crash has cut is taken away before anything is appended") {
    struct Case {
        std::string before, after;
    };
    const Case cases[] = {{"{\"a\":1}\n{\"b\"", "{\"a\":1}\nnew\n"}, {"{\"a\"", "new\n"}, {"CEF:0|x", "new\n"}, {"{\"a\":1}\n", "{\"a\":1}\nnew\n"}, {"", "new\n"},
                          {"x\n" + std::string(300'000, 'y'), "x\nnew\n"}};
    for (const Case& one : cases) {
        Rig rig;
        write_file(rig.path, one.before);
        FileLog log(rig.options);
        must(log.append("new\n", kNoon));
        CHECK(read_file(rig.path) == one.after);
    }
}

TEST_CASE("a new file has the mode that was asked for, whatever the umask") {
    Rig rig;
    const mode_t old = ::umask(0077);
    FileLog log(rig.options);
    must(log.append("x\n", kNoon));
    ::umask(old);
    struct stat status{};
    REQUIRE(::stat(rig.path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("files are rotated by size, and the oldest goes") {
    Rig rig;
    rig.options.rotate_bytes = 10;
    FileLog log(rig.options);
    for (int i = 1; i <= 6; ++i) must(log.append(fmt::format("line {}\n", i), kNoon));  // 7 bytes each
    CHECK(read_file(rig.path) == "line 6\n");
    CHECK(read_file(rig.path + ".1") == "line 5\n");
    CHECK(read_file(rig.path + ".3") == "line 3\n");
    CHECK_FALSE(exists(rig.path + ".4"));
    // one that is larger than a file may be stands alone
    must(log.append(std::string(50, 'x') + "\n", kNoon));
    must(log.append("end\n", kNoon));
    CHECK(read_file(rig.path + ".1").size() == 51);
    CHECK(read_file(rig.path) == "end\n");
}

TEST_CASE("a rotation that a crash has cut is gone on with, and nothing is overwritten") {
    Rig rig;
    rig.options.rotate_bytes = 10;
    write_file(rig.path, "now 123\n");
    write_file(rig.path + ".2", "older\n");  // .1 has become .2, and the crash came
    FileLog log(rig.options);
    must(log.append("new\n", kNoon));
    CHECK(read_file(rig.path) == "new\n");
    CHECK(read_file(rig.path + ".1") == "now 123\n");
    CHECK(read_file(rig.path + ".2") == "older\n");
}

TEST_CASE("files are rotated when another day begins, also over a restart") {
    Rig rig;
    rig.options.rotate_daily = true;
    {
        FileLog log(rig.options);
        must(log.append("day 1\n", kNoon));
        must(log.append("day 1 again\n", kNoon + 60));
        must(log.append("day 2\n", kNoon + kSecondsPerDay));
        CHECK(read_file(rig.path) == "day 2\n");
        CHECK(read_file(rig.path + ".1") == "day 1\nday 1 again\n");
    }
    const timespec written[] = {{kNoon + kSecondsPerDay, 0}, {kNoon + kSecondsPerDay, 0}};
    REQUIRE(::utimensat(AT_FDCWD, rig.path.c_str(), written, 0) == 0);
    FileLog log(rig.options);
    must(log.append("day 3\n", kNoon + 2 * kSecondsPerDay));
    CHECK(read_file(rig.path) == "day 3\n");
    CHECK(read_file(rig.path + ".1") == "day 2\n");
}

TEST_CASE("a file that somebody renames is left to him, one that is removed or cut makes its lines come again") {
    Rig rig;
    FileLog log(rig.options);
    must(log.append("1\n", kNoon));
    SECTION("renamed, as logrotate does") {
        std::filesystem::rename(rig.path, rig.path + ".old");
        CHECK(log.sync());  // it is somewhere
        must(log.append("2\n", kNoon));
        CHECK(read_file(rig.path + ".old") == "1\n");
        CHECK(read_file(rig.path) == "2\n");
    }
    SECTION("renamed and made anew, as logrotate's create does") {
        std::filesystem::rename(rig.path, rig.path + ".old");
        write_file(rig.path, "");
        must(log.append("2\n", kNoon));
        CHECK(read_file(rig.path) == "2\n");
    }
    SECTION("removed before it was durable") {
        std::filesystem::remove(rig.path);
        CHECK_FALSE(log.sync());
        must(log.append("1\n", kNoon));
        CHECK(read_file(rig.path) == "1\n");
    }
    SECTION("removed before it was durable, and found out at the next append") {
        std::filesystem::remove(rig.path);
        CHECK_FALSE(log.append("2\n", kNoon));
    }
    SECTION("removed afterwards") {
        must(log.sync());
        std::filesystem::remove(rig.path);
        must(log.append("2\n", kNoon));
        CHECK(read_file(rig.path) == "2\n");
    }
    SECTION("truncated before it was durable") {
        std::filesystem::resize_file(rig.path, 0);
        CHECK_FALSE(log.sync());
    }
    SECTION("truncated afterwards, as logrotate's copytruncate does") {
        must(log.sync());
        std::filesystem::resize_file(rig.path, 0);
        must(log.append("2\n", kNoon));
        CHECK(read_file(rig.path) == "2\n");
    }
}

TEST_CASE("where the disk is full, no half of an append stays") {
    Rig rig;
    FileLog log(rig.options);
    must(log.append("first\n", kNoon));
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
    const rlimit small{20, old.rlim_max};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const auto appended = log.append("second, which is too long for it\n", kNoon);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
    std::signal(SIGXFSZ, handler);
    REQUIRE_FALSE(appended);
    CHECK(appended.error().persistence == Persistence::retry);
    CHECK(read_file(rig.path) == "first\n");
    must(log.append("third\n", kNoon));
    CHECK(read_file(rig.path) == "first\nthird\n");
}

TEST_CASE("the file sink writes every event once, a line each, through rotation") {
    World world;
    world.add("1", 700);
    const std::string path = world.folder.file("events.ndjson");
    FileSettings settings = settings_of(path);
    settings.rotate_bytes = 200'000;
    settings.keep = 50;
    world.start(must(make_file(settings, world.surroundings())));
    REQUIRE(becomes([&] { return world.ledger.place() == 700; }));
    CHECK(world.stop());
    std::vector<std::string> ids;
    int number = 50;
    while (number > 0 && !exists(path + "." + std::to_string(number))) --number;
    CHECK(number >= 2);
    for (; number >= 0; --number) {
        const std::string text = read_file(number == 0 ? path : path + "." + std::to_string(number));
        CHECK(text.size() <= 200'000);
        for (std::string& id : ids_of(text)) ids.push_back(std::move(id));
    }
    CHECK(ids == world.all_ids());
    CHECK(world.ledger.failures().empty());
}

TEST_CASE("the file sink, killed again and again, leaves whole lines and every event") {
    World world;
    world.add("1", 600);
    const std::string path = world.folder.file("events.ndjson");
    std::mt19937 random(7);
    int kills = 0;
    for (; world.ledger.place() < 600; ++kills) {
        REQUIRE(kills < 1000);
        world.start(must(make_file(settings_of(path), world.surroundings())));
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % (30 + 5 * static_cast<unsigned>(kills))));  // in the end long enough on any machine
        world.kill();
        if (world.ledger.place() < 600 && exists(path)) {  // the crash cuts what was written last
            const auto size = std::filesystem::file_size(path);
            std::uint64_t cut = random() % 300;
            if (size > cut && world.ledger.events() == 0) std::filesystem::resize_file(path, size - cut);
        }
    }
    const auto ids = ids_of(read_file(path));
    CHECK(without_repetitions(ids) == world.all_ids());
}

TEST_CASE("a file that cannot be written is tried again, and nothing is lost") {
    World world;
    world.add("1", 30);
    const std::string folder = world.folder.file("later");
    world.start(must(make_file(settings_of(folder + "/events.ndjson"), world.surroundings())));
    REQUIRE(becomes([&] { return world.ledger.failures().size() >= 2; }));
    CHECK(world.ledger.place() <= 0);
    std::filesystem::create_directory(folder);
    REQUIRE(becomes([&] { return world.ledger.place() == 30; }));
    CHECK(ids_of(read_file(folder + "/events.ndjson")) == world.all_ids());
}

TEST_CASE("settings of a file that cannot be are refused") {
    World world;
    FileSettings settings = settings_of("/tmp/x");
    SECTION("no path") { settings.path.clear(); }
    SECTION("a folder's path") { settings.path = "/tmp/"; }
    SECTION("a mode that is none") { settings.mode = 01777; }
    SECTION("a mode that its owner cannot use") { settings.mode = 0440; }
    SECTION("too many files") { settings.keep = 100'000; }
    CHECK_FALSE(make_file(settings, world.surroundings()));
}
