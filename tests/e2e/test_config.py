"""Where settings come from, and what is said of a wrong one."""

import json
import os
import subprocess
import tomllib
import unittest

from harness import Case, report, row


class Config(Case):
    def show(self, *arguments, **options):
        out = self.ok(*arguments, "config", "show", **options).out
        return out, tomllib.loads(out)

    def test_precedence(self):
        file = self.write("whosent.toml", 'store = "sqlite:/from/file"\njobs = 3\n\n[limits]\nrows = 77\n')
        default = self.environment(WHOSENT_STORE=None, XDG_STATE_HOME="/state")
        out, values = self.show(env=default)
        self.assertEqual((values["store"], values["jobs"]), ("sqlite:/state/whosent/whosent.db", 0))
        self.assertRegex(out, r'(?m)^store = .* # default$')
        out, values = self.show("--config", file, env=default)
        self.assertEqual((values["store"], values["jobs"], values["limits"]["rows"]), ("sqlite:/from/file", 3, 77))
        self.assertIn(f"# {file}:1", out)
        self.assertIn(f"rows = 77  # {file}:5", out)
        self.assertRegex(out, r"(?m)^mime_depth = \d+  # default$")
        out, values = self.show("--config", file, env=self.environment(WHOSENT_STORE="sqlite:/from/environment"))
        self.assertEqual(values["store"], "sqlite:/from/environment")
        self.assertIn("# WHOSENT_STORE", out)
        out, values = self.show("--config", file, "--store", "sqlite:/from/flag", env=self.environment(WHOSENT_STORE="sqlite:/from/environment"))
        self.assertEqual(values["store"], "sqlite:/from/flag")
        self.assertIn("# --store", out)

    def test_options_before_and_behind_the_command(self):
        for arguments in (["--store", "sqlite:/x", "config", "show"], ["config", "show", "--store", "sqlite:/x"]):
            self.assertEqual(tomllib.loads(self.ok(*arguments).out)["store"], "sqlite:/x")

    def test_default_places(self):
        environment = self.environment(WHOSENT_STORE=None)
        if os.geteuid() == 0:
            self.assertEqual(self.show(env=environment)[1]["store"], "sqlite:/var/lib/whosent/whosent.db")
        environment["HOME"] = "/home/somebody"
        done = self.run_whosent("config", "show", env=environment, as_user=True)
        self.assertEqual(tomllib.loads(done.out)["store"], "sqlite:/home/somebody/.local/state/whosent/whosent.db", done.err)
        del environment["HOME"]
        self.fails(2, "config", "show", env=environment, as_user=True, says="--store")

    def test_the_default_store_is_made_for_its_owner_alone(self):
        environment = self.environment(WHOSENT_STORE=None, XDG_STATE_HOME=self.path("state"))
        self.fails(1, "sources", env=environment, says="whosent ingest")
        self.assertFalse(os.path.exists(self.path("state")))
        self.ok("ingest", self.write("r.xml", report()), env=environment)
        self.assertEqual(os.stat(self.path("state", "whosent")).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.path("state", "whosent", "whosent.db")).st_mode & 0o777, 0o600)
        self.assertEqual(len(self.ok("sources", "--format", "json", env=environment).json), 1)

    def test_what_is_shown_can_be_read(self):
        out, values = self.show()
        self.assertEqual(self.show("--config", self.write("copy.toml", out))[1], values)
        hostile = self.environment(WHOSENT_STORE='sqlite:/a "b"\\c\n')
        self.assertEqual(self.show(env=hostile)[1]["store"], 'sqlite:/a "b"\\c\n')

    def test_wrong_files(self):
        for name, text, says in (
            ("unknown", "jobs = 1\nstroe = 'x'\n", ["unknown.toml:2", "`stroe`", "did you mean `store`?"]),
            ("far", "colour = 'x'\n", ["far.toml:1", "known keys are store, jobs, commit_rows, privacy, retention, limits, dns, catalogue, hosts, domain, approve, sender, serve, feed, log, findings, collect, export"]),
            ("limit", "[limits]\nrow = 3\n", ["limit.toml:2", "did you mean `rows`?"]),
            ("section", "[limit]\nrows = 3\n", ["section.toml:1", "did you mean `limits`?"]),
            ("type", "\n\njobs = 'many'\n", ["type.toml:3", "whole number", "not text"]),
            ("fraction", "[limits]\nrows = 1.5\n", ["fraction.toml:2", "not a fraction"]),
            ("negative", "[limits]\nrows = -1\n", ["negative.toml:2", "at least 1, not -1"]),
            ("zero", "[limits]\nmime_depth = 0\n", ["zero.toml:2", "at least 1, not 0"]),
            ("much", "jobs = 100000\n", ["much.toml:1", "from 0 to 256, not 100000"]),
            ("store", "store = 5\n", ["store.toml:1", "`store` must be text"]),
            ("table", "limits = 5\n", ["table.toml:1", "[limits]"]),
            ("mode", "[dns]\nmode = 'maybe'\n", ["mode.toml:2", '"on" or "off"']),
            ("server", "[dns]\nservers = ['192.0.2.53',\n  'ns.example.org']\n", ["server.toml:3", "ns.example.org", "an address such as"]),
            ("port", "[dns]\nservers = ['192.0.2.53:0']\n", ["port.toml:2", "192.0.2.53:0"]),
            ("port6", "[dns]\nservers = ['[2001:db8::53]:70000']\n", ["port6.toml:2", "2001:db8::53"]),
            ("servers", "[dns]\nservers = '192.0.2.53'\n", ["servers.toml:2", "must be a list", "not text"]),
            ("many", f"[dns]\nservers = {['192.0.2.53'] * 17}\n", ["many.toml:2", "at most 16"]),
            ("deadline", "[dns]\ndeadline = '5'\n", ["deadline.toml:2", '"5s"']),
            ("late", "[dns]\ndeadline = '2h'\n", ["late.toml:2", "from 1s to 300s"]),
            ("flight", "[dns]\nin_flight = 0\n", ["flight.toml:2", "from 1 to 10000, not 0"]),
            ("dnskey", "[dns]\nserver = []\n", ["dnskey.toml:2", "did you mean `servers`?"]),
            ("dnstable", "dns = 'off'\n", ["dnstable.toml:1", "[dns]"]),
            ("catalogue", "[catalogue]\npath = 'x'\n", ["catalogue.toml:2", "known keys are file"]),
            ("hosts", "[hosts]\nasn_file = ''\n", ["hosts.toml:2", "names no file"]),
            ("one", "[domain]\nname = 'example.org'\n", ["one.toml:1", "[[domain]]"]),
            ("list", "domain = ['example.org']\n", ["list.toml:1", "[[domain]]", "not text"]),
            ("nameless", "jobs = 1\n[[domain]]\nparked = true\n", ["nameless.toml:2", "[[domain]] lacks `name`"]),
            ("badname", "[[domain]]\nname = 'exa mple.org'\n", ["badname.toml:2", "not a domain name"]),
            ("parked", "[[domain]]\nname = 'example.org'\nparked = 'yes'\n", ["parked.toml:3", "true or false, not text"]),
            ("network", "[[domain]]\nname = 'example.org'\nnetworks = ['192.0.2.0/33']\n", ["network.toml:3", "192.0.2.0/33"]),
            ("again", "[[domain]]\nname = 'example.org'\n[[domain]]\nname = 'Example.ORG.'\n", ["again.toml:3", "example.org stands at", "again.toml:1"]),
            ("domainkey", "[[domain]]\nname = 'example.org'\nnetwork = []\n", ["domainkey.toml:3", "did you mean `networks`?"]),
            ("approve", "[[approve]]\ndomain = 'example.org'\n", ["approve.toml:1", "lacks `sender`"]),
            ("by", "[[approve]]\ndomain = 'example.org'\nsender = 'x'\nby = 'arc'\n", ["by.toml:4", '"any", "dkim" or "spf"']),
            ("approved", "[[approve]]\ndomain = 'a.org'\nsender = 'x'\n[[approve]]\nsender = 'x'\ndomain = 'a.org'\nby = 'spf'\n", ["approved.toml:4", "approved.toml:1"]),
            ("sender", "[[sender]]\nname = 'X'\n", ["sender.toml:1", "lacks `id`"]),
            ("id", "[[sender]]\nid = 'Our ERP'\n", ["id.toml:2", "lower-case letters"]),
            ("ids", "[[sender]]\nid = 'x'\n[[sender]]\nid = 'x'\n", ["ids.toml:3", "ids.toml:1"]),
            ("suffix", "[[sender]]\nid = 'x'\nspf_includes = ['a b']\n", ["suffix.toml:3", "`spf_includes`"]),
            ("senderkey", "[[sender]]\nid = 'x'\nselectors = []\n", ["senderkey.toml:3", "unknown key `selectors` in [[sender]]"]),
            ("twice", "jobs = 1\njobs = 2\n", ["twice.toml:2"]),
            ("syntax", "jobs = 1\nstore = \n", ["syntax.toml:2"]),
        ):
            with self.subTest(name):
                path = self.write(name + ".toml", text)
                done = self.fails(2, "--config", path, "config", "show", says=says)
                self.assertEqual(len(done.err.splitlines()), 1, done.err)

    def test_dns_by_flag_environment_and_file(self):
        file = self.write("dns.toml", '[dns]\nmode = "off"\nservers = ["192.0.2.53", "[2001:db8::53]:5300"]\ndeadline = "2m"\nin_flight = 7\nattribution_deadline = "0s"\n')
        plain = self.environment(WHOSENT_DNS_SERVERS=None)
        out, values = self.show(env=plain)
        self.assertEqual(values["dns"], {"mode": "on", "servers": [], "deadline": "5s", "in_flight": 100, "attribution_deadline": "60s"})
        self.assertRegex(out, r"(?m)^servers = \[\]  # default: those of the system$")
        out, values = self.show("--config", file, env=plain)
        self.assertEqual(values["dns"], {"mode": "off", "servers": ["192.0.2.53", "[2001:db8::53]:5300"], "deadline": "120s", "in_flight": 7, "attribution_deadline": "0s"})
        self.assertIn(f'mode = "off"  # {file}:2', out)
        out, values = self.show("--config", file, env=self.environment(WHOSENT_DNS="on", WHOSENT_DNS_SERVERS="192.0.2.1:53, 192.0.2.2"))
        self.assertEqual((values["dns"]["mode"], values["dns"]["servers"]), ("on", ["192.0.2.1:53", "192.0.2.2"]))
        self.assertIn('mode = "on"  # WHOSENT_DNS\n', out)
        self.assertIn("# WHOSENT_DNS_SERVERS\n", out)
        for name, value in (("WHOSENT_DNS", "yes"), ("WHOSENT_DNS_SERVERS", "192.0.2.1,,192.0.2.2"), ("WHOSENT_DNS_SERVERS", "localhost")):
            self.fails(2, "config", "show", env=self.environment(**{name: value}), says=name)
        # a flag goes before what else would be wrong
        self.ok("attribute", "--help")
        self.fails(2, "attribute", "--dns-server", "localhost", says=["--dns-server", "localhost"])
        self.fails(1, "attribute", "--dns", "off", env=self.environment(WHOSENT_DNS="yes"), says="whosent ingest")

    def test_what_is_shown_of_senders_and_domains_can_be_read(self):
        text = """[catalogue]
file = "/some/where.json"
[hosts]
asn_file = "/some/asn.mmdb"
country_file = "/some/country.mmdb"
[[domain]]
name = "Example.ORG."
parked = true
[[domain]]
name = "example.com"
networks = ["192.0.2.77/24", "2001:db8::1"]
[[approve]]
domain = "example.com"
sender = "x"
by = "dkim"
[[sender]]
id = "x"
name = "X \\"and\\" Y"
spf_includes = ["spf.x.example"]
dkim_domains = ["x.example"]
dkim_cname_targets = ["dkim.x.example"]
envelope_domains = ["bounce.x.example"]
ptr_suffixes = ["out.x.example"]
dkim_selectors = ["x\\\\d+"]
networks = ["198.51.100.0/24"]
"""
        path = self.write("all.toml", text)
        out, values = self.show("--config", path)
        self.assertEqual(values["domain"], [{"name": "example.org", "parked": True, "networks": []},
                                            {"name": "example.com", "parked": False, "networks": ["192.0.2.0/24", "2001:db8::1/128"]}])
        self.assertEqual(values["approve"], [{"domain": "example.com", "sender": "x", "by": "dkim"}])
        self.assertEqual(values["sender"], tomllib.loads(text)["sender"])
        self.assertEqual((values["catalogue"], values["hosts"]), (tomllib.loads(text)["catalogue"], tomllib.loads(text)["hosts"]))
        self.assertIn(f"[[approve]]  # {path}:12\n", out)
        self.assertEqual(self.show("--config", self.write("copy.toml", out))[1], values)

    def test_the_sample_is_in_order(self):
        sample = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "samples", "whosent.toml")
        self.assertEqual([own["name"] for own in self.show("--config", sample)[1]["domain"]], ["example.com", "example.org"])
        self.assertEqual([a["sender"] for a in json.loads(self.ok("--config", sample, "--store", "sqlite:" + self.path("none.db"), "approvals", "--format", "json").out)], ["mailer"])

    def test_an_approval_of_nobody(self):
        path = self.write("a.toml", "[[sender]]\nid = 'our-erp'\n\n[[approve]]\ndomain = 'example.org'\nsender = 'our-epr'\n")
        self.fails(2, "--config", path, "ingest", self.write("r.xml", report()), says=["a.toml:4", "`our-epr`", "did you mean `our-erp`?"])

    def test_files_that_cannot_be_read(self):
        self.fails(1, "--config", self.write("c.toml", f"[catalogue]\nfile = '{self.path('none.json')}'\n"), "ingest", self.dir, says=["none.json", "No such file"])
        self.fails(1, "--config", self.path("none.toml"), "config", "show", says=["none.toml", "No such file"])
        self.fails(1, "--config", self.dir, "config", "show", says=self.dir)

    def test_limits_hold(self):
        config = self.write("small.toml", "[limits]\nrows = 2\n")
        path = self.write("three.xml", report("three", [row(), row("192.0.2.2"), row("192.0.2.3")]))
        summary = self.ingest("--config", config, path)
        self.assertEqual((summary["quarantined"], summary["records"]), (1, 0))
        self.assertIn("rows", self.listing("quarantine", "list")[0]["reason"])


class Check(Case):
    """`whosent config check`: everything that is wrong, not only the first."""

    def problems(self, text, *arguments, code=2, **options):
        path = self.write("whosent.toml", text)
        done = self.run_whosent("config", "check", path, *arguments, **options)
        self.assertEqual(done.code, code, done.out + done.err)
        self.assertTrue(all(line.startswith("whosent: ") for line in done.err.splitlines()), done.err)
        return [line.removeprefix("whosent: ").removeprefix(path + ":") for line in done.err.splitlines()]

    def secret(self, name="secret", mode=0o600, text="hunter2"):
        path = self.write(name, text)
        os.chmod(path, mode)
        return path

    def certificate(self, name, **options):
        """Certificate and key, made now."""
        paths = self.path(name + ".pem"), self.path(name + ".key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}.example.com", "-out", paths[0], "-keyout", paths[1]],
                       check=True, capture_output=True)
        os.chmod(paths[1], options.get("mode", 0o600))
        return paths

    IMAP = "[[collect.imap]]\nname = '{}'\nhost = 'imap.example.com'\nuser = 'somebody@example.com'\npassword = {}\n"

    def test_in_order(self):
        self.assertEqual(self.problems("", code=0), [])
        certificate, key = self.certificate("good")
        os.makedirs(self.path("m", "new"))
        os.makedirs(self.path("m", "cur"))
        text = (self.IMAP.format("box", f"{{ file = '{self.secret()}' }}") + f"ca_file = '{certificate}'\n[[collect.maildir]]\nname = 'm'\npath = '{self.path('m')}'\n"
                f"[[collect.folder]]\nname = 'f'\npath = '{self.dir}'\n[[collect.https]]\nname = 'h'\nlisten = '127.0.0.1:0'\ncertificate = '{certificate}'\nkey = '{key}'\n"
                f"[[collect.lmtp]]\nname = 'l'\nlisten = 'unix:{self.path('l.sock')}'\nrecipients = {{ 'd@example.com' = 'any' }}\n[serve]\ncertificate = '{certificate}'\nkey = '{key}'\n"
                f"client_ca = '{certificate}'\ncontrol = '{self.path('c.sock')}'\n[[domain]]\nname = 'example.com'\n"
                f"[[export.syslog]]\nname = 's'\nhost = 'siem.example.com'\ntransport = 'tls'\nca_file = '{certificate}'\ncertificate = '{certificate}'\nkey = '{key}'\n"
                f"[[export.hec]]\nname = 'h'\nurl = 'https://splunk.example.com:8088'\ntoken = {{ file = '{self.secret('hec')}' }}\n"
                f"[[export.bulk]]\nname = 'b'\nurl = 'https://es.example.com:9200'\nuser = 'u'\npassword = {{ file = '{self.secret('bulk')}' }}\n"
                f"[[export.webhook]]\nname = 'w'\nurl = 'https://hooks.example.com/'\nhmac_key = {{ file = '{self.secret('hook')}' }}\n"
                f"[[export.file]]\nname = 'f'\npath = '{self.path('events.ndjson')}'\n")
        path = self.write("whosent.toml", text)
        done = self.ok("config", "check", path)
        self.assertEqual((done.out, done.err), ("in order: 5 collectors, 5 sinks, 1 domain\n", ""))
        self.assertEqual(self.ok("--config", path, "config", "check").out, done.out)
        # nothing was made
        self.assertFalse(os.path.exists(self.store))
        self.assertEqual(sorted(os.listdir(self.dir)), ["bulk", "good.key", "good.pem", "hec", "hook", "m", "secret", "whosent.toml"])

    def test_what_sinks_need_is_not_there(self):
        certificate, key = self.certificate("client", mode=0o644)
        none = self.path("none")
        text = (f"[[export.syslog]]\nname = 's'\nhost = 'siem.example.com'\ntransport = 'tls'\nca_file = '{none}'\n"
                f"[[export.hec]]\nname = 'h'\nurl = 'https://splunk.example.com'\ntoken = {{ file = '{self.secret('open', mode=0o644)}' }}\n"
                f"[[export.bulk]]\nname = 'b'\nurl = 'https://es.example.com'\napi_key = {{ file = '{none}' }}\ncertificate = '{certificate}'\nkey = '{key}'\n"
                f"[[export.webhook]]\nname = 'w'\nurl = 'https://hooks.example.com'\nbearer = {{ env = 'NOT_SET_HERE' }}\n"
                f"[[export.file]]\nname = 'f'\npath = '{none}/events.ndjson'\n[feed]\nenabled = true\n[serve]\nlisten = ''\n")
        told = self.problems(text)
        for line, words in ((1, ["syslog:s", "none"]), (6, ["hec:h: `token`", "read"]), (10, ["bulk:b: `api_key`", "none"]), (10, ["bulk:b", "everybody may read the key"]),
                            (16, ["webhook:w: `bearer`", "NOT_SET_HERE", "the service must have it"]), (20, ["file:f", "none"]), (24, ["`feed.enabled`", "`listen` in [serve] is empty"])):
            self.assertTrue(any(each.startswith(f"{line}: ") and all(word in each for word in words) for each in told), (line, words, told))
        self.assertEqual(told[-1], "6 problems")
        self.assertNotIn("hunter2", "\n".join(told))

    def test_all_that_is_wrong(self):
        certificate, key = self.certificate("one")
        other, other_key = self.certificate("other", mode=0o644)
        self.write("text.pem", "no certificate")
        told = self.problems(
            "jobs = 'many'\nstroe = 1\n[[approve]]\ndomain = 'example.com'\nsender = 'sendgird'\n"                                  # 1 to 5
            + self.IMAP.format("a", "'hunter2'")                                                                                     # 6 to 10
            + self.IMAP.format("b", f"{{ file = '{self.path('none')}' }}")                                                            # 11 to 15
            + self.IMAP.format("c", f"{{ file = '{self.secret('open', 0o644)}' }}")                                                   # 16 to 20
            + self.IMAP.format("d", f"{{ file = '{self.secret('empty', text='')}' }}") + f"ca_file = '{self.path('text.pem')}'\n"     # 21 to 26
            + f"[serve]\nlisten = '127.0.0.1:2424'\ncertificate = '{certificate}'\nkey = '{other_key}'\ncontrol = '{self.path('x' * 120)}'\n"  # 27 to 31
            + "[[collect.lmtp]]\nname = 'l'\nrecipients = { 'd@example.com' = 'any' }\n"                                             # 32 to 34
            + "[[collect.lmtp]]\nname = 'k'\nlisten = 'unix:/nowhere/at/all.sock'\nrecipients = { 'd@example.com' = 'any' }\n"         # 35 to 38
            + f"[[collect.maildir]]\nname = 'm'\npath = '{self.path('m')}'\n[[collect.folder]]\nname = 'f'\npath = '{certificate}'\n"  # 39 to 44
            + f"[[collect.https]]\nname = 'h'\nlisten = '127.0.0.1:0'\ncertificate = '{self.path('none.pem')}'\nkey = '{key}'\n")         # 45 to 49
        everything = "\n".join(told)
        self.assertEqual(told[-1], f"{len(told) - 1} problems")
        for line in (1, 2, 3, 10, 11, 16, 21, 29, 31, 32, 35, 39, 42, 45):
            self.assertTrue(any(text.startswith(f"{line}: ") for text in told), f"line {line}:\n{everything}")
        for text in ("did you mean `store`?", "did you mean `sendgrid`?", "does not belong in the configuration", "imap:b: `password`", "everybody may read", "the secret is empty", "`ca_file`", "longer than a socket's path",
                     "`serve.listen` listens on 127.0.0.1:2424 already", "/nowhere/at: No such file", os.path.join("m", "new"), "is not a folder", "none.pem", "everybody may read the key"):
            self.assertIn(text, everything)
        self.assertNotIn("hunter2", everything)
        self.assertNotIn("somebody", everything)
        self.assertNotIn("d@example", everything)

    def test_stores_and_keys(self):
        told = self.problems(f"store = 'sqlite:{self.path('no', 'folder', 'w.db')}'\n", env=self.environment(WHOSENT_STORE=None))
        self.assertIn("1: `store`: " + self.path("no", "folder"), told[0])
        self.assertIn("sqlite:FILE", self.problems("", env=self.environment(WHOSENT_STORE="postgres:x"))[0])
        self.assertIn("is not a file", self.problems("", env=self.environment(WHOSENT_STORE="sqlite:" + self.path()))[0])
        keys = self.secret("keys", text="no keys")
        self.assertIn("2: `key_file`", self.problems(f"[privacy]\nkey_file = '{keys}'\n")[0])

    def test_folders_that_are_made_at_the_start(self):
        lmtp = "[[collect.lmtp]]\nname = 'l'\nlisten = 'unix:{}/l.sock'\nrecipients = {{ 'd@example.com' = 'any' }}\n"
        told = self.problems(lmtp.format("/run/whosent-that-nobody-made"), code=0)
        self.assertIn("/run/whosent-that-nobody-made is not there now", told[0])
        self.assertIn("/srv/whosent-that-nobody-made: No such file", self.problems(lmtp.format("/srv/whosent-that-nobody-made"))[0])

    def test_what_another_environment_has(self):
        """The service's environment and credentials need not be those of whoever checks."""
        text = self.IMAP.format("a", "{ env = 'WHOSENT_TEST_SECRET' }") + self.IMAP.format("b", "{ credential = 'imap' }")
        told = self.problems(text, code=0, env=self.environment(CREDENTIALS_DIRECTORY=None, WHOSENT_TEST_SECRET=None))
        self.assertEqual(len(told), 2)
        self.assertIn("WHOSENT_TEST_SECRET is not there where this is run", told[0])
        self.assertIn("credential imap", told[1])
        # as the service has them: one is empty, one is not there
        told = self.problems(text, env=self.environment(CREDENTIALS_DIRECTORY=self.dir, WHOSENT_TEST_SECRET=""))
        self.assertEqual(told[-1], "2 problems")
        self.secret("imap")
        self.assertEqual(self.problems(text, code=0, env=self.environment(CREDENTIALS_DIRECTORY=self.dir, WHOSENT_TEST_SECRET="hunter2")), [])

    def test_wrong_usage(self):
        self.fails(2, "config", "check", self.path("none.toml"), says="problem")
        self.fails(2, "config", "check", self.write("a.toml", "x = \n"), says="a.toml:1")
        self.fails(2, "--config", self.write("b.toml", ""), "config", "check", self.write("c.toml", ""), says="one configuration at a time")
        # other commands do not run with one
        self.fails(2, "--config", self.write("d.toml", "jobs = 'x'\nrows = 1\n"), "sources", says="d.toml:1")

    def test_secrets_are_not_shown(self):
        path = self.secret()
        text = self.IMAP.format("a", f"{{ file = '{path}' }}") + "[[collect.https]]\nname = 'h'\nlisten = '127.0.0.1:0'\ninsecure_plain = true\nsources = [{ name = 's', token = { env = 'WHOSENT_TEST_SECRET' } }]\n"
        out = self.ok("--config", self.write("w.toml", text), "config", "show", env=self.environment(WHOSENT_TEST_SECRET="hunter2")).out
        self.assertNotIn("hunter2", out)
        self.assertIn(f'password = {{ file = "{path}" }}\n', out)
        self.assertIn('sources = [{ name = "s", token = { env = "WHOSENT_TEST_SECRET" } }]\n', out)
        self.assertEqual(tomllib.loads(self.ok("--config", self.write("again.toml", out), "config", "show").out), tomllib.loads(out))


if __name__ == "__main__":
    unittest.main()
