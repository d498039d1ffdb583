"""COMPRESS=DEFLATE (RFC 4978): with Dovecot's, and with what a server may do wrong in it."""

import zlib

from daemon import settled, watching
from daemon_case import DaemonCase
from hostile import Hostile, inbox
from servers.model import Mailbox, Message, lines_of, simple
from servers.relay import Relay
from servers.scripted import CAPABILITIES
from support import corpus, figure, wait_until

def check_differs(case, mirror, server):
    try:
        case.assertHolds(mirror, *server.mailboxes)
    except AssertionError:
        return True
    return False


DEFLATE = CAPABILITIES + " IDLE COMPRESS=DEFLATE"
ZLIB = "protocol imap {\n  mail_plugins = imap_zlib\n}\n"


class WithDovecot(DaemonCase):
    """Through a tunnel that counts octets: on loopback nothing is compressed."""

    def through(self, server, name, **account):
        relay = Relay(server.directory, server.imap)
        mirror = self.mirror(server, name=name, host=None, port=None, tls=None, tls_ca_file=None,
                             tunnel=relay.command, **account)
        return relay, mirror

    def test_a_first_sync_and_uploads_cost_fewer_octets(self):
        messages = list(corpus.realistic(60, largest=60_000))
        down, up = {}, {}
        for name, more in (("plain", ""), ("compressed", ZLIB)):
            server = self.dovecot(more=more)
            server.append("INBOX", messages)
            relay, mirror = self.through(server, name, direction="two-way")
            self.synced(mirror)
            self.assertMirrored(mirror, server)
            before = relay.counts()[0]
            for number, (body, _, _) in enumerate(messages[:10]):
                path = mirror.root / "new" / ("1700000000.own%d.host" % number)
                path.write_bytes(b"X-Own: %d\n" % number + body.replace(b"\r\n", b"\n"))
                path.chmod(0o600)
            self.synced(mirror)
            self.assertMirrored(mirror, server)
            down[name], up[name] = relay.counts()[1], relay.counts()[0] - before
        figure("60 messages fetched: %d octets on the wire, %d compressed; 10 sent: %d, %d compressed" % (
            down["plain"], down["compressed"], up["plain"], up["compressed"]))
        self.assertLess(down["compressed"], 0.85 * down["plain"])
        self.assertLess(up["compressed"], 0.85 * up["plain"])

    def test_push(self):
        server = self.dovecot(more=ZLIB)
        server.append("INBOX", corpus.small(3))
        _, mirror = self.through(server, "push", poll_interval="1h")
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        server.append("INBOX", corpus.small(1, seed=9))
        self.assertSoonMirrored(mirror, server)
        self.assertEnds(daemon)


class Compressed(Hostile):
    def serve(self, *boxes, **options):
        options.setdefault("capabilities", DEFLATE)
        return super().serve(*boxes, **options)

    def mirror(self, server, name="mirror", **account):
        words = Relay(self.directory, server.port).command
        return super().mirror(server, name=name, **{
            "host": None, "port": None, "tls": None, "tls_ca_file": None, "tunnel": words, **account})

    def assertContained(self, mirror):
        pass  # the relay's files lie beside

    def test_V11_what_is_decompressed_already_is_handed_on_while_the_socket_is_quiet(self):
        """Some kilobytes on the wire are megabytes of mail, of which more is in flight than may be; behind them the
        server says nothing."""
        big = [Message(uid, lines_of(3_000_000 + uid)) for uid in range(1, 4)]
        server = self.serve(Mailbox(b"INBOX", big), inbox(2, b"Other"))
        self.survives(server, self.mirror(server, connections=1), complete=True)
        self.assertTrue(server.asked("COMPRESS"))

    def test_V11_one_octet_at_a_time(self):
        """Most reads give zlib nothing to do (Z_BUF_ERROR)."""
        server = self.serve(inbox(4), split=1)
        self.survives(server, self.mirror(server), complete=True)

    def test_V11_what_comes_along_with_the_answer(self):
        told = b"* OK [ALERT] said along with it\r\n"

        def compress(session, tag, words):
            session.flush()
            session.compressing()
            session.wire(tag + b" OK go\r\n" + session.deflate.compress(told) + session.deflate.flush(
                zlib.Z_SYNC_FLUSH))
            return True

        server = self.serve(inbox(3))
        server.hooks["COMPRESS"] = compress
        result = self.survives(server, self.mirror(server), complete=True)
        self.assertNotIn("broke", result.err)

    def test_refused(self):
        server = self.serve(inbox(3))
        server.hooks["COMPRESS"] = lambda session, tag, words: session.no(tag, b"[COMPRESSIONACTIVE] no") or True
        self.survives(server, self.mirror(server), complete=True)

    def test_V11_damaged_cut_and_ended_streams(self):
        """The connection ends; what came before counts, nothing is gone. The next try is without compression where that was
        what was wrong."""
        def damaged(session, data):
            session.wire(b"\x07\xff\xff" * 20)

        def cut(session, data):
            session.wire(data[:len(data) // 2])
            session.close()

        def ended(session, data):
            session.wire(data + session.deflate.flush(zlib.Z_FINISH))
            session.close()

        for act, words in ((damaged, ""), (cut, "the server ended it"), (ended, "")):
            with self.subTest(act.__name__):
                server = self.serve(inbox(4))
                done = []

                def fetched(session, number, message, items):
                    if message.uid == 3 and session.deflate and any(b"BODY" in item for item in items):
                        done.append(session.flush())
                        text = b"* 3 FETCH (UID 3 FLAGS () BODY[] {%d}\r\n" % len(message.body) + message.body
                        act(session, session.deflate.compress(text) + session.deflate.flush(zlib.Z_SYNC_FLUSH))
                        return True

                server.fetched = fetched
                mirror = self.mirror(server, name=act.__name__)
                result = self.survives(server, mirror)
                self.assertTrue(done)
                self.assertIn(words, result.err)
                self.assertEqual(result.status, 1 if words else 0, result.err)

    def test_V11_a_server_whose_compression_is_broken_is_spoken_to_without(self):
        """Each of its compressed sessions is damaged at the first message: one is enough."""
        server = self.serve(inbox(4))

        def fetched(session, number, message, items):
            if any(b"BODY" in item for item in items) and session.deflate:
                session.wire(b"\x07\xff\xff" * 20)
                return True

        server.fetched = fetched
        mirror = self.mirror(server)
        daemon = self.daemon(mirror)
        account = daemon.wait_for(lambda accounts: settled(accounts["test"]) and watching(accounts["test"]) and accounts[
            "test"], 30)
        self.assertHolds(mirror, *server.mailboxes)
        self.assertEqual(account["compression"],
                         "not used: what the server compressed can't be read (invalid block type)")
        self.assertIn("  compression: not used: ", mirror.run("status").out)
        self.assertIn("compression", mirror.run("doctor").out)
        self.assertIn("it is asked for no compression any more", daemon.log)
        again = []
        server.hooks["COMPRESS"] = lambda session, tag, words: again.append(tag)
        for session in list(server.open):
            session.abort()
        server.box("INBOX").add(simple(60))
        wait_until(lambda: not check_differs(self, mirror, server), 20)
        self.assertEqual(again, [])
        self.assertEqual(daemon.stop()[0], 0)

    def test_V11_a_decompression_bomb_meets_the_limits_of_the_grammar(self):
        """A line of 64 MB in 64 kB."""
        bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = b"".join(bomb.compress(b"A" * (1 << 20)) for _ in range(64)) + bomb.flush(zlib.Z_SYNC_FLUSH)
        server = self.serve(inbox(3))

        def listing(session, tag, words):
            session.flush()
            session.wire(packed)

        server.hooks["LIST"] = listing
        mirror = self.mirror(server)
        result = mirror.sync()
        self.assertAlive(result)
        self.assertEqual(result.status, 1)
        self.survives(server, mirror, complete=False)

    def test_on_loopback_it_is_not_asked_for(self):
        server = self.serve(inbox(3))
        mirror = super().mirror(server)
        self.survives(server, mirror, complete=True)
        self.assertFalse(server.asked("COMPRESS"))
