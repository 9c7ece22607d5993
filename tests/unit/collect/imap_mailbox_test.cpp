// A mailbox that is read as it should be: what comes where, when, and from which place on.
#include <fmt/format.h>

#include <string>

#include "catch.hpp"
#include "imap_rig.hpp"
#include "imap_server.hpp"

using namespace whosent;
using namespace whosent::test;
using collect::Disposal;

namespace {

std::string mail(int number, const std::string& kind = "report") { return fmt::format("Subject: {} {}\r\n\r\nbody\r\n", kind, number); }

void fill(ImapServer& server, int count, std::uint32_t first = 1, std::uint32_t step = 1) {
    const auto held = server.lock();
    for (int i = 0; i < count; ++i) server.mails[first + static_cast<std::uint32_t>(i) * step].body = mail(i);
}

}  // namespace

TEST_CASE("an empty folder is a round that ends well") {
    ImapServer server;
    Rig rig(server.port());
    CHECK(rig.run_once());
    CHECK(rig.intake.stored().empty());
    CHECK(server.count("UID FETCH") == 0);
    CHECK(server.count("LOGOUT") == 1);
}

TEST_CASE("each message comes once, with its provenance, and stays where it is") {
    ImapServer server;
    fill(server, 300, 5, 3);
    Rig rig(server.port());
    CHECK(rig.run_once());
    CHECK(rig.intake.stored().size() == 300);
    CHECK(rig.intake.duplicates() == 0);
    const auto provenances = rig.intake.provenances();
    REQUIRE(provenances.size() == 300);
    CHECK(provenances.front().collector == "imap:reports");
    CHECK(provenances.front().remote_key == "17/5");
    CHECK(provenances.front().received_at == 1'795'305'600);
    CHECK(server.mails.size() == 300);
    CHECK(server.count("UID STORE") == 0);
    CHECK(rig.journal.count("outcome: ") == 300);
    CHECK(rig.journal.last_waiting == 0);
    // Chunks, two in flight, and not one command a message
    CHECK(server.count("UID FETCH") <= 1 + 3 + 5 + 1);
    CHECK(rig.journal.kept.starts_with("17 1:902 "));

    SECTION("and not again from the kept place on") {
        Rig again(server.port());
        again.journal.kept = rig.journal.kept;
        CHECK(again.run_once());
        CHECK(again.intake.stored().empty());
        server.deliver(mail(1000));
        Rig third(server.port());
        third.journal.kept = rig.journal.kept;
        CHECK(third.run_once());
        CHECK(third.intake.stored().size() == 1);
        CHECK(third.journal.kept.starts_with("17 1:100000 "));
    }
    SECTION("UIDVALIDITY changed: a note, and all of it again") {
        server.uid_validity = 18;
        Rig again(server.port());
        again.journal.kept = rig.journal.kept;
        CHECK(again.run_once());
        CHECK(again.intake.stored().size() == 300);
        CHECK(again.journal.has("note: UIDVALIDITY changed from 17 to 18: rescanning"));
    }
    SECTION("the place of another mailbox is none") {
        Rig again(server.port());
        again.journal.kept = rig.journal.kept;
        again.settings.user = "other@example.com";
        CHECK(again.run_once());
        CHECK(again.intake.stored().size() == 300);
        CHECK(again.journal.count("note: ") == 0);
    }
}

TEST_CASE("gaps between UIDs cost little") {
    ImapServer server;
    {
        const auto held = server.lock();
        server.mails[1].body = mail(1);
        server.mails[2'000'000'000].body = mail(2);
        server.mails[4'294'967'295].body = mail(3);
    }
    Rig rig(server.port());
    CHECK(rig.run_once());
    CHECK(rig.intake.stored().size() == 3);
    CHECK(server.count("UID FETCH") < 40);
    CHECK(rig.journal.kept.starts_with("17 1:4294967295 "));
}

TEST_CASE("originals go where their outcome says") {
    ImapServer server;
    {
        const auto held = server.lock();
        for (int i = 1; i <= 9; ++i) server.mails[static_cast<std::uint32_t>(i)].body = mail(i, i % 3 == 0 ? "spam" : i % 3 == 1 ? "broken" : "report");
    }
    Rig rig(server.port());
    rig.settings.processed = {Disposal::Kind::move, "Done & over"};
    rig.settings.not_a_report = {Disposal::Kind::keyword, "$Other"};
    rig.settings.quarantined = {Disposal::Kind::remove, ""};

    SECTION("MOVE, and UID EXPUNGE") {
        CHECK(rig.run_once());
        CHECK(server.other["Done &- over"].size() == 3);
        CHECK(server.count("CREATE \"Done &- over\"") == 1);
        CHECK(server.count("UID COPY") == 0);
    }
    SECTION("COPY and UID EXPUNGE") {
        server.capabilities = "IMAP4rev1 AUTH=PLAIN UIDPLUS";
        CHECK(rig.run_once());
        CHECK(server.other["Done &- over"].size() == 3);
        CHECK(server.count("UID MOVE") == 0);
    }
    CHECK(server.mails.size() == 3);
    for (const auto& [uid, kept] : server.mails) CHECK(kept.flags == std::set<std::string>{"$Other"});
    CHECK(server.count("EXPUNGE") == 0);
    CHECK(rig.journal.has("outcome: 17/2 0 moved to Done & over"));
    CHECK(rig.journal.has("outcome: 17/3 2 marked $Other"));
    CHECK(rig.journal.has("outcome: 17/4 3 deleted"));
    CHECK(rig.journal.kept.starts_with("17 1:9 "));
}

TEST_CASE("without UIDPLUS nothing is expunged, and that is said once") {
    ImapServer server;
    fill(server, 500);
    server.capabilities = "IMAP4rev1 AUTH=PLAIN";
    Rig rig(server.port());
    rig.settings.processed = {Disposal::Kind::move, "Done"};
    CHECK(rig.run_once());
    CHECK(server.mails.size() == 500);
    CHECK(server.other["Done"].size() == 500);
    CHECK(server.mails[7].flags == std::set<std::string>{"\\Deleted"});
    CHECK(server.count("EXPUNGE") + server.count("UID EXPUNGE") == 0);
    CHECK(rig.journal.count("note: ") == 1);
}

TEST_CASE("what cannot be done with originals is told, and they stay") {
    ImapServer server;
    fill(server, 3);
    Rig rig(server.port());
    SECTION("a keyword that the folder does not allow") {
        server.permanent_flags = "\\Seen \\Deleted";
        rig.settings.processed = {Disposal::Kind::keyword, "$Reported"};
        rig.settings.retry_least = rig.settings.retry_most = 60s;
        const auto result = rig.run_once();
        REQUIRE_FALSE(result);
        CHECK(result.error().message == "the folder allows no keyword $Reported");
        CHECK(server.count("UID STORE") == 0);
    }
    SECTION("a folder that cannot be made") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (!line.starts_with("CREATE")) return false;
            server.say(tag + " NO no rights for reports@example.com\r\n");
            return true;
        };
        rig.settings.processed = {Disposal::Kind::move, "Done"};
        rig.settings.retry_least = rig.settings.retry_most = 60s;
        const auto result = rig.run_once();
        REQUIRE_FALSE(result);
        CHECK(result.error().message == "the folder Done cannot be created: no rights for ***");
    }
    SECTION("moved to where they are: they stay, and are not new again") {
        rig.settings.processed = {Disposal::Kind::move, "inbox"};
        CHECK(rig.run_once());
        CHECK(server.count("UID MOVE") == 0);
    }
    CHECK(rig.intake.stored().size() == 3);
    CHECK(server.mails.size() == 3);
    CHECK(rig.journal.count("outcome: ") == 3);
}

TEST_CASE("a message that the store does not take yet stays, and holds up no other") {
    ImapServer server;
    fill(server, 20);
    server.mails[3].body = mail(3, "later");
    Rig rig(server.port());
    rig.settings.processed = {Disposal::Kind::move, "Done"};
    rig.intake.retries = 2;
    SECTION("one round: the others, and an error") {
        const auto result = rig.run_once();
        REQUIRE_FALSE(result);
        CHECK(server.mails.size() == 1);
        CHECK(rig.journal.kept.starts_with("17 1:2,4:20 "));
    }
    SECTION("steady: again after the back-off") {
        rig.start();
        CHECK(wait_for([&] { return server.in_folder("Done") == 20; }));
        CHECK(wait_for([&] { return rig.journal.count("outcome: ") == 22; }));
        CHECK(rig.stop());
        CHECK(rig.intake.duplicates() == 0);
    }
}

TEST_CASE("what the intake has no room for waits, and is not lost") {
    ImapServer server;
    fill(server, 100);
    Rig rig(server.port());
    rig.intake.full = 50;
    CHECK(rig.run_once());
    CHECK(rig.intake.stored().size() == 100);
    SECTION("a store that fails ends the session") {
        fill(server, 5, 1000);
        server.mails[1001].body = mail(5000);
        Rig again(server.port());
        again.intake.refusing = true;
        const auto result = again.run_once();
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::store_full);
    }
}

TEST_CASE("a message over the limit is told without its content, and does not come again") {
    ImapServer server;
    fill(server, 4);
    server.mails[2].body = "Subject: large\r\n\r\n" + std::string(300'000, 'x');
    Limits limits;
    limits.message_bytes = 100'000;
    Rig rig(server.port(), limits);
    rig.settings.quarantined = {Disposal::Kind::move, "Large"};
    SECTION("as its size says") {}
    SECTION("although its size says otherwise") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (line.find("RFC822.SIZE") == std::string::npos) return false;
            for (const auto& [uid, kept] : server.mails) server.say(fmt::format("* 1 FETCH (UID {} RFC822.SIZE 10)\r\n", uid));
            server.say(tag + " OK done\r\n");
            return true;
        };
    }
    CHECK(rig.run_once());
    CHECK(rig.intake.stored().size() == 4);
    CHECK(server.mails.size() == 3);
    CHECK(server.other["Large"].size() == 1);
    CHECK(rig.journal.has("outcome: 17/2 3 moved to Large"));
}

TEST_CASE("new messages are seen while idling") {
    ImapServer server;
    fill(server, 3);
    Rig rig(server.port());
    rig.settings.processed = {Disposal::Kind::move, "Done"};
    rig.start();
    REQUIRE(wait_for([&] { return server.in_folder("Done") == 3; }));
    REQUIRE(wait_for([&] { return server.count("IDLE") > server.count("DONE"); }));
    for (int i = 0; i < 5; ++i) {
        server.deliver(mail(100 + i));
        REQUIRE(wait_for([&] { return server.in_folder("Done") == 4U + static_cast<unsigned>(i); }));
    }
    CHECK(rig.stop());
    CHECK(server.count("LOGOUT") == 1);
    CHECK(server.connections == 1);
    CHECK(rig.journal.count("failed") == 0);
    CHECK(rig.intake.stored().size() == 8);
}

TEST_CASE("new messages are seen by polling where there is no IDLE") {
    ImapServer server;
    Rig rig(server.port());
    rig.settings.poll = 1s;
    SECTION("not offered") { server.capabilities = "IMAP4rev1 AUTH=PLAIN"; }
    SECTION("turned off") { rig.settings.idle = false; }
    SECTION("offered and refused") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (line != "IDLE") return false;
            server.say(tag + " NO not now\r\n");
            return true;
        };
    }
    rig.start();
    REQUIRE(wait_for([&] { return rig.journal.count("succeeded") >= 2; }));
    server.deliver(mail(1));
    CHECK(wait_for([&] { return rig.intake.stored().size() == 1; }));
    CHECK(server.count("NOOP") >= 1);
    CHECK(rig.stop());
}

TEST_CASE("IDLE is renewed, and the folder looked at") {
    ImapServer server;
    fill(server, 1);
    Rig rig(server.port());
    rig.settings.idle_renew = 1s;
    rig.start();
    REQUIRE(wait_for([&] { return server.count("IDLE") >= 1; }));
    {
        const auto held = server.lock();
        server.mails[9].body = mail(9);  // and nobody is told
    }
    CHECK(wait_for([&] { return rig.intake.stored().size() == 2; }));
    CHECK(server.count("IDLE") >= 2);
    CHECK(rig.stop());
    CHECK(rig.journal.count("failed") == 0);
}

TEST_CASE("the end waits for what is under way, and for nothing else") {
    ImapServer server;
    fill(server, 10);
    Rig rig(server.port());
    rig.settings.processed = {Disposal::Kind::move, "Done"};
    SECTION("outcomes that are still to come") {
        rig.intake.held = true;
        rig.start();
        REQUIRE(wait_for([&] { return server.count("IDLE") == 1; }));
        CHECK_FALSE(rig.stop(300ms));
        rig.intake.held = false;
        CHECK(wait_for([&] { return server.count("LOGOUT") == 1; }));
        CHECK(server.other["Done"].size() == 10);
    }
    SECTION("a collector that goes without an end") {
        rig.intake.held = true;
        rig.start();
        REQUIRE(wait_for([&] { return server.count("IDLE") == 1; }));
        rig.on_io([&] { rig.collector.reset(); });
        rig.intake.held = false;
        CHECK(wait_for([&] { return rig.intake.stored().size() == 10; }));
        CHECK(rig.journal.count("outcome: ") == 0);
    }
}
