#!/usr/bin/env python3
"""Runs one module of end-to-end tests: run.py BINARY MODULE. Fails when no test ran, and when one was skipped."""

import os
import sys
import unittest

if __name__ == "__main__":
    binary, module = sys.argv[1:3]
    os.environ["WHOSENT_BINARY"] = os.path.abspath(binary)
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    suite = unittest.defaultTestLoader.loadTestsFromNames([f"{module}.{name}" for name in sys.argv[3:]] or [module])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    if result.testsRun == 0 or result.skipped:
        print("no test ran, or one was skipped: that is a failure", file=sys.stderr)
        sys.exit(1)
    sys.exit(0 if result.wasSuccessful() else 1)
