#!/usr/bin/env python3
"""check_rooms_test.py CHECK_ROOMS: every breach of the rooms' order is seen, and nothing else is called one."""
import pathlib
import subprocess
import sys
import tempfile

# file, its text, what the breach must say
BREACHES = [
    ("include/whosent/base/a.hpp", '#include "whosent/model/m.hpp"', "base may not know model"),
    ("src/base/a.cpp", '#include "whosent/store/s.hpp"', "base may not know store"),
    ("src/parse/a.cpp", '#include "whosent/unpack/u.hpp"', "parse may not know unpack"),
    ("src/parse/a.cpp", '#include <whosent/unpack/u.hpp>', "parse may not know unpack"),
    ("src/judge/deep/a.cpp", '#  include   "whosent/parse/p.hpp"', "judge may not know parse"),
    ("src/store/a.cpp", '#include "whosent/pipeline/l.hpp"', "store may not know pipeline"),
    ("src/export/encode/a.cpp", '#include "whosent/store/s.hpp"', "encode may not know store"),
    ("src/pipeline/a.cpp", '#include "whosent/collect/c.hpp"', "pipeline may not know collect"),
    ("src/collect/a.cpp", '#include "whosent/export/sink/k.hpp"', "collect may not know sink"),
    ("src/app/a.cpp", '#include "store/inside.hpp"', "inside store"),
    ("src/app/a.cpp", '#include "../store/inside.hpp"', "inside store"),
    ("src/app/a.cpp", '#include "whosent/base/missing.hpp"', "is not there"),
    ("src/cellar/a.cpp", "", "cellar is no room"),
    ("src/store/a.cpp", "#include <zlib.h>", "belongs to unpack, not to store"),
    ("src/collect/a.cpp", "#include <zip.h>", "belongs to unpack"),
    ("src/pipeline/a.cpp", "#include <libdeflate.h>", "belongs to unpack"),
    ("src/pipeline/a.cpp", "#include <gmime/gmime.h>", "belongs to unpack"),
    ("include/whosent/unpack/a.hpp", "#include <pugixml.hpp>", "belongs to parse"),
    ("src/app/a.cpp", "#include <sqlite3.h>", "belongs to store"),
    ("src/store/a.cpp", "#include <CLI/CLI.hpp>", "belongs to app"),
    ("src/judge/a.cpp", "#include <libpsl.h>", "belongs to base"),
    ("src/app/a.cpp", "#include <curl/curl.h>", "has no owner"),
    ("src/parse/a.cpp", "#include <thread>", "parse is pure"),
    ("src/export/encode/a.cpp", "#include <fstream>", "encode is pure"),
    ("src/unpack/a.cpp", "#include <unistd.h>", "unpack is pure"),
    ("src/judge/a.cpp", "auto now = std::chrono::system_clock::now();", "judge is pure"),
    ("src/judge/a.cpp", "auto now = time(nullptr);", "judge is pure"),
]

ALLOWED = [
    ("src/app/a.cpp", '#include "whosent/store/s.hpp"\n#include <CLI/CLI.hpp>\n#include <thread>\n#include "whosent/collect/c.hpp"'),
    ("src/store/a.cpp", '#include "inside.hpp"\n#include "store/inside.hpp"\n#include <sqlite3.h>\n#include "whosent/unpack/u.hpp"\n#include <sys/file.h>'),
    ("src/unpack/a.cpp", "#include <zlib.h>\n#include <gmime/gmime.h>\n#include <vector>\n#include <fmt/format.h>\n#include <chrono>"),
    ("src/base/a.cpp", "auto now = std::chrono::system_clock::now();\n#include <openssl/evp.h>"),
]


def run(check_rooms, file, text):
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        present = ["include/whosent/model/m.hpp", "include/whosent/store/s.hpp", "include/whosent/unpack/u.hpp", "include/whosent/parse/p.hpp",
                   "include/whosent/pipeline/l.hpp", "include/whosent/collect/c.hpp", "include/whosent/export/sink/k.hpp", "src/store/inside.hpp"]
        for path, content in [*((path, "") for path in present), (file, text)]:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(content + "\n")
        done = subprocess.run([sys.executable, check_rooms, folder], capture_output=True, text=True)
        return done.returncode, done.stdout


def main():
    check_rooms = sys.argv[1]
    wrong = []
    for file, text, expected in BREACHES:
        code, said = run(check_rooms, file, text)
        if code != 1 or f"{file}" not in said or expected not in said or "1 breaches" not in said:
            wrong.append(f"{file}: {text!r}: expected {expected!r}, got {code}: {said}")
    for file, text in ALLOWED:
        code, said = run(check_rooms, file, text)
        if code != 0:
            wrong.append(f"{file}: {text!r}: should be allowed: {said}")
    print("\n".join(wrong) or f"{len(BREACHES)} breaches seen, {len(ALLOWED)} files let pass")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
