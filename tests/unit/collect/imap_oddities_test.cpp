// Servers that hang, lie, drop, refuse, and talk unasked: each costs a retry and nothing else.
#include <fmt/format.h>

#include <string>

#include "catch.hpp"
#include "imap_rig.hpp"
#include "imap_server.hpp"

using namespace whosent;
using namespace whosent::test;
using collect::Disposal;
using collect::ImapSettings;

namespace {

std::string mail(int number) { return fmt::format("Subject: report {}\r\n\r\nbody\r\n", number); }

void fill(ImapServer& server, int count) {
    const auto held = server.lock();
    for (int i = 1; i <= count; ++i) server.mails[static_cast<std::uint32_t>(i)].body = mail(i);
}

}  // namespace

TEST_CASE("servers that cannot be talked to") {
    ImapServer server;
    fill(server, 1);
    Rig rig(server.port());
    rig.journal.kept = "17 1 00000000";
    std::string expected;
    SECTION("hangs before its greeting") {
        server.greeting = "";
        rig.settings.deadline = 1s;
        expected = "nothing came within 1 s";
    }
    SECTION("is none") {
        server.greeting = "220 mx.example.com ESMTP\r\n";
        expected = "cannot be read";
    }
    SECTION("says BYE") {
        server.greeting = "* BYE too many connections from reports@example.com\r\n";
        expected = "the server ended the session: too many connections from ***";
    }
    SECTION("offers no STARTTLS") {
        rig.settings.security = ImapSettings::Security::starttls;
        expected = "the server offers no STARTTLS";
    }
    SECTION("says PREAUTH before STARTTLS") {
        server.greeting = "* PREAUTH welcome\r\n";
        rig.settings.security = ImapSettings::Security::starttls;
        expected = "(PREAUTH): refused";
    }
    SECTION("puts more behind the answer to STARTTLS") {
        rig.settings.security = ImapSettings::Security::starttls;
        server.capabilities += " STARTTLS";
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (line != "STARTTLS") return false;
            server.say(tag + " OK begin\r\n* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] injected\r\n");
            return true;
        };
        expected = "refused";
    }
    SECTION("refuses the login, and quotes all of it") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (!line.starts_with("AUTHENTICATE")) return false;
            server.say(tag + " NO [AUTHENTICATIONFAILED] reports@example.com with hunter22, that is " + line.substr(19) + "\r\n");
            return true;
        };
        expected = "login refused: [AUTHENTICATIONFAILED] *** with ***, that is ***";
    }
    SECTION("allows no password") {
        server.capabilities = "IMAP4rev1 LOGINDISABLED";
        expected = "LOGINDISABLED";
    }
    SECTION("asks for ever") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (line.starts_with("AUTHENTICATE") || tag == "*") server.say("+ more\r\n");
            return line.starts_with("AUTHENTICATE") || tag == "*";
        };
        expected = "asks again and again";
    }
    SECTION("has no such folder") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (!line.starts_with("SELECT")) return false;
            server.say(tag + " NO [NONEXISTENT] Unknown Mailbox: INBOX\r\n");
            return true;
        };
        expected = "the folder cannot be opened: [NONEXISTENT] Unknown Mailbox: INBOX";
    }
    SECTION("tells no UIDVALIDITY") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (!line.starts_with("SELECT")) return false;
            server.say("* 1 EXISTS\r\n" + tag + " OK\r\n");
            return true;
        };
        expected = "no UIDVALIDITY";
    }
    SECTION("sends a line without end") {
        server.greeting = "* OK " + std::string(200'000, 'x');
        expected = "a line of more than 65536 bytes";
    }
    SECTION("announces a literal without end") {
        server.hook = [&](const std::string&, const std::string& line) {
            if (!line.starts_with("UID FETCH")) return false;
            server.say("* 1 FETCH (BODY[] {99999999999}\r\n");
            return true;
        };
        expected = "a literal of more than";
    }
    SECTION("ends commands that were not given") {
        server.hook = [&](const std::string&, const std::string& line) {
            if (!line.starts_with("UID FETCH")) return false;
            server.say("w999 OK done\r\n");
            return true;
        };
        expected = "ends a command that was not given";
    }
    const auto result = rig.run_once();
    REQUIRE_FALSE(result);
    INFO(to_string(result.error()));
    CHECK(to_string(result.error()).find(expected) != std::string::npos);
    CHECK(to_string(result.error()).find("hunter22") == std::string::npos);
    CHECK(to_string(result.error()).find("reports@") == std::string::npos);
    CHECK(rig.intake.stored().empty());
    CHECK(rig.journal.kept == "17 1 00000000");
    if (rig.settings.security == ImapSettings::Security::starttls) CHECK(server.count("AUTHENTICATE") + server.count("LOGIN") == 0);
}

TEST_CASE("logging in") {
    ImapServer server;
    fill(server, 1);
    Rig rig(server.port());
    SECTION("PLAIN with an initial response") {
        CHECK(rig.run_once());
        CHECK(server.count("AUTHENTICATE PLAIN AHJlcG9ydHNAZXhhbXBsZS5jb20AaHVudGVyMjI=") == 1);
    }
    SECTION("PLAIN without") {
        server.capabilities = "IMAP4rev1 AUTH=PLAIN LOGINDISABLED";
        std::string tag_of_it;
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (line == "AUTHENTICATE PLAIN") {
                tag_of_it = tag;
                server.say("+ \r\n");
                return true;
            }
            if (tag != "AHJlcG9ydHNAZXhhbXBsZS5jb20AaHVudGVyMjI=") return false;
            server.say(tag_of_it + " OK in\r\n");
            return true;
        };
        CHECK(rig.run_once());
    }
    SECTION("LOGIN") {
        server.capabilities = "IMAP4rev1";
        CHECK(rig.run_once());
        CHECK(server.count("LOGIN \"reports@example.com\" \"hunter22\"") == 1);
    }
    SECTION("already logged in, who we are is told") {
        server.greeting = "* PREAUTH hi\r\n";
        server.capabilities += " ID";
        CHECK(rig.run_once());
        CHECK(server.count("AUTHENTICATE") == 0);
        CHECK(server.count("ID (\"name\" \"whosent\" \"version\" \"") == 1);
    }
    CHECK(rig.intake.stored().size() == 1);
}

TEST_CASE("connections that are lost") {
    ImapServer server;
    fill(server, 200);
    Rig rig(server.port());
    rig.settings.processed = {Disposal::Kind::move, "Done"};
    std::atomic<unsigned> drops = 0;
    std::string where;
    SECTION("in a literal") { where = "BODY.PEEK"; }
    SECTION("before the answer to a move") { where = "UID MOVE"; }
    SECTION("after a move, before its answer") { where = "after move"; }
    SECTION("while listing") { where = "RFC822.SIZE"; }
    SECTION("while idling") { where = "IDLE"; }
    server.hook = [&](const std::string&, const std::string& line) {
        if (where == "after move" && line.starts_with("UID MOVE") && drops < 3) {
            ++drops;
            for (const auto uid : server.in_set(line.substr(9, line.find(' ', 9) - 9))) {
                server.other["Done"].push_back(server.mails[uid].body);
                server.mails.erase(uid);
            }
            server.hang_up();
            return true;
        }
        if (line.find(where) == std::string::npos || drops == 3) return false;
        ++drops;
        if (where == "BODY.PEEK") {
            const std::string set = line.substr(10, line.find(' ', 10) - 10);
            std::string bytes;
            for (const auto uid : server.in_set(set)) bytes += server.fetch_line(uid, line);
            server.say(bytes.substr(0, bytes.size() * 2 / 3));
        }
        server.hang_up();
        return true;
    };
    rig.start();
    CHECK(wait_for([&] { return server.in_folder("Done") == 200; }));
    CHECK(wait_for([&] { return drops == 3; }));
    CHECK(wait_for([&] { return rig.journal.count("outcome: ") >= 200; }));
    CHECK(wait_for([&] { return rig.journal.count("failed") >= 3; }));
    CHECK(rig.stop());
    CHECK(server.mails.empty());
    CHECK(std::set<std::string>(server.other["Done"].begin(), server.other["Done"].end()).size() == 200);
    CHECK(rig.intake.stored().size() == 200);
}

TEST_CASE("a message that makes the server fall holds up no other") {
    ImapServer server;
    fill(server, 100);
    Rig rig(server.port());
    rig.settings.processed = {Disposal::Kind::move, "Done"};
    server.hook = [&](const std::string&, const std::string& line) {
        if (line.find("BODY.PEEK") == std::string::npos) return false;
        const auto uids = server.in_set(line.substr(10, line.find(' ', 10) - 10));
        if (std::find(uids.begin(), uids.end(), 50) == uids.end()) return false;
        server.say("* 50 FETCH (UID 50 BODY[] {100}\r\nSubj");
        server.hang_up();
        return true;
    };
    rig.start();
    CHECK(wait_for([&] { return server.in_folder("Done") == 99; }));
    CHECK(rig.stop());
    CHECK(server.mails.size() == 1);
    CHECK(rig.intake.stored().size() == 99);
}

TEST_CASE("servers that return nothing") {
    ImapServer server;
    fill(server, 70);
    Rig rig(server.port());
    SECTION("for many messages at once") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (line.find("BODY.PEEK") == std::string::npos || server.in_set(line.substr(10, line.find(' ', 10) - 10)).size() < 8) return false;
            server.say(tag + " OK done\r\n");
            return true;
        };
        CHECK(rig.run_once());
        CHECK(rig.intake.stored().size() == 70);
    }
    SECTION("for BODY.PEEK[]") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (line.find("BODY.PEEK") == std::string::npos) return false;
            server.say("* 1 FETCH (UID 1)\r\n" + tag + " OK done\r\n");
            return true;
        };
        CHECK(rig.run_once());
        CHECK(rig.intake.stored().size() == 70);
        CHECK(rig.journal.count("note: ") == 1);
    }
    SECTION("for one message, whatever is asked") {
        server.hook = [&](const std::string& tag, const std::string& line) {
            if (line.find("BODY") == std::string::npos) return false;
            for (const auto uid : server.in_set(line.substr(10, line.find(' ', 10) - 10)))
                if (uid != 33) server.say(server.fetch_line(uid, line));
            server.say(tag + " NO [SERVERBUG] something went wrong\r\n");
            return true;
        };
        rig.settings.retry_least = rig.settings.retry_most = 60s;
        const auto result = rig.run_once();
        REQUIRE_FALSE(result);
        CHECK(to_string(result.error()).find("17/33: a message cannot be fetched: [SERVERBUG] something went wrong") != std::string::npos);
        CHECK(rig.intake.stored().size() == 69);
        CHECK(rig.journal.kept.starts_with("17 1:32,34:70 "));
    }
    SECTION("because they are gone") {
        bool gone = false;
        server.hook = [&](const std::string&, const std::string& line) {
            if (line.find("BODY.PEEK") != std::string::npos && !std::exchange(gone, true))
                for (std::uint32_t uid = 10; uid < 20; ++uid) server.mails.erase(uid);
            return false;
        };
        CHECK(rig.run_once());
        CHECK(rig.intake.stored().size() == 60);
        CHECK(rig.journal.kept.starts_with("17 1:70 "));
    }
}

TEST_CASE("servers that talk unasked and in any order") {
    ImapServer server;
    fill(server, 30);
    Rig rig(server.port());
    rig.settings.chunk_messages = 10;
    server.hook = [&](const std::string& tag, const std::string& line) {
        server.say("* 31 EXISTS\r\n* 5 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (UID 77 BODY[] {3}\r\nxyz)\r\n* XNEW {4}\r\nabcd thing\r\n");
        if (line.find("BODY.PEEK") == std::string::npos) return false;
        auto uids = server.in_set(line.substr(10, line.find(' ', 10) - 10));
        std::reverse(uids.begin(), uids.end());
        for (const auto uid : uids) {
            const std::string& body = server.mails[uid].body;
            server.say(fmt::format("* 1 fetch (body[] {{{}}}\r\n{} FLAGS () uid {})\r\n* OK still here {{5}}\r\n", body.size(), body, uid));
            server.say(server.fetch_line(uid, line));  // and once more
        }
        server.say(tag + " ok\r\n");
        return true;
    };
    CHECK(rig.run_once());
    CHECK(rig.intake.stored().size() == 30);
    CHECK(rig.intake.duplicates() == 0);
}

TEST_CASE("sizes that are not true do no harm") {
    ImapServer server;
    fill(server, 50);
    Rig rig(server.port());
    rig.settings.chunk_bytes = 1000;
    server.hook = [&](const std::string& tag, const std::string& line) {
        if (line.find("RFC822.SIZE") == std::string::npos) return false;
        for (const auto& [uid, kept] : server.mails) server.say(fmt::format("* 1 FETCH (UID {} RFC822.SIZE {})\r\n", uid, uid % 3 == 0 ? 0 : uid % 3 == 1 ? 60'000'000 : 5));
        server.say(tag + " OK done\r\n");
        return true;
    };
    CHECK(rig.run_once());
    CHECK(rig.intake.stored().size() == 50);
}

TEST_CASE("throttling is honoured") {
    ImapServer server;
    fill(server, 5);
    Rig rig(server.port());
    std::string words;
    std::chrono::milliseconds least = 0ms;
    SECTION("with a time") {
        words = "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds";
        least = 299'961ms;
    }
    SECTION("with more than an hour") {
        words = "NO Suggested Backoff Time: 99999999999 milliseconds";
        least = 3'600'000ms;
    }
    SECTION("without one") { words = "NO [LIMIT] not so fast"; }
    server.hook = [&](const std::string& tag, const std::string& line) {
        if (line.find("BODY.PEEK") == std::string::npos) return false;
        server.say(fmt::format("{} {}\r\n", tag, words));
        return true;
    };
    rig.settings.retry_most = 1s;
    rig.start();
    REQUIRE(wait_for([&] { return rig.journal.count("failed") >= 1; }));
    CHECK(rig.journal.has("the server wants us to slow down"));
    CHECK(rig.stop());
    CHECK(rig.journal.delays.front() >= least);
    CHECK(rig.journal.delays.front() <= std::max<std::chrono::milliseconds>(least, 1000ms));
    CHECK(rig.intake.stored().empty());
}

TEST_CASE("a server that does not answer does not hold up the end") {
    ImapServer server;
    fill(server, 5);
    Rig rig(server.port());
    rig.settings.deadline = 60s;
    SECTION("to a command") {
        server.hook = [&](const std::string&, const std::string& line) { return line.find("RFC822.SIZE") != std::string::npos; };
        rig.start();
        REQUIRE(wait_for([&] { return server.count("UID FETCH 1") >= 1; }));
    }
    SECTION("to LOGOUT") {
        server.hook = [&](const std::string&, const std::string& line) { return line == "LOGOUT"; };
        rig.start();
        REQUIRE(wait_for([&] { return server.count("IDLE") >= 1; }));
    }
    SECTION("to a connection") {
        server.greeting = "";
        rig.start();
        REQUIRE(wait_for([&] { return server.connections == 1; }));
    }
    CHECK(rig.stop());
}
