#!/usr/bin/env python3
"""measure.py FILE COMMAND…: runs it and writes its peak memory in bytes to FILE.

The kernel counts what a process held before it became another program, so a test with large data in its hands cannot start what it measures.
"""

import os
import signal
import sys

child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss * 1024))
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
