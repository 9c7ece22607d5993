#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "catch.hpp"
#include "collect/maildir/folder.hpp"
#include "fakes.hpp"
#include "whosent/collect/maildir.hpp"

using namespace whosent;
using namespace whosent::collect;
using namespace whosent::collect::fakes;
namespace fs = std::filesystem;

namespace {

using Kind = FakeIntake::Kind;

void write(const std::string& path, const std::string& content) {
    std::ofstream file(path, std::ios::binary);
    file << content;
    REQUIRE(file.good());
}
// Complete before it appears, as mail servers do it.
void deliver(const std::string& maildir, const std::string& name, const std::string& content) {
    write(maildir + "/tmp/" + name, content);
    fs::rename(maildir + "/tmp/" + name, maildir + "/new/" + name);
}
std::set<std::string> names_in(const std::string& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
    return names;
}
using Names = std::set<std::string>;

struct Maildir {
    TemporaryFolder folder;
    Maildir() {
        for (const char* name : {"new", "cur", "tmp"}) fs::create_directory(folder / name);
    }
    std::string operator/(const std::string& name) const { return folder / name; }
};

auto maildir_of(const std::string& path, std::chrono::seconds rescan = std::chrono::seconds(300)) {
    return [=](const Surroundings& surroundings) {
        MaildirSettings settings;
        settings.name = "reports";
        settings.path = path;
        settings.rescan = rescan;
        settings.trusted_authserv_ids = {"mx.example.com"};
        return make_maildir_collector(settings, surroundings);
    };
}
FolderSettings folder_settings(const std::string& path) {
    FolderSettings settings;
    settings.name = "dropped";
    settings.path = path;
    return settings;
}
auto folder_of(FolderSettings settings) {
    return [=](const Surroundings& surroundings) { return make_folder_collector(settings, surroundings); };
}

bool has_line(const World& world, const std::string& line) {
    return std::ranges::count(world.journal.lines(), line) > 0;
}

const std::string kMail = "From: a@example.net\r\nSubject: Report\r\n\r\nbody\r\n";

}  // namespace

TEST_CASE("maildir: names of messages that were read") {
    CHECK(seen_name("1.a.host:2,") == "1.a.host:2,S");
    CHECK(seen_name("1.a.host:2,S") == "1.a.host:2,S");
    CHECK(seen_name("1.a.host:2,RT") == "1.a.host:2,RST");
    CHECK(seen_name("1.a.host:1,x") == "1.a.host:1,x:2,S");
    CHECK(seen_name("1.a.host") == "1.a.host:2,S");
}

TEST_CASE("maildir: a move replaces nothing") {
    const TemporaryFolder folder;
    fs::create_directory(folder / "to");
    const auto move = [&](const std::string& name) {
        write(folder / "file", "new");
        return move_into(folder / "file", folder / "to", name);
    };
    CHECK(move_into(folder / "missing", folder / "to", "a").error().code == ErrorCode::not_found);
    write(folder / "to/a.eml", "old");
    CHECK(move("a.eml") == "a.1.eml");
    CHECK(move("a.eml") == "a.2.eml");
    CHECK(move(".eml") == ".eml");
    CHECK(move(".eml") == ".eml.1");
    CHECK(move("1.host:2,S") == "1.host:2,S");
    CHECK(move("1.host:2,S") == "1.host.1:2,S");
    CHECK(move("a\xff\n!") == "a\xff\n!");
    const std::string longest(250, 'x');
    CHECK(move(longest + ".eml") == longest + ".eml");
    CHECK(move(longest + ".eml") == longest.substr(0, 249) + ".1.eml");
    CHECK(move(longest + "xxxxx:2,S") == longest + "x:2,S");
    std::ifstream old(folder / "to/a.eml");
    std::string content;
    old >> content;
    CHECK(content == "old");
}

TEST_CASE("maildir: what is wrong with the folder is told at the start") {
    World world;
    const Maildir maildir;
    SECTION("missing") {
        const auto started = world.start(maildir_of(maildir / "missing"));
        REQUIRE_FALSE(started);
        CHECK(started.error().code == ErrorCode::not_found);
    }
    SECTION("no cur") {
        fs::remove(maildir / "cur");
        CHECK_FALSE(world.start(maildir_of(maildir.folder.path())));
    }
    SECTION("no rounds either") {
        fs::remove(maildir / "new");
        world.make(maildir_of(maildir.folder.path()));
        CHECK_FALSE(world.run_once());
    }
    SECTION("a target that is the folder itself") {
        FolderSettings settings = folder_settings(maildir / "new");
        settings.processed = ".";
        const auto started = world.start(folder_of(settings));
        REQUIRE_FALSE(started);
        CHECK(started.error().code == ErrorCode::invalid_argument);
    }
    SECTION("a target that is a file") {
        write(maildir / "new/done", "x");
        CHECK_FALSE(world.start(folder_of(folder_settings(maildir / "new"))));
    }
    SECTION("a target on another file system") {
        struct stat here {}, there {};
        REQUIRE(::stat(maildir.folder.path().c_str(), &here) == 0);
        REQUIRE(::stat("/proc", &there) == 0);
        REQUIRE(here.st_dev != there.st_dev);
        FolderSettings settings = folder_settings(maildir / "new");
        settings.quarantined = "/proc";
        const auto started = world.start(folder_of(settings));
        REQUIRE_FALSE(started);
        CHECK(started.error().message.find("another file system") != std::string::npos);
    }
}

TEST_CASE("maildir: messages go to cur, once they are durable") {
    World world;
    const Maildir maildir;
    write(maildir / "cur/0.old:2,S", kMail);
    write(maildir / "tmp/9.tmp", kMail);
    deliver(maildir.folder.path(), "1.there", "Authentication-Results: mx.example.com; dmarc=pass\r\n" + kMail);
    world.intake.set_holding(true);
    REQUIRE(world.start(maildir_of(maildir.folder.path())));
    REQUIRE(becomes([&] { return world.intake.waiting() == 1; }));
    CHECK(names_in(maildir / "new") == Names{"1.there"});
    CHECK(world.journal.waiting_now() == 1);
    world.intake.set_holding(false);
    REQUIRE(becomes([&] { return names_in(maildir / "new").empty(); }));
    deliver(maildir.folder.path(), "2.moved", kMail);
    REQUIRE(becomes([&] { return names_in(maildir / "cur").contains("2.moved:2,S"); }));
    // By a link, as some mail servers do.
    write(maildir / "tmp/3.linked", kMail);
    fs::create_hard_link(maildir / "tmp/3.linked", maildir / "new/3.linked");
    fs::remove(maildir / "tmp/3.linked");
    REQUIRE(becomes([&] { return names_in(maildir / "cur").contains("3.linked:2,S"); }));
    // By somebody who writes it there.
    write(maildir / "new/4.written", kMail);
    REQUIRE(becomes([&] { return names_in(maildir / "cur").contains("4.written:2,S"); }));
    // A name with bytes of all kinds, and one that is taken.
    deliver(maildir.folder.path(), "5.\xff \n\"!", kMail);
    REQUIRE(becomes([&] { return names_in(maildir / "cur").contains("5.\xff \n\"!:2,S"); }));
    deliver(maildir.folder.path(), "2.moved", "X: 1\r\n" + kMail);
    REQUIRE(becomes([&] { return names_in(maildir / "cur").contains("2.moved.1:2,S"); }));
    CHECK(world.stop());
    CHECK(names_in(maildir / "new").empty());
    CHECK(names_in(maildir / "cur").size() == 7);
    const auto received = world.intake.received();
    REQUIRE(received.size() == 6);
    CHECK(received[0].provenance.collector == "maildir:reports");
    CHECK(received[0].provenance.remote_key == maildir / "new/1.there");
    CHECK(received[0].provenance.name == "1.there");
    CHECK(received[0].provenance.authenticity == Authenticity::authenticated);
    CHECK(received[0].provenance.received_at.has_value());
    CHECK(received[1].bytes == kMail);
    CHECK(received[1].provenance.authenticity == Authenticity::unknown);
    CHECK(has_line(world, "outcome maildir:reports: stored moved to cur"));
    CHECK(has_line(world, "outcome maildir:reports: stored moved to cur as 2.moved.1:2,S"));
    CHECK(world.journal.count("failed") == 0);
    CHECK(world.journal.waiting_now() == 0);
    CHECK(world.journal.one_thread());
}

TEST_CASE("maildir: what is no message is left alone") {
    World world;
    const Maildir maildir;
    const auto make = [&](const std::string& suffix) {
        fs::create_symlink("/etc/passwd", maildir / ("new/link" + suffix));
        REQUIRE(::mkfifo((maildir / ("new/pipe" + suffix)).c_str(), 0600) == 0);
        fs::create_directory(maildir / ("new/folder" + suffix));
        write(maildir / ("new/.hidden" + suffix), kMail);
    };
    make("1");
    REQUIRE(world.start(maildir_of(maildir.folder.path(), std::chrono::seconds(1))));
    REQUIRE(becomes([&] { return world.journal.count("note") == 3; }));
    make("2");
    // A link that is moved in is told as complete.
    fs::create_symlink("/etc/passwd", maildir / "tmp/link3");
    fs::rename(maildir / "tmp/link3", maildir / "new/link3");
    deliver(maildir.folder.path(), "1.there", kMail);
    REQUIRE(becomes([&] { return world.journal.count("note") == 7 && names_in(maildir / "cur").size() == 1; }));
    const std::size_t rounds = world.journal.count("succeeded");
    REQUIRE(becomes([&] { return world.journal.count("succeeded") >= rounds + 2; }));
    CHECK(world.stop());
    CHECK(world.journal.count("note") == 7);  // each once
    CHECK(has_line(world, "note maildir:reports: link3 is no file, and left alone"));
    CHECK(names_in(maildir / "new").size() == 9);
    CHECK(world.intake.received().size() == 1);
}

TEST_CASE("maildir: a message that was not stored stays, and is tried again") {
    World world;
    const Maildir maildir;
    world.intake.decide(Kind::retry);
    deliver(maildir.folder.path(), "1.there", kMail);
    REQUIRE(world.start(maildir_of(maildir.folder.path(), std::chrono::seconds(1))));
    REQUIRE(becomes([&] { return world.intake.received().size() >= 2; }));
    CHECK(names_in(maildir / "new") == Names{"1.there"});
    CHECK(world.journal.count("failed") == 1);
    world.intake.decide(Kind::duplicate);
    REQUIRE(becomes([&] { return names_in(maildir / "cur") == Names{"1.there:2,S"}; }));
    // A store that takes nothing.
    world.intake.set_broken(true);
    for (int i = 0; i < 20; ++i) deliver(maildir.folder.path(), "2." + std::to_string(i), kMail);
    REQUIRE(becomes([&] { return world.journal.count("failed") == 2; }));
    world.intake.set_broken(false);
    REQUIRE(becomes([&] { return names_in(maildir / "new").empty(); }));
    CHECK(names_in(maildir / "cur").size() == 21);
    CHECK(world.stop());
}

TEST_CASE("maildir: what cannot be read or moved is told, and tried again at the rescan") {
    World world;
    const Maildir maildir;
    REQUIRE(world.start(maildir_of(maildir.folder.path(), std::chrono::seconds(1))));
    // The target goes away: the message is stored, and stays where it is.
    fs::remove_all(maildir / "cur");
    deliver(maildir.folder.path(), "2.stays", kMail);
    REQUIRE(becomes([&] { return world.journal.count("failed maildir:reports") >= 2; }));
    CHECK(names_in(maildir / "new") == Names{"2.stays"});
    fs::create_directory(maildir / "cur");
    REQUIRE(becomes([&] { return names_in(maildir / "cur") == Names{"2.stays:2,S"}; }));
    if (::geteuid() != 0) {  // root may read everything
        write(maildir / "tmp/3", kMail);
        fs::permissions(maildir / "tmp/3", fs::perms::none);
        fs::rename(maildir / "tmp/3", maildir / "new/3");
        const std::size_t failed = world.journal.count("failed");
        REQUIRE(becomes([&] { return world.journal.count("failed") > failed; }));
        fs::permissions(maildir / "new/3", fs::perms::owner_read);
        REQUIRE(becomes([&] { return names_in(maildir / "cur").contains("3:2,S"); }));
    }
    CHECK(world.stop());
}

TEST_CASE("maildir: a message that vanishes is no failure") {
    World world;
    const Maildir maildir;
    deliver(maildir.folder.path(), "1.there", kMail);
    world.intake.set_holding(true);
    REQUIRE(world.start(maildir_of(maildir.folder.path())));
    REQUIRE(becomes([&] { return world.intake.waiting() == 1; }));
    fs::remove(maildir / "new/1.there");
    world.intake.set_holding(false);
    REQUIRE(becomes([&] { return has_line(world, "outcome maildir:reports: stored gone from the folder"); }));
    // Gone before it is opened: many at once, removed at once.
    world.intake.set_full(true);
    for (int i = 0; i < 50; ++i) deliver(maildir.folder.path(), "2." + std::to_string(i), kMail);
    REQUIRE(becomes([&] { return world.intake.refused() > 0; }));
    for (int i = 0; i < 50; ++i) fs::remove(maildir / ("new/2." + std::to_string(i)));
    world.intake.set_full(false);
    REQUIRE(becomes([&] { return world.journal.count("note maildir:reports: 2.") > 0 && world.journal.waiting_now() == 0; }));
    CHECK(world.journal.count("failed") == 0);
    CHECK(world.stop());
}

TEST_CASE("maildir: thousands, and more while they are read") {
    World world;
    const Maildir maildir;
    constexpr int kThere = 3000, kMore = 3000;
    for (int i = 0; i < kThere; ++i) write(maildir / ("new/1." + std::to_string(i)), std::to_string(i) + kMail);
    REQUIRE(world.start(maildir_of(maildir.folder.path())));
    for (int i = 0; i < kMore; ++i) deliver(maildir.folder.path(), "2." + std::to_string(i), std::to_string(kThere + i) + kMail);
    REQUIRE(becomes([&] { return names_in(maildir / "cur").size() == kThere + kMore; }));
    CHECK(world.stop());
    Names read;
    for (const auto& received : world.intake.received()) read.insert(received.bytes);
    CHECK(read.size() == kThere + kMore);
    CHECK(world.intake.received().size() == kThere + kMore);
    CHECK(world.journal.count("outcome maildir:reports: stored") == kThere + kMore);
}

TEST_CASE("maildir: events that are lost cost no message") {
    World world;
    const Maildir maildir;
    int limit = 0;
    std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
    REQUIRE(limit > 0);
    REQUIRE(limit < 1'000'000);
    REQUIRE(world.start(maildir_of(maildir.folder.path())));
    REQUIRE(becomes([&] { return world.journal.count("succeeded") > 0; }));
    world.on_io([&] {
        // Two names in turn: the same event twice is told once.
        for (int i = 0; i < limit / 2 + 100; ++i) {
            for (const char* name : {"new/.a", "new/.b"}) ::close(::open((maildir / name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        }
        for (int i = 0; i < 10; ++i) deliver(maildir.folder.path(), std::to_string(i), kMail);
    });
    REQUIRE(becomes([&] { return names_in(maildir / "cur").size() == 10; }));
    CHECK(world.journal.count("note maildir:reports: inotify lost events") == 1);
    CHECK(world.stop());
}

TEST_CASE("maildir: it stops with what is under way, and can be dropped at any time") {
    const Maildir maildir;
    for (int i = 0; i < 1000; ++i) write(maildir / ("new/" + std::to_string(i)), kMail);
    SECTION("stopped") {
        World world;
        world.intake.set_holding(true);
        REQUIRE(world.start(maildir_of(maildir.folder.path())));
        REQUIRE(becomes([&] { return world.intake.waiting() > 0; }));
        auto stopped = world.begin_stop();
        CHECK(stopped.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
        world.intake.set_holding(false);
        REQUIRE(stopped.wait_for(kPatience) == std::future_status::ready);
        const std::size_t read = world.intake.received().size();
        CHECK(read < 1000);
        CHECK(names_in(maildir / "cur").size() == read);  // each acknowledged
        CHECK(names_in(maildir / "new").size() == 1000 - read);
    }
    SECTION("while the intake has no room") {
        World world;
        world.intake.set_full(true);
        REQUIRE(world.start(maildir_of(maildir.folder.path())));
        REQUIRE(becomes([&] { return world.intake.refused() > 0; }));
        CHECK(world.stop());
        CHECK(names_in(maildir / "new").size() == 1000);
    }
    SECTION("dropped") {
        World world;
        world.intake.set_holding(true);
        REQUIRE(world.start(maildir_of(maildir.folder.path())));
        REQUIRE(becomes([&] { return world.intake.waiting() > 0; }));
        world.drop();
        world.intake.set_holding(false);
        REQUIRE(becomes([&] { return world.intake.waiting() == 0; }));
        CHECK(world.journal.count("outcome") == 0);
        CHECK(names_in(maildir / "new").size() == 1000);  // all are read again, and known
    }
}

TEST_CASE("maildir: the folder goes and comes back") {
    World world;
    const Maildir maildir;
    REQUIRE(world.start(maildir_of(maildir.folder.path(), std::chrono::seconds(1))));
    REQUIRE(becomes([&] { return world.journal.count("succeeded") > 0; }));
    fs::rename(maildir / "new", maildir / "away");
    REQUIRE(becomes([&] { return world.journal.count("failed") > 0; }));
    fs::create_directory(maildir / "new");
    const std::size_t rounds = world.journal.count("succeeded");
    REQUIRE(becomes([&] { return world.journal.count("succeeded") > rounds; }));
    deliver(maildir.folder.path(), "1.there", kMail);
    REQUIRE(becomes([&] { return names_in(maildir / "cur") == Names{"1.there:2,S"}; }));
    CHECK(world.stop());
}

TEST_CASE("maildir: one round") {
    World world;
    const Maildir maildir;
    world.make(maildir_of(maildir.folder.path()));
    CHECK(world.run_once());
    for (int i = 0; i < 600; ++i) write(maildir / ("new/" + std::to_string(i)), kMail);
    CHECK(world.run_once());
    CHECK(names_in(maildir / "cur").size() == 600);
    CHECK(names_in(maildir / "new").empty());
    write(maildir / "new/later", kMail);
    world.intake.set_broken(true);
    const auto result = world.run_once();
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::store_full);
    CHECK(names_in(maildir / "new").size() == 1);
}

TEST_CASE("folder: each file goes to the folder of its outcome") {
    World world;
    const TemporaryFolder folder;
    world.intake.decide_by([](const FakeIntake::Received& received) {
        if (received.bytes.starts_with("retry")) return Kind::retry;
        if (received.bytes.starts_with("quarantined")) return Kind::quarantined;
        if (received.bytes.starts_with("other")) return Kind::not_a_report;
        return received.bytes.starts_with("known") ? Kind::duplicate : Kind::stored;
    });
    // Moved in under its name, so that it is complete.
    const auto drop = [&](const std::string& name, const std::string& content) {
        write(folder / ".part-" + name, content);
        fs::rename(folder / ".part-" + name, folder / name);
    };
    REQUIRE(world.start(folder_of(folder_settings(folder.path()))));
    CHECK(names_in(folder.path()) == Names{"done", "other", "quarantined"});
    drop("r.xml", "retry");
    drop("q.xml", "quarantined");
    drop("o.xml", "other");
    drop("k.xml", "known");
    drop("s.xml", "stored");
    write(folder / "w.xml", "written");
    REQUIRE(becomes([&] { return names_in(folder / "done").size() == 3; }));
    drop("s.xml", "stored too");
    write(folder / "u.xml.part", "unfinished");
    write(folder / "u.xml.tmp", "unfinished");
    REQUIRE(becomes([&] { return names_in(folder / "done").size() == 4; }));
    fs::rename(folder / "u.xml.part", folder / "u.xml");
    REQUIRE(becomes([&] { return names_in(folder / "done").size() == 5; }));
    REQUIRE(becomes([&] { return world.journal.count("outcome") == 8; }));
    CHECK(world.stop());
    CHECK(names_in(folder / "done") == Names{"k.xml", "s.1.xml", "s.xml", "u.xml", "w.xml"});
    CHECK(names_in(folder / "other") == Names{"o.xml"});
    CHECK(names_in(folder / "quarantined") == Names{"q.xml"});
    CHECK(names_in(folder.path()) == Names{"done", "other", "quarantined", "r.xml", "u.xml.tmp"});
    CHECK(has_line(world, "outcome folder:dropped: quarantined moved to quarantined"));
    CHECK(has_line(world, "outcome folder:dropped: retry"));
    CHECK(world.intake.received().front().provenance.collector == "folder:dropped");
    CHECK(world.intake.received().front().provenance.received_at == world.clock.now());
    CHECK(world.journal.count("note folder:dropped: done") == 0);
}

TEST_CASE("folder: files are removed where that is wanted") {
    World world;
    const TemporaryFolder folder;
    FolderSettings settings = folder_settings(folder.path() + "/");
    settings.processed = "";
    settings.not_a_report = "kept/2026";
    settings.quarantined = "kept/2026/";
    REQUIRE(world.start(folder_of(settings)));
    write(folder / "a.xml", "a");
    REQUIRE(becomes([&] { return has_line(world, "outcome folder:dropped: stored removed"); }));
    CHECK(names_in(folder.path()) == Names{"kept"});
    CHECK(names_in(folder / "kept") == Names{"2026"});
    CHECK(world.stop());
}

TEST_CASE("folder: a file that is written to is not read, or read again") {
    World world;
    const TemporaryFolder folder;
    SECTION("open at the start") {
        std::ofstream slow(folder / "slow.xml");
        slow << "<feed" << std::flush;
        REQUIRE(world.start(folder_of(folder_settings(folder.path()))));
        REQUIRE(becomes([&] { return world.journal.count("succeeded") > 0; }));
        CHECK(world.intake.received().empty());
        slow << "back/>";
        slow.close();
        REQUIRE(becomes([&] { return names_in(folder / "done") == Names{"slow.xml"}; }));
        REQUIRE(world.intake.received().size() == 1);
        CHECK(world.intake.received()[0].bytes == "<feedback/>");
    }
    SECTION("settled before the start") {
        write(folder / "there.xml", "<feedback/>");
        REQUIRE(world.start(folder_of(folder_settings(folder.path()))));
        REQUIRE(becomes([&] { return names_in(folder / "done") == Names{"there.xml"}; }));
    }
    SECTION("between reading and moving") {
        REQUIRE(world.start(folder_of(folder_settings(folder.path()))));
        world.intake.set_holding(true);
        write(folder / "a.xml", "first");
        REQUIRE(becomes([&] { return world.intake.waiting() == 1; }));
        fs::remove(folder / "a.xml");
        write(folder / "a.xml", "second, and longer");
        world.intake.set_holding(false);
        REQUIRE(becomes([&] { return names_in(folder / "done") == Names{"a.xml"}; }));
        CHECK(world.intake.received().back().bytes == "second, and longer");
        CHECK(world.journal.count("note folder:dropped: a.xml was written to") == 1);
    }
    CHECK(world.stop());
}

TEST_CASE("folder: an mbox file is done when all its messages are durable") {
    World world;
    const TemporaryFolder folder;
    std::string mbox;
    for (int i = 0; i < 500; ++i) mbox += "From a@example.net Thu Nov 19 08:00:00 2026\nX-Number: " + std::to_string(i) + "\n\nbody\n\n";
    Kind worst = Kind::stored;
    Names expected_done, expected_quarantined, expected_left;
    SECTION("all stored") { expected_done = {"many.mbox"}; }
    SECTION("one quarantined") {
        worst = Kind::quarantined;
        expected_quarantined = {"many.mbox"};
    }
    SECTION("one not stored") {
        worst = Kind::retry;
        expected_left = {"many.mbox"};
    }
    world.intake.decide_by([worst](const FakeIntake::Received& received) { return received.bytes.starts_with("X-Number: 400\n") ? worst : Kind::stored; });
    REQUIRE(world.start(folder_of(folder_settings(folder.path()))));
    write(folder / ".new", mbox);
    world.intake.set_holding(true);
    fs::rename(folder / ".new", folder / "many.mbox");
    REQUIRE(becomes([&] { return world.intake.waiting() == 500; }));
    CHECK(names_in(folder / "done").empty());
    world.intake.set_holding(false);
    REQUIRE(becomes([&] { return world.journal.count("note folder:dropped: many.mbox: 500 messages") == 1; }));
    CHECK(names_in(folder / "done") == expected_done);
    CHECK(names_in(folder / "quarantined") == expected_quarantined);
    Names left = names_in(folder.path());
    for (const char* own : {"done", "other", "quarantined"}) left.erase(own);
    CHECK(left == expected_left);
    CHECK(world.journal.count("outcome folder:dropped: stored") == (worst == Kind::stored ? 500 : 499));
    CHECK(world.stop());
    CHECK(world.intake.received()[7].provenance.remote_key == folder / "many.mbox#" + std::to_string(mbox.find("X-Number: 7\n")));
}

TEST_CASE("folder: one round waits for what was dropped just now") {
    World world;
    const TemporaryFolder folder;
    write(folder / "a.xml", "a");
    world.make(folder_of(folder_settings(folder.path())));
    CHECK(world.run_once());
    CHECK(names_in(folder / "done") == Names{"a.xml"});
}

TEST_CASE("folder: a file beyond the limit is not held") {
    World world;
    world.limits.message_bytes = 100'000;
    const TemporaryFolder folder;
    REQUIRE(world.start(folder_of(folder_settings(folder.path()))));
    write(folder / ".new", std::string(5'000'000, 'x'));
    fs::rename(folder / ".new", folder / "large.xml");
    REQUIRE(becomes([&] { return world.intake.received().size() == 1; }));
    CHECK(world.intake.received()[0].bytes.size() == 100'001);  // enough for the limit's error
    CHECK(world.stop());
}
