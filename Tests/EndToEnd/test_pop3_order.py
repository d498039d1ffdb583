"""P12: the order of system calls of a drain. What the server is told to delete is durable here, and noted as such."""

import os
import re

import check
import corpus
import strace_log
from drain_case import DrainCase, digests
from servers.pop3_scripted import CAPABILITIES, drops

WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2")
SENDS = ("write", "writev", "sendto", "sendmsg")


def sent(calls, pattern):
    """[(begun, ended, command)] of what went into sockets: lines of the log, and the words."""
    return [(call.begun, call.ended, match.group(0)) for call in calls
            if call.name in SENDS and call.descriptor() is None for match in re.finditer(pattern, call.text())]


class Order(DrainCase):
    weight = 30

    def recorded(self, mirror, status=0, inject=()):
        found, output, calls = strace_log.run(mirror.command("sync"), os.path.join(self.directory, "strace"),
                                              extra=("sendto", "sendmsg"), inject=inject)
        self.assertEqual(found, status, output)
        return [call for call in calls if call.result >= 0]

    def assertOrder(self, mirror, calls, count):
        """For each delivered message: data durable < intents' commit < rename < directory fsync < settling commit with
        the DELE intent < the first DELE that was sent. (DELEs name numbers, so the first one waits for its group: each
        DELE must have as many settled messages before it as there were DELEs up to it.)"""
        wal = str(mirror.database) + "-wal"
        syncs = [call for call in calls if call.name in ("fsync", "fdatasync", "syncfs")]
        commits = [call for call in syncs if call.descriptor() == wal]
        log_writes = [call for call in calls if call.name in ("pwrite64", "write") and call.descriptor() == wal]
        self.assertTrue(commits and log_writes, "the database is in WAL mode and its commits are synced")
        logged = [(one, one.data(1)) for one in log_writes]
        settled, written_at = [], {}
        for one in calls:
            if one.name in WRITES:
                written_at[one.descriptor()] = max(one.ended, written_at.get(one.descriptor(), 0))
        for call in calls:
            pair = call.moved()
            if not (pair and str(mirror.root) in pair[1] and os.path.basename(os.path.dirname(pair[0])) == "tmp"):
                continue
            source, target = pair
            self.assertIn(source, written_at)
            written = written_at[source]
            durable = [one for one in syncs if one.begun > written and one.ended < call.begun and
                       (one.descriptor() == source or one.name == "syncfs")]
            self.assertTrue(durable, "%s: renamed before its data was durable" % target)
            base = os.path.basename(target).partition(":")[0].encode()
            intents = [one for one, data in logged if one.ended < call.begun and base in data]
            self.assertTrue(intents, "%s: renamed before its intent was written" % target)
            noted = max(one.ended for one in intents)
            first = min(one.ended for one in durable)
            self.assertTrue([one for one in commits if one.begun > noted and one.ended < call.begun and one.begun > first],
                            "%s: renamed before its intent was durable, after its data" % target)
            folder = os.path.dirname(target)
            listed = [one for one in syncs if one.begun > call.ended and
                      (one.descriptor() == folder or one.name == "syncfs")]
            self.assertTrue(listed, "%s: the directory was never synced" % target)
            after = min(one.ended for one in listed)
            notes = [one for one in log_writes if one.begun > after]
            self.assertTrue(notes, "%s: nothing was committed after the directory's sync" % target)
            sealed = [one for one in commits if one.begun > notes[0].ended]
            self.assertTrue(sealed, "%s: no durable commit after the directory's sync" % target)
            settled.append(min(one.ended for one in sealed))
        self.assertEqual(len(settled), count, "each message was delivered by one rename or link")
        deletes = sent(calls, rb"DELE (\d+)")
        self.assertEqual(len(deletes), count)
        for number, (begun, _, text) in enumerate(deletes, 1):
            safe = sum(moment < begun for moment in settled)
            self.assertGreaterEqual(safe, number, "%s was sent as the %dth DELE when %d messages were safe" % (
                text, number, safe))
        quits = sent(calls, rb"QUIT")
        self.assertTrue(quits)
        self.assertGreater(quits[-1][0], max(end for _, end, _ in deletes))
        return deletes, settled

    def test_P12_order_of_system_calls_of_one_message(self):
        server = self.office([(drops(1)[0].body, [], None)])
        mirror = self.drain(server, tls="none", port=server.pop3, host="127.0.0.1", tls_ca_file=None)
        self.assertOrder(mirror, self.recorded(mirror), 1)
        self.assertDelivered(mirror, digests(drops(1)))
        self.assertEqual(server.left(), [])

    def test_P12_order_of_system_calls_of_many(self):
        messages = list(corpus.realistic(300, seed=12, largest=100_000))
        server = self.office(messages)
        mirror = self.drain(server, tls="none", port=server.pop3, host="127.0.0.1", tls_ca_file=None)
        self.assertOrder(mirror, self.recorded(mirror), 300)
        self.assertDelivered(mirror, digests(messages))
        self.assertEqual(server.left(), [])

    def test_P12_order_where_the_whole_file_system_cannot_be_synced(self):
        server = self.serve(drops(100))
        mirror = self.drain(server)
        self.assertOrder(mirror, self.recorded(mirror, inject=["syncfs:error=EIO"]), 100)
        self.assertDelivered(mirror, digests(drops(100)))

    def test_P12_nothing_of_a_group_that_no_sync_gets_to_the_disk(self):
        server = self.serve(drops(100))
        mirror = self.drain(server)
        calls = self.recorded(mirror, status=1, inject=["syncfs:error=EIO", "fsync:error=EIO"])
        self.assertEqual(sent(calls, rb"DELE (\d+)"), [])
        self.assertEqual([call for call in calls if call.moved() and "/tmp/" in call.moved()[0]], [])
        self.finished(mirror, server)
        self.assertDelivered(mirror, digests(drops(100)))

    def test_P12_what_others_have_to_write_is_not_waited_for(self):
        used = []
        for number in range(3):
            server = self.serve(drops(100))
            mirror = self.drain(server, name="mirror%d" % number)
            with open(os.path.join(self.directory, "another"), "wb") as file:
                file.write(bytes(100 << 20))
                file.flush()
                calls = self.recorded(mirror)
            self.assertOrder(mirror, calls, 100)
            used.append({call.name for call in calls})
            if "syncfs" not in used[-1]:
                return
        # The kernel may write it down at any time: in one of the three it was still to be written.
        self.fail("the whole file system was synced each time: %s" % used)

    def test_P12_order_without_pipelining(self):
        server = self.serve(drops(12), capabilities=[one for one in CAPABILITIES if one != "PIPELINING"])
        mirror = self.drain(server)
        self.assertOrder(mirror, self.recorded(mirror), 12)

    def test_P12_order_without_UIDL(self):
        server = self.serve(drops(12), capabilities=[one for one in CAPABILITIES if one != "UIDL"])
        for drop in server.drops:
            drop.uidl = None
        mirror = self.drain(server)
        self.assertOrder(mirror, self.recorded(mirror), 12)

    def test_P12_each_DELE_names_a_message_that_is_here(self):
        """By number: at the moment of each DELE the file of that very message is in the folder."""
        server = self.serve(drops(40))
        wrong = []

        def check_first(session, words):
            drop = session.drops[int(words[0]) - 1]
            here = [check.digest(path.read_bytes()) for path in (mirror.root / "new").iterdir()]
            if drop.digest() not in here:
                wrong.append(words[0])

        server.hooks["DELE"] = check_first
        mirror = self.drain(server)
        self.finished(mirror, server)
        self.assertEqual((wrong, server.failures), ([], []))
        self.assertEqual(server.count("DELE"), 40)
