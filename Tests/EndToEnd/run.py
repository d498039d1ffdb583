#!/usr/bin/env python3
"""Runs the tests from outside, a class at a time, three at once (MAILMIRROR_JOBS; most of the time they wait), each class
in its own process, then one by one the classes that measure times and say `alone = True`.

    run.py [--counts FILE] [PATTERN...]      a pattern is part of module.Class or of a test's name
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


class Recorder(unittest.TextTestResult):
    """Keeps for each test what became of it and how long it took."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        failed = any(getattr(one, "test_case", one) is test for one, _ in self.failures + self.errors)
        self.rows = getattr(self, "rows", [])
        skipped = any(one is test for one, _ in self.skipped)
        if not skipped:
            self.rows.append((test.id(), not failed, time.monotonic() - self.began, ""))


def one(names, report):
    """Runs the named tests in this process and writes what became of them."""
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Recorder)
    result = runner.run(suite)
    rows = getattr(result, "rows", [])
    rows += [(one.id(), False, 0.0, "") for one, _ in result.failures + result.errors
             if not isinstance(getattr(one, "test_case", one), unittest.TestCase)]
    rows += [(one.id(), None, 0.0, reason) for one, reason in result.skipped]
    Path(report).write_text(json.dumps(rows))


def tests(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests(item)
        else:
            yield item


def collect(patterns):
    """[(weight, class name, [test ids], alone)], heaviest first. A class may ask to be split into single tests."""
    groups = {}
    for test in tests(unittest.defaultTestLoader.discover(str(HERE), top_level_dir=str(HERE))):
        name = test.id()
        if patterns and not any(pattern in name for pattern in patterns):
            continue
        kind = type(test)
        key = name if getattr(kind, "split", False) else "%s.%s" % (kind.__module__, kind.__qualname__)
        groups.setdefault(key, (getattr(kind, "weight", 1), key, [], getattr(kind, "alone", False)))[2].append(name)
    return sorted(groups.values(), key=lambda group: -group[0])


def child(group):
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        done = subprocess.run([sys.executable, __file__, "--report", report.name, *group[2]], cwd=HERE,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = report.read()
    rows = json.loads(text) if text else [(group[1], False, 0.0, "")]
    for name, passed, seconds, reason in rows:
        if passed is None:
            print("skip %s: %s" % (name, reason), flush=True)
        else:
            print("%s %s (%.1f s)" % ("ok  " if passed else "FAIL", name, seconds), flush=True)
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("figure: "):
            print("     " + line[8:], flush=True)
    if any(passed is False for _, passed, _, _ in rows):
        print(done.stdout.decode(errors="replace"), flush=True)
    return [passed for _, passed, _, _ in rows if passed is not None]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", help="write 'PASSED FAILED' to this file")
    parser.add_argument("--report", help=argparse.SUPPRESS)
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()
    if options.report:
        one(options.patterns, options.report)
        return 0
    import support
    # A shell's background job ignores it, and so would the programs that are ended by it here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("seed %d (MAILMIRROR_SEED=%d runs the same)" % (support.SEED, support.SEED), flush=True)
    os.environ["MAILMIRROR_SEED"] = str(support.SEED)
    for old in support.SCRATCH.glob("mail-*"):
        shutil.rmtree(old, ignore_errors=True)
    jobs = int(os.environ.get("MAILMIRROR_JOBS") or 3)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        groups = collect(options.patterns)
        results = [passed for rows in pool.map(child, [one for one in groups if not one[3]]) for passed in rows]
        results += [passed for one in groups if one[3] for passed in child(one)]
    passed, failed = results.count(True), results.count(False)
    if options.counts:
        Path(options.counts).write_text("%d %d" % (passed, failed))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
