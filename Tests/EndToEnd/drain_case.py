"""What the tests of POP3 share: a server with mail, an account that drains it, and what must have come of it."""

import concurrent.futures
import os
import time
import traceback
from pathlib import Path

import check
import corpus
from daemon_case import DaemonCase
from mirror import Mirror
from servers.pop3_dovecot import POP3Dovecot
from servers.pop3_scripted import POP3Scripted, drops
from survival import Survival

AT_ONCE = 8


def digests(messages):
    """Sorted digests of messages as they must be on disk: Drops, or (bytes, flags, date) of a corpus, as Dovecot
    keeps them: of CR CR LF it keeps one CR."""
    return sorted(check.digest(one[0].replace(b"\r\r\n", b"\r\n")) if isinstance(one, tuple) else one.digest()
                  for one in messages)


def intents(mirror):
    """What the state has begun and not brought to its end. A deletion that is not confirmed, of a message that is listed
    no more, waits for the first listing that has any: one that is empty may be a mistake."""
    left = [row for rows in mirror.tables("intent").values() for row in rows]
    left += mirror.query("SELECT * FROM message WHERE state = 0")
    return left + mirror.query("SELECT * FROM drained WHERE departure IN (1, 2) AND absent_at IS NULL")


class DrainCase(Survival, DaemonCase):
    weight = 20
    # A server's text of any length is cut, at present with the remedy behind it.
    told = r"(?m)^mailmirror: [^:]+.*: .+(; .+|\.\.\.$)"
    allowed = Survival.allowed | {"daemon.log", "strace", "steps"}

    # Servers.

    def office(self, messages=None, **options):
        """A real server with those messages, or a dozen realistic ones, in INBOX."""
        server = self.exits.enter_context(POP3Dovecot(**options))
        messages = list(corpus.realistic(12, largest=40_000)) if messages is None else list(messages)
        if messages:
            server.append("INBOX", messages)
        return server

    def serve(self, messages=None, **options):
        """A scripted server, with four small messages by default."""
        return self.exits.enter_context(POP3Scripted(drops(4) if messages is None else messages, **options))

    # Accounts.

    def drain(self, server, name="mirror", beside=None, **account):
        """An account that drains the server: over TLS a real one, as it speaks a scripted one."""
        settings = {"protocol": "pop3", "direction": None, "host": "localhost", "user": "user"}
        if isinstance(server, POP3Scripted):
            settings.update(port=server.port, tls=server.tls, timeout="5s",
                            tls_ca_file=None if server.tls == "none" else server.ca)
            if server.tls == "none":
                settings["host"] = "127.0.0.1"
        else:
            settings.update(port=server.pop3s, tls_ca_file=server.ca)
        settings.update(account)
        if beside is not None:
            mirror = Mirror(beside.directory, None, name=name, first=beside, **settings)
        else:
            mirror = Mirror(os.path.join(self.directory, name), None, **settings)
        mirror.set_password(server.password)
        mirror.write()
        return mirror

    # Many cases.

    def side_by_side(self, cases, body):
        """Runs body(*case) for each, some at once, since most of their time is waiting; tells of all that failed."""
        def failure(case):
            try:
                body(*case)
            except Exception:  # noqa: BLE001  told below
                return "%.200r: %s" % (case, traceback.format_exc())
            return None

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            failures = [text for text in pool.map(failure, cases) if text]
        self.assertEqual(len(failures), 0, "\n".join(failures))

    # What must hold.

    def assertDelivered(self, mirror, wanted, folder=b"INBOX", leftovers=False):
        """The folder, and it alone, holds those messages: each as often as it is listed."""
        place = mirror.folder_of(folder)
        found, odd = check.folder_messages(place) if Path(place).exists() else ({}, [])
        self.assertEqual(odd, [])
        self.assertEqual(self.surplus(found.values(), wanted), ([], []), "(surplus, lacking)")
        self.assertEqual(len(mirror.bodies()), len(found), "mail in another folder")
        if not leftovers:
            self.assertEqual([entry for one in check.folders(mirror.root) for entry in os.listdir(one / "tmp")], [])

    def surplus(self, found, wanted):
        import collections
        found = collections.Counter(one.digest for one in found)
        wanted = collections.Counter(wanted)
        return [one[:8] for one in (found - wanted).elements()], [one[:8] for one in (wanted - found).elements()]

    def assertNoIntents(self, mirror):
        """No delivery is unsettled, and no deletion on the server unconfirmed."""
        self.assertEqual(intents(mirror), [])

    def assertNotSignedIn(self, server, result):
        """No credentials were sent, in any form."""
        said = server.words()
        for word in ("USER", "PASS", "APOP", "AUTH"):
            self.assertNotIn(word, said)
        self.assertEqual(result.status, 1, result.err)

    # Steps.

    def survives(self, server, mirror, complete=False, emptied=True):
        """Drains the misbehaving server, then the same one behaving: nothing is lost, nothing is there twice."""
        wanted = digests(server.drops)
        whole = list(server.drops)
        result = mirror.sync(timeout=90)
        server.settle()
        self.assertAlive(result)
        for digest in mirror.bodies():
            self.assertIn(digest, wanted, "a message that the server does not have")
        here = mirror.bodies()
        for drop in whole:
            if not any(drop is one for one in server.drops):
                self.assertIn(drop.digest(), here, "deleted on the server and not here")
        if complete:
            self.assertEqual(result.status, 0, result.err)
        server.hooks.clear()
        server.rewrite = server.cut = None
        mirror.account["timeout"] = "20s"
        mirror.write()
        again = mirror.sync(timeout=90)
        server.settle()
        self.assertAlive(again)
        self.assertEqual(again.status, 0, again.err)
        self.assertDelivered(mirror, wanted, leftovers=True)
        if emptied:
            self.assertEqual([drop.uidl for drop in server.drops], [], "left on the server")
        self.assertNoIntents(mirror)
        self.assertContained(mirror)
        self.assertEqual(server.failures, [], "the script itself must not fail")
        return result

    def finished(self, mirror, server=None, tries=1, **options):
        """Syncs until it ends with 0, at most so often, and until the server has carried out the last QUIT."""
        for number in range(tries):
            result = mirror.sync(**options)
            if isinstance(server, POP3Scripted):
                server.settle()
            if result.status == 0:
                return result
            time.sleep(0.1)
        self.fail("sync ended with %d: %s" % (result.status, result.err[-3000:]))
        return None
