"""What happens around the daemon: the machine sleeps, addresses come and go. No poll is near in these tests, and no
connection breaks by itself."""

import os
import shutil
import subprocess
import sys
import unittest

from servers.model import simple
from servers.system_bus import SystemBus
from support import figure, wait_until
from surroundings_case import Surroundings

# Adds the seconds in the file $BOOT_GAP to CLOCK_BOOTTIME.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int status = real(clock, time);
  FILE *file = clock == CLOCK_BOOTTIME ? fopen(getenv("BOOT_GAP"), "r") : NULL;
  long gap;
  if (file && fscanf(file, "%ld", &gap) == 1) time->tv_sec += gap;
  if (file) fclose(file);
  return status;
}
"""


def compiler():
    return shutil.which("clang") or shutil.which("cc")


class Sleep(Surroundings):
    def test_logind_says_that_the_machine_wakes(self):
        server = self.serve()
        with SystemBus(self.directory) as bus:
            mirror = self.mirror(server)
            daemon = self.daemon(mirror, environment={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
            daemon.wait_until_watching()
            wait_until(lambda: bus.listeners and server.idling(), 5)
            bus.prepare_for_sleep(True)
            self.assertConnectsAnew(server, lambda: bus.prepare_for_sleep(False), 3)
            self.assertSoonHolds(mirror, server.box("INBOX"))
            self.assertEnds(daemon)

    def test_a_bus_that_goes_away_or_is_none(self):
        server = self.serve()
        with SystemBus(self.directory) as bus:
            mirror = self.mirror(server)
            daemon = self.daemon(mirror, environment={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
            daemon.wait_until_watching()
            wait_until(lambda: bus.listeners, 5)
        server.box("INBOX").add(simple(70))
        server.notify()
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertNotIn("bus", daemon.log)
        self.assertEnds(daemon)

    @unittest.skipUnless(compiler(), "no C compiler for the shim")
    def test_a_gap_between_the_clocks(self):
        place, gap = os.path.join(self.directory, "shim"), os.path.join(self.directory, "gap")
        with open(place + ".c", "w") as file:
            file.write(SHIM)
        subprocess.run([compiler(), "-shared", "-fPIC", "-o", place + ".so", place + ".c", "-ldl"], check=True)
        with open(gap, "w") as file:
            file.write("0")
        server = self.serve()
        mirror = self.mirror(server)
        daemon = self.daemon(mirror, environment={
            "LD_PRELOAD": place + ".so", "BOOT_GAP": gap, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
        daemon.wait_until_watching()
        wait_until(lambda: server.idling(), 5)

        def sleeps():
            with open(gap + ".new", "w") as file:
                file.write("3600")
            os.replace(gap + ".new", gap)

        self.assertConnectsAnew(server, sleeps, 10)
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEnds(daemon)


class Network(unittest.TestCase):
    weight = 20

    def test_in_a_network_of_its_own(self):
        """The tests of `InNamespace`."""
        words = ["unshare", "-rnm"] if os.getuid() else ["unshare", "-nm"]
        if not shutil.which("unshare") or not shutil.which("ip"):
            self.skipTest("no unshare or no ip here")
        if subprocess.run(words + ["ip", "link", "set", "lo", "up"], capture_output=True).returncode:
            self.skipTest("no network namespaces here")
        done = subprocess.run(
            words + [sys.executable, "-m", "unittest", "surroundings_case.InNamespace"], capture_output=True, text=True,
            cwd=os.path.dirname(os.path.abspath(__file__)))
        for line in done.stdout.splitlines():
            if line.startswith("figure: "):
                figure(line[8:])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
