"""What the readers that check the golden cases share: they walk the cases, compare what they read with expected.json, and hold diagnostics.txt
against the persons in the input. The readers know nothing of one another. Standard library only."""

import difflib
import json
import re
import sys
from pathlib import Path


def names_address(_data, diagnostics):
    """True where a local part is left of an address in the diagnostics."""
    return re.search(r"[A-Za-z0-9]@", diagnostics)


def problem_of(folder, input_name, read, error_of, prepare, names_person):
    """What is wrong with a case, or None."""
    data = (folder / input_name).read_bytes()
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    diagnostics = (folder / "diagnostics.txt").read_text(encoding="utf-8")
    if names_person(data, diagnostics):
        return "a diagnostic names a person"
    wanted = error_of(folder.name)
    if wanted:
        code = expected.get("error", {}).get("code")
        return None if code == wanted and not diagnostics else f"expected the error {wanted}, found {code}"
    found = read(folder.name, data)
    prepare(expected)
    if found == expected:
        return None
    texts = [json.dumps(reading, indent=1, ensure_ascii=False, sort_keys=True).splitlines() for reading in (expected, found)]
    return "\n".join(difflib.unified_diff(*texts, "expected.json", "read here", lineterm=""))


def run(root, input_name, read, error_of, prepare=lambda expected: None, names_person=names_address):
    """The exit status: 0 when every case under `root`, or under the folder of the first argument, is as expected, and there is one.

    read(name, data): what expected.json should hold. error_of(name): the code of the error that the case must end in, or None.
    prepare(expected): puts in order what has no order."""
    if len(sys.argv) > 1:
        root = Path(sys.argv[1])
    checked = failed = 0
    for folder in sorted(path.parent for path in root.glob(f"*/{input_name}")):
        checked += 1
        try:
            problem = problem_of(folder, input_name, read, error_of, prepare, names_person)
        except Exception as error:  # any: a case that cannot be read is a failed case
            problem = f"{type(error).__name__}: {error}"
        if problem:
            failed += 1
            print(f"FAILED {folder.name}: {problem}")
    print(f"{checked} cases checked, {failed} failed")
    return 1 if failed or not checked else 0
