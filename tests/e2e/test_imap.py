"""The IMAP collector against a real Dovecot: each message is stored exactly once, and ends where the configuration says."""

import os
import time
import unittest

import imap_server
from daemon import free_port, wait_until
from fault_proxy import Proxy
from harness import SANITIZED
from imap_case import PASSWORD, ImapCase, damaged, mixture, not_a_report, report, sent_again


def contents(mails):
    return [mail.content for mail in mails]


class WithDovecot(ImapCase):
    capabilities = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dovecot = imap_server.Dovecot(capabilities=cls.capabilities)
        cls.addClassCleanup(cls.dovecot.close)

    def setUp(self):
        super().setUp()
        self.user = self.new_user("user")

    def new_user(self, name, *folders):
        return self.dovecot.add_user(f"{name}.{self._testMethodName}@example.com", *folders)

    def collector(self, **keys):
        return self.imap(**{"port": self.dovecot.tls_port, "user": self.user, **keys})


class Mailbox(WithDovecot):
    def test_five_thousand(self):
        mails = mixture(4999)
        mails.insert(2500, report("large", filler=10_000_000))  # more than chunk_bytes
        for folder in ("Archive", "Other", "Damaged"):
            self.dovecot.add_user(self.user, folder)
        self.dovecot.put(self.user, contents(mails))
        text = self.collector(processed="move:Archive", not_a_report="move:Other", quarantined="move:Damaged")
        began = time.monotonic()
        done = self.collect(text, measured=True, timeout=240)
        print(f"5,000 messages in {time.monotonic() - began:.1f} s, peak memory {done.peak_bytes / 1e6:.0f} MB")
        self.assert_stored(mails)
        self.assert_disposed(self.dovecot, self.user, mails, "Archive", "Other", "Damaged")
        if not SANITIZED:
            self.assertLess(done.peak_bytes, 300e6)
        # nothing is left to do, and nothing is done
        self.collect(text)
        self.assert_stored(mails)
        self.assert_disposed(self.dovecot, self.user, mails, "Archive", "Other", "Damaged")

    def test_an_empty_mailbox(self):
        self.collect(self.collector())
        self.assertEqual(self.dovecot.folders(self.user), {})

    def test_leave_resumes_from_its_place(self):
        mails, later = mixture(60), mixture(20, "later")
        self.dovecot.put(self.user, contents(mails))
        with Proxy(self.dovecot.plain_port) as proxy:
            text = self.collector(port=proxy.port, security="insecure-plain")
            self.collect(text)
            self.assert_stored(mails)
            fetched = proxy.literals
            self.assertEqual(fetched, len(mails))
            self.collect(text)
            self.assertEqual(proxy.literals, fetched, "a mailbox without anything new is not fetched again")
            self.dovecot.put(self.user, contents(later), first=1000)
            self.collect(text)
            self.assertEqual(proxy.literals - fetched, len(later), "only what is new is fetched")
        self.assert_stored(mails + later)
        self.assert_disposed(self.dovecot, self.user, mails + later)

    def test_another_folder_of_the_same_mailbox_is_another_place(self):
        inbox, other = [report(f"inbox{n}") for n in range(5)], [report(f"other{n}") for n in range(9)]
        self.dovecot.add_user(self.user, "Other")
        self.dovecot.put(self.user, contents(inbox))
        self.dovecot.put(self.user, contents(other), "Other")
        self.collect(self.collector())
        self.assert_stored(inbox)
        # the same collector, pointed elsewhere: what it knows of INBOX says nothing of this one
        self.collect(self.collector(folder="Other"))
        self.assert_stored(inbox + other)

    def test_folders_with_names_beyond_ascii(self):
        # RFC 3501 section 5.1.3: modified UTF-7, in which & is &-
        mails = [report("one"), not_a_report("two")]
        self.dovecot.add_user(self.user, "Gelesen &APw-ber", "A &- B")
        self.dovecot.put(self.user, contents(mails), "Gelesen &APw-ber")
        self.collect(self.collector(folder="Gelesen über", processed="move:A & B"))
        self.assert_stored(mails)
        self.assert_disposed(self.dovecot, self.user, mails, "A &- B", "Gelesen &APw-ber")

    def test_changed_uid_validity_is_a_rescan_without_doubles(self):
        mails, later = mixture(60), mixture(20, "later")
        self.dovecot.put(self.user, contents(mails))
        text = self.collector()
        self.collect(text)
        before = self.dovecot.uid_validity(self.user)
        self.dovecot.change_uid_validity(self.user)
        self.dovecot.put(self.user, contents(later), first=1000)
        done = self.collect(text)
        self.assertNotEqual(self.dovecot.uid_validity(self.user), before)
        self.assertIn("UIDVALIDITY", done.out + done.err)
        self.assert_stored(mails + later)
        again = self.collect(text)
        self.assertNotIn("UIDVALIDITY", again.out + again.err)
        self.assert_stored(mails + later)

    def test_two_collectors(self):
        first, second = [report(f"first{n}") for n in range(20)], [report(f"second{n}") for n in range(30)]
        other = self.new_user("other")
        self.dovecot.put(self.user, contents(first))
        self.dovecot.put(other, contents(second + first[:3]))
        text = self.collector(processed="delete") + self.collector(name="second", user=other)
        self.collect(text, "imap:second")
        self.assert_stored(second + first[:3])
        self.assert_disposed(self.dovecot, self.user, first)
        self.collect(text)
        self.assert_stored(first + second)
        self.assert_disposed(self.dovecot, self.user, [])
        self.assert_disposed(self.dovecot, other, second + first[:3])

    def test_a_collector_that_is_not_configured(self):
        done = self.collect(self.collector(), "imap:nobody", code=2)
        self.assertIn("nobody", done.err)

    def test_one_that_fails_does_not_stop_the_other(self):
        mails = [report(f"r{n}") for n in range(5)]
        self.dovecot.put(self.user, contents(mails))
        text = self.collector(name="gone", port=free_port()) + self.collector()
        done = self.collect(text, code=1)
        self.assertIn("gone", done.err)
        self.assert_stored(mails)


class Disposals(WithDovecot):
    MAILS = [report("r1"), report("r2"), not_a_report("n1"), damaged("d1"), report("r3")]
    MAILS.append(sent_again(MAILS[0], "again"))
    MAILS.append(MAILS[1])
    # what is configured; where each kind is afterwards; its flags
    TABLE = [
        ("nothing said", {}, {}, {}),
        ("leave", {"processed": "leave", "not_a_report": "leave", "quarantined": "leave"}, {}, {}),
        ("seen", {"processed": "seen"}, {}, {"processed": {"\\Seen"}}),
        ("keyword", {"processed": "keyword:$Reported"}, {}, {"processed": {"$Reported"}}),
        ("move", {"processed": "move:Archive"}, {"processed": "Archive"}, {}),
        ("delete", {"processed": "delete"}, {"processed": None}, {}),
        ("all moved to one", {"processed": "move:Archive", "not_a_report": "move:Archive", "quarantined": "move:Archive"},
         {"processed": "Archive", "not_a_report": "Archive", "quarantined": "Archive"}, {}),
        ("each otherwise", {"processed": "delete", "not_a_report": "keyword:other", "quarantined": "move:Damaged"}, {"processed": None, "quarantined": "Damaged"},
         {"not_a_report": {"other"}}),
        ("not a report deleted", {"not_a_report": "delete", "quarantined": "seen"}, {"not_a_report": None}, {"quarantined": {"\\Seen"}}),
    ]

    def test_each(self):
        for number, (name, keys, where, flags) in enumerate(self.TABLE):
            with self.subTest(name):
                user, place = self.new_user(f"user{number}", "Archive", "Damaged"), self.place(f"place{number}")
                self.dovecot.put(user, contents(self.MAILS))
                text = self.collector(user=user, **keys)
                place.collect(text)
                place.assert_stored(self.MAILS)
                self.assert_disposed(self.dovecot, user, self.MAILS, flags=flags, **where)
                place.collect(text)
                place.assert_stored(self.MAILS)
                self.assert_disposed(self.dovecot, user, self.MAILS, flags=flags, **where)

    def test_what_others_did_stays_theirs(self):
        """Flags that were there stay; a message that somebody else marked as deleted is not removed by us, unless it is ours to remove."""
        theirs, ours, keep = report("theirs"), [report(f"ours{n}") for n in range(4)], not_a_report("keep")
        self.dovecot.put(self.user, contents(ours), flags="F")
        self.dovecot.put(self.user, [keep.content], flags="T", first=100)
        self.collect(self.collector(processed="delete"))
        self.assert_stored(ours + [keep])
        self.assert_mailbox(self.dovecot, self.user, {"INBOX": [(keep, {"\\Deleted"})]})
        self.dovecot.put(self.user, [theirs.content], flags="FS", first=200)
        self.collect(self.collector(processed="keyword:$Reported"))
        self.assert_mailbox(self.dovecot, self.user, {"INBOX": [(keep, {"\\Deleted"}), (theirs, {"\\Flagged", "\\Seen", "$Reported"})]})

    def test_a_folder_that_is_not_there(self):
        """It is made, or the error names it; the message is stored, and in the mailbox, either way."""
        mails = [report(f"r{n}") for n in range(3)]
        self.dovecot.put(self.user, contents(mails))
        done = self.run_whosent("--config", self.write("missing.toml", self.collector(processed="move:Missing")), "collect", "--once")
        self.assert_stored(mails)
        if done.code == 0:
            self.assert_disposed(self.dovecot, self.user, mails, "Missing")
        else:
            self.assertIn("Missing", done.err)
            self.assert_disposed(self.dovecot, self.user, mails)
            self.dovecot.add_user(self.user, "Missing")
            self.collect(self.collector(processed="move:Missing"))
            self.assert_stored(mails)
            self.assert_disposed(self.dovecot, self.user, mails, "Missing")


class DisposalsWithoutMove(Disposals):
    """The same of a server that offers no MOVE: COPY, \\Deleted, UID EXPUNGE (RFC 4315)."""

    capabilities = "IMAP4rev1 SASL-IR ID IDLE UIDPLUS LITERAL+"

    def test_that_it_was_not_moved(self):
        mails = [report(f"r{n}") for n in range(3)]
        self.dovecot.add_user(self.user, "Archive")
        self.dovecot.put(self.user, contents(mails))
        with Proxy(self.dovecot.plain_port) as proxy:
            self.collect(self.collector(port=proxy.port, security="insecure-plain", processed="move:Archive"))
            self.assertNotIn("MOVE", proxy.commands)
            self.assertIn("COPY", proxy.commands)
        self.assert_disposed(self.dovecot, self.user, mails, "Archive")


class Bare(WithDovecot):
    """A server with nothing but IMAP4rev1: no MOVE, no UIDPLUS, no IDLE, no SASL-IR, no LITERAL+."""

    capabilities = "IMAP4rev1"

    def test_another_ones_deleted_message_survives(self):
        ours, theirs = [report(f"r{n}") for n in range(3)], not_a_report("theirs")
        self.dovecot.add_user(self.user, "Archive")
        self.dovecot.put(self.user, contents(ours))
        self.dovecot.put(self.user, [theirs.content], flags="T", first=100)
        self.collect(self.collector(processed="move:Archive"))
        self.assert_stored(ours + [theirs])
        # EXPUNGE would take what somebody else marked: without UIDPLUS ours may stay, marked
        folders = self.dovecot.folders(self.user)
        self.assertEqual(sorted(message.digest for message in folders["Archive"]), sorted(mail.digest for mail in ours))
        self.assertIn((theirs.digest, frozenset({"\\Deleted"})), folders["INBOX"])
        self.assertEqual({message.flags for message in folders["INBOX"]}, {frozenset({"\\Deleted"})})
        # and is not copied once more
        self.collect(self.collector(processed="move:Archive"))
        self.assertEqual(len(self.dovecot.messages(self.user, "Archive")), len(ours))
        self.assert_stored(ours + [theirs])

    def test_it_polls(self):
        daemon = self.serve(self.collector(poll="1s"))
        mail = report("late")
        daemon.wait_log("ready")
        self.dovecot.put(self.user, [mail.content])
        self.wait_reports(["late"])


class Logins(WithDovecot):
    def collected(self, **keys):
        mail = report("r1")
        self.dovecot.put(self.user, [mail.content])
        self.collect(self.collector(**keys))
        self.assert_stored([mail])

    def test_tls(self):
        self.collected()

    def test_starttls(self):
        self.collected(security="starttls", port=self.dovecot.plain_port)

    def test_plain_where_it_is_asked_for_by_its_name(self):
        self.collected(security="insecure-plain", port=self.dovecot.plain_port)

    def test_password_from_the_environment(self):
        mail = report("r1")
        self.dovecot.put(self.user, [mail.content])
        self.collect(self.collector(password={"env": "MAILBOX_PASSWORD"}), env=self.environment(MAILBOX_PASSWORD=PASSWORD))
        self.assert_stored([mail])

    def test_password_as_a_credential_of_systemd(self):
        mail = report("r1")
        self.dovecot.put(self.user, [mail.content])
        os.chmod(self.write("credentials/mailbox", PASSWORD + "\n"), 0o600)
        self.collect(self.collector(password={"credential": "mailbox"}), env=self.environment(CREDENTIALS_DIRECTORY=self.path("credentials")))
        self.assert_stored([mail])

    def test_a_wrong_password(self):
        done = self.collect(self.collector(password=self.secret("wrong", "no such password")), code=1)
        self.assertIn("AUTHENTICATIONFAILED", done.err)
        self.assertNotIn("no such password", done.out + done.err)
        self.assertNotIn(self.user, done.out + done.err)

    def test_no_such_folder(self):
        done = self.collect(self.collector(folder="Nowhere"), code=1)
        self.assertIn("Nowhere", done.err)


class Serving(WithDovecot):
    def names(self, mails):
        return sorted({mail.report_id for mail in mails if mail.report_id})

    def test_idle(self):
        """What arrives is there at once: the mailbox tells, for it is polled once an hour only."""
        self.dovecot.add_user(self.user, "Archive")
        early, late = mixture(20, "early"), mixture(20, "late")
        self.dovecot.put(self.user, contents(early))
        daemon = self.serve(self.collector(processed="move:Archive", poll="1h"))
        self.wait_reports(self.names(early))
        for n, mail in enumerate(late):
            self.dovecot.put(self.user, [mail.content], first=1000 + n)
            if n % 5 == 4:
                self.wait_reports(self.names(early + late[:n + 1]))
        moved = [mail for mail in early + late if mail.kind == "processed"]
        wait_until(lambda: len(self.dovecot.messages(self.user, "Archive")) == len(moved), "all are moved")
        daemon.terminate()
        self.assert_stored(early + late)
        self.assert_disposed(self.dovecot, self.user, early + late, "Archive")

    def test_idle_is_renewed(self):
        with Proxy(self.dovecot.plain_port) as proxy:
            self.serve(self.collector(port=proxy.port, security="insecure-plain", poll="1h", idle_renew="1s"))
            wait_until(lambda: proxy.commands.count("IDLE") >= 4, lambda: f"IDLE is begun again: {proxy.commands}")
            self.dovecot.put(self.user, [report("r1").content])
            self.wait_reports(["r1"])
            self.assertEqual(proxy.connections, 1)

    def test_polling(self):
        with Proxy(self.dovecot.plain_port) as proxy:
            self.serve(self.collector(port=proxy.port, security="insecure-plain", idle=False, poll="1s"))
            for n in range(3):
                self.dovecot.put(self.user, [report(f"r{n}").content], first=n)
                self.wait_reports([f"r{m}" for m in range(n + 1)])
            self.assertNotIn("IDLE", proxy.commands)
            self.assertEqual(proxy.connections, 1)

    def test_a_daemon_that_is_started_again_goes_on(self):
        mails = mixture(40)
        self.dovecot.put(self.user, contents(mails[:20]))
        with Proxy(self.dovecot.plain_port) as proxy:
            text = self.collector(port=proxy.port, security="insecure-plain", poll="1h")
            daemon = self.serve(text)
            wait_until(lambda: self.place(None).message_count() == len({mail.digest for mail in mails[:20]}), "the first are stored")
            daemon.terminate()
            fetched = proxy.literals
            self.dovecot.put(self.user, contents(mails[20:]), first=1000)
            daemon.start()
            self.wait_reports(self.names(mails))
            wait_until(lambda: self.place(None).message_count() == len({mail.digest for mail in mails}), "the others are stored")
            daemon.terminate()
            self.assertEqual((fetched, proxy.literals - fetched), (20, 20))
        self.assert_stored(mails)

    def test_collectors_tells(self):
        mails = mixture(20)
        self.dovecot.put(self.user, contents(mails))
        self.collect(self.collector())
        listed = [entry for entry in self.listing("collectors") if entry["name"] == "imap:reports"]
        self.assertEqual(len(listed), 1)
        entry = listed[0]
        for kind, count in (("not_reports", 1), ("quarantined", 1), ("stored", 16), ("duplicates", 2)):
            self.assertEqual(entry[kind], count, kind)


if __name__ == "__main__":
    unittest.main()
