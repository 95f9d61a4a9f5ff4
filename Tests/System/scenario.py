#!/usr/bin/env python3
"""An operator's days with the package, in order, under a real systemd. Run by Tests/System/run inside the machine.

    scenario.py [TEST...]    only these (each builds on those before it)
"""
import sys
import time
import traceback

import crowd
import days
import outside
import package
import record
import wedge
from machine import UNIT, run

CHAPTERS = [days, outside, wedge, crowd, record, package]


def main():
    tests = {name[5:]: test for chapter in CHAPTERS for name, test in vars(chapter).items() if name.startswith("test_")}
    wanted = sys.argv[1:] or list(tests)
    passed = failed = 0
    for name in wanted:
        began = time.monotonic()
        try:
            tests[name]()
            passed += 1
            print(f"ok    {name.replace('_', ' ')} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL  {name.replace('_', ' ')}\n{traceback.format_exc()}", flush=True)
            print(run("journalctl", "--unit", UNIT, "--lines=25", "--no-pager", check=False).stdout, flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
