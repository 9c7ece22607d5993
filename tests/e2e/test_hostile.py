"""Bombs and hostile input: each ends stored or in quarantine with a reason, in less than 300 MB."""

import base64
import gzip
import os
import struct
import unittest
import zlib

from harness import SANITIZED, TAIL, Case, head, mail, report, report_mail, row

MEMORY = 300_000_000


def deflated(prefix, filler, times):
    """A raw deflate stream of `prefix` and then `filler` over and over; cheap, because the compressed form is repeated too."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    out = packer.compress(prefix) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(filler) + packer.flush(zlib.Z_FULL_FLUSH)
    return out + block * times + packer.flush()


def gzip_bomb(prefix, filler, times):
    """Its checksum is wrong, which nobody should get to see."""
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + deflated(prefix, filler, times) + struct.pack("<II", 0, 0)


def zip_of(members):
    """(name, raw deflate stream, claimed size, checksum)… as a zip archive, whatever is claimed."""
    out, directory = b"", b""
    for name, packed, claimed, checksum in members:
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, checksum, len(packed), claimed, len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name
        out += b"PK\x03\x04" + fields + name + packed
    return out + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(out), 0)


class Hostile(Case):
    def take(self, name, content, *arguments):
        path = self.write(name, content)
        done = self.run_whosent("ingest", "--summary", "json", path, *arguments, measured=True)
        self.assertEqual(done.code, 0, done.err)
        if not SANITIZED:
            self.assertLess(done.peak_bytes, MEMORY, name)
        return done.json

    def quarantined(self, name, content, *says):
        """Nothing is stored, and the quarantine names the file and the reason."""
        summary = self.take(name, content)
        self.assertEqual((summary["quarantined"], summary["not_reports"]), (1, 0), summary)
        entry = self.listing("quarantine", "list")[-1]
        self.assertEqual(entry["name"], name)
        for text in says:
            self.assertIn(text, entry["reason"] + " " + entry["where"])
        return summary

    def stored_or_quarantined(self, name, content):
        summary = self.take(name, content)
        self.assertEqual(summary["not_reports"], 0, summary)
        self.assertGreaterEqual(summary["quarantined"] + summary["reports"]["aggregate"], 1, summary)
        if summary["quarantined"] == 0:
            number = self.listing("reports", "--limit", "0")[-1]["id"]
            self.assertTrue(self.listing("report", str(number))["diagnostics"])
        return summary

    def test_gzip_bomb_of_ten_gigabytes(self):
        bomb = gzip_bomb(b"", bytes(1 << 20), 10 << 10)
        self.assertTrue(9_000_000 < len(bomb) < 12_000_000)
        self.quarantined("bomb.eml", mail(bomb), "ratio")
        self.quarantined("bomb.xml.gz", bomb, "ratio")

    def test_gzip_bomb_that_begins_as_a_report(self):
        self.stored_or_quarantined("spaces.xml.gz", gzip_bomb(report("spaces")[:-len(TAIL)], b" " * (1 << 20), 4 << 10))
        self.stored_or_quarantined("within.xml.gz", gzip_bomb(head("within").encode() + b"<record><row>", b"<x>" * (1 << 18), 2 << 10))
        self.stored_or_quarantined("text.xml.gz", gzip_bomb(head("text").encode() + b"<record><row><source_ip>", b"1" * (1 << 20), 2 << 10))
        self.stored_or_quarantined("attribute.xml.gz", gzip_bomb(b'<feedback a="', b"1" * (1 << 20), 2 << 10))
        self.stored_or_quarantined("comment.xml.gz", gzip_bomb(head("comment").encode() + b"<!-- ", b"- " * (1 << 19), 2 << 10))

    def test_gzip_in_gzip(self):
        bomb = gzip_bomb(b"", bytes(1 << 20), 1 << 10)
        self.quarantined("twice.xml.gz", gzip.compress(gzip.compress(bomb)), "ratio")
        deep = report()
        for _ in range(12):
            deep = gzip.compress(deep)
        self.quarantined("deep.eml", mail(deep), "nesting")

    def test_zip_bombs(self):
        stream, spaces = deflated(b"", bytes(1 << 20), 2 << 10), deflated(b"", b" " * 1000, 1)
        self.quarantined("bomb.zip", zip_of([(b"report.xml", stream, (2 << 30) - 1, 0)]), "ratio")
        self.quarantined("lying.zip", zip_of([(b"report.xml", stream, 1000, 0)]))
        self.quarantined("many.zip", zip_of([(f"r{i}.xml".encode(), spaces, 1000, zlib.crc32(b" " * 1000)) for i in range(20_000)]), "archive_members")

    def test_a_zip_that_claims_two_gigabytes(self):
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        content = packed.compress(report()) + packed.flush()
        summary = self.take("claim.zip", zip_of([(b"report.xml", content, (2 << 30) - 1, zlib.crc32(report()))]))
        self.assertEqual(summary["quarantined"] + summary["records"], 1, summary)

    def test_deep_xml(self):
        deep = b"<a>" * 100_000 + b"</a>" * 100_000
        self.stored_or_quarantined("deep.xml", b"<feedback>" + deep + b"</feedback>")
        summary = self.stored_or_quarantined("record.xml", report("deep", [row(), "<record><row>" + deep.decode() + "</row></record>", row("192.0.2.2")]))
        self.assertEqual(summary["records"], 2)

    def test_thirty_megabytes_of_elements(self):
        self.stored_or_quarantined("opened.xml", head("opened").encode() + b"<a>" * 10_000_000)
        self.stored_or_quarantined("empty.xml", report("empty", [row(), "<record>" + "<a/>" * 7_500_000 + "</record>", row("192.0.2.2")]))
        self.stored_or_quarantined("no head.xml", b"<feedback>" + b"<a>" * 10_000_000)

    def test_entities_are_not_expanded(self):
        laughs = '<!DOCTYPE f [<!ENTITY a "' + "ha" * 1000 + '">'
        for entity, inner in zip("bcdefghij", "abcdefghi"):
            laughs += f'<!ENTITY {entity} "' + f"&{inner};" * 10 + '">'
        laughs += "]>"
        text = report("laughs", org="&j;").replace(b"<feedback>", laughs.encode() + b"<feedback>")
        self.take("laughs.xml", text)
        for stored in self.listing("reports"):
            self.assertLess(len(stored["org_name"]), 100)

    def test_a_message_of_a_million_parts(self):
        start = b"From: a@example.com\r\nSubject: Report Domain: example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        self.quarantined("parts.eml", start + b"--b\r\n\r\n\r\n" * 1_000_000 + b"--b--\r\n", "mime_parts")

    def test_deep_multiparts(self):
        levels = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(20_000))
        self.quarantined("levels.eml", b"Subject: Report Domain: example.com\r\nMIME-Version: 1.0\r\n" + levels, "mime_depth")
        mails = b"Content-Type: message/rfc822\r\n\r\n" * 100_000
        self.quarantined("mails.eml", b"Subject: Report Domain: example.com\r\nMIME-Version: 1.0\r\n" + mails, "mime_depth")

    def test_fourteen_megabytes_of_headers(self):
        body = report_mail("headers")
        for name, headers in (("many", b"X-Filler: 0123456789\r\n" * 640_000), ("one", b"X-Filler: " + b"0" * 14_000_000 + b"\r\n"),
                              ("folded", b"X-Filler: 0\r\n" + b" 0123456789012345678\r\n" * 640_000)):
            self.stored_or_quarantined(name + ".eml", headers + report_mail(name))

    def test_a_file_larger_than_any_message(self):
        path = self.path("sparse.eml")
        with open(path, "wb") as file:
            file.write(b"From: a@example.com\r\nSubject: Report Domain: example.com\r\n\r\n")
            file.truncate(1 << 30)
        done = self.run_whosent("ingest", "--summary", "json", path, measured=True)
        self.assertEqual((done.code, done.json["quarantined"]), (0, 1), done.err)
        if not SANITIZED:
            self.assertLess(done.peak_bytes, MEMORY)
        self.assertIn("message_bytes", self.listing("quarantine", "list")[-1]["reason"])

    def test_attachments_of_noise(self):
        noise = base64.b64encode(os.urandom(3_000_000))
        summary = self.take("noise.eml", mail(gzip.compress(report())).replace(
            b"--b1--", b"--b1\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + noise + b"\r\n--b1--"))
        self.assertEqual((summary["records"], summary["not_reports"]), (1, 0))

    def test_a_report_of_a_million_records(self):
        path = self.path("million.xml.gz")
        template = row("@", 2, dkim=[("example.com", "s1", "pass")], spf=[("bulk.example.net", "pass")]).split("@")
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(head("million").encode())
            for a in range(200):
                file.write("".join(f"{template[0]}10.{a}.{n // 250}.{n % 250}{template[1]}" for n in range(5000)).encode())
            file.write(TAIL.encode())
        done = self.run_whosent("ingest", "--summary", "json", path, measured=True)
        self.assertEqual((done.code, done.json["records"], done.json["quarantined"]), (0, 1_000_000, 0), done.err)
        print(f"a million records in {done.json['seconds']} s, {done.peak_bytes / 1e6:.0f} MB")
        domain = self.listing("domains")[0]
        self.assertEqual((domain["messages"], domain["pass"]), (2_000_000, 2_000_000))
        counted = self.run_whosent("report", "1", "--format", "csv", measured=True)
        self.assertEqual(len(counted.lines), 1_000_001)
        table = self.run_whosent("report", "1", measured=True)
        top = self.run_whosent("sources", "--limit", "3", "--format", "json", measured=True)
        self.assertEqual(len(top.json), 3)
        if not SANITIZED:
            for name, run in (("ingest", done), ("csv", counted), ("table", table), ("sources", top)):
                self.assertLess(run.peak_bytes, MEMORY, name)


if __name__ == "__main__":
    unittest.main()
