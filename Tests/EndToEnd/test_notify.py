"""What the daemon tells a service manager, heard at its socket: READY, STATUS, RELOADING, WATCHDOG, STOPPING."""

import os
import time

from daemon import Daemon
from support import EndToEnd, sample, wait_until


class Notices(EndToEnd):
    weight = 8

    def daemon(self, mirror=None, **environment):
        if mirror is None:
            server = self.dovecot()
            sample(server, 3, ("INBOX",))
            mirror = self.mirror(server)
        return self.exits.enter_context(Daemon(mirror, environment=environment))

    def words(self, daemon, *names):
        """The names of what was told, in order, of those that are asked for."""
        return [line.partition("=")[0] for line in daemon.told if line.partition("=")[0] in names]

    def test_ready_reload_stop(self):
        daemon = self.daemon()
        self.assertEqual(self.words(daemon, "READY", "RELOADING", "STOPPING"), ["READY"])
        self.assertEqual(daemon.call("Status")["accounts"][0]["name"], "test")
        daemon.wait_for_notice("STATUS=1 account: 1 current")

        before = time.monotonic_ns() // 1000
        daemon.told = []
        daemon.hang_up()
        daemon.wait_for_notice("READY=1")
        after = time.monotonic_ns() // 1000
        self.assertEqual(self.words(daemon, "READY", "RELOADING", "MONOTONIC_USEC", "STOPPING"),
                         ["RELOADING", "MONOTONIC_USEC", "READY"])
        told = int(next(line for line in daemon.told if line.startswith("MONOTONIC_USEC=")).partition("=")[2])
        self.assertTrue(before <= told <= after, (before, told, after))

        daemon.told = []
        daemon.mirror.write("not a configuration\n")
        daemon.hang_up()
        daemon.wait_for_notice("READY=1")
        self.assertEqual(self.words(daemon, "READY", "RELOADING"), ["RELOADING", "READY"])

        daemon.told = []
        status, seconds = daemon.stop()
        wait_until(lambda: "STOPPING=1" in daemon.told)
        self.assertEqual(status, 0)
        self.assertLess(seconds, 5)
        # Not asked for: no watchdog, and no notice that only another kind of service sends.
        self.assertEqual(self.words(daemon, "WATCHDOG", "MAINPID", "READY"), [])

    def test_watchdog_only_while_it_lives(self):
        daemon = self.daemon(WATCHDOG_USEC="400000")
        daemon.wait_for_notice("WATCHDOG=1", 5)
        daemon.told = []
        time.sleep(3)
        # Due every 200 ms; a busy machine may skip some, but never for as long as 400 ms on the whole.
        count = daemon.told.count("WATCHDOG=1")
        self.assertTrue(8 <= count <= 20, count)

    def test_watchdog_of_another_process_is_not_for_us(self):
        daemon = self.daemon(WATCHDOG_USEC="200000", WATCHDOG_PID=str(os.getpid()))
        time.sleep(1.5)
        self.assertNotIn("WATCHDOG=1", daemon.told)

    def test_sockets_of_another_process_are_not_for_us(self):
        daemon = self.daemon(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
        self.assertTrue(daemon.socket.exists())
        self.assertEqual(daemon.call("Status")["accounts"][0]["name"], "test")
