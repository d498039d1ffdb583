"""What a later sync does: nothing where nothing changed, only what changed elsewhere."""

import os
import time

from servers.proxy import Proxy
from support import EndToEnd, Mirror, check, corpus, sample


class Later(EndToEnd):
    weight = 30

    def setUp(self):
        super().setUp()
        self.server = self.dovecot()
        sample(self.server)
        self.subject = self.mirror(self.server)
        self.synced(self.subject)

    def client(self, mailbox="INBOX"):
        client = self.server.client()
        self.addCleanup(lambda: client.logout() if client.state != "LOGOUT" else None)
        client.select('"%s"' % mailbox)
        return client

    def again(self):
        result = self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        return result

    def test_D3_nothing_new_writes_nothing(self):
        self.synced(self.subject)  # what the first round left to settle
        files, rows = self.subject.mail(), self.subject.tables()
        self.assertTrue(any(rows.values()), "a table of messages with rows")
        self.synced(self.subject)
        self.assertEqual(self.subject.mail(), files)
        self.assertEqual(self.subject.tables(), rows)

    def test_flag_changes_arrive(self):
        files = self.subject.mail()
        client = self.client()
        client.uid("STORE", "1:3", "+FLAGS", "(\\Flagged)")
        client.uid("STORE", "4", "FLAGS", "(\\Answered \\Draft $Forwarded)")
        client.uid("STORE", "5:6", "FLAGS", "()")
        client.uid("STORE", "7", "+FLAGS", "(fresh-keyword)")
        client.uid("STORE", "8", "+FLAGS", "(\\Deleted)")
        client.logout()
        self.again()
        inodes = {row[0] for row in files.values()}
        self.assertEqual({row[0] for row in self.subject.mail().values()}, inodes, "a flag change only renames")
        self.assertEqual(sorted(row[1] for row in files.values()),
                         sorted(row[1] for row in self.subject.mail().values()), "and keeps the mtime (M31)")

    def test_new_messages_arrive(self):
        self.server.append("INBOX", corpus.realistic(5, seed=7, largest=20_000))
        self.server.append("Brand/New", corpus.small(4))
        self.again()

    def test_expunged_messages_go_to_quarantine(self):
        client = self.client()
        client.uid("STORE", "2:4", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "2:4")
        client.logout()
        before = self.subject.bodies()
        self.again()
        after = self.subject.bodies()
        self.assertEqual(len(before) - len(after), 3)
        gone = list(before)
        for one in after:
            gone.remove(one)
        self.assertEqual(sorted(check.digest(body) for body in self.subject.quarantined()), sorted(gone))
        self.assertEqual(self.subject.quarantine.stat().st_mode & 0o777, 0o700)

    def test_all_at_once(self):
        client = self.client("Archive/2024")
        for _ in range(3):
            self.server.append("Archive/2024", corpus.small(6, seed=self.dice.randrange(1000)))
            uids = client.uid("SEARCH", "ALL")[1][0].decode().split()
            self.dice.shuffle(uids)
            client.uid("STORE", ",".join(uids[:4]), "+FLAGS", "(\\Flagged work)")
            client.uid("STORE", ",".join(uids[4:7]), "-FLAGS", "(\\Seen)")
            client.uid("STORE", ",".join(uids[7:9]), "+FLAGS", "(\\Deleted)")
            client.uid("EXPUNGE", ",".join(uids[7:9]))
            self.again()
        client.logout()

    def test_Q1_uidvalidity_changed_with_the_same_content(self):
        before = self.subject.bodies()
        client = self.client()
        name = b"Archive/2024"
        uids = sorted(check.server_messages(client, name))
        client.select('"Archive/2024"')
        kept = []
        for uid in uids:
            data = client.uid("FETCH", str(uid), "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
            head = b" ".join(part[0] if isinstance(part, tuple) else part for part in data)
            body = next(part[1] for part in data if isinstance(part, tuple))
            flags = [flag for flag in check._FLAGS.search(head).group(1).decode().split() if flag != "\\Recent"]
            kept.append((body, flags, check._DATE.search(head).group(1).decode().strip()))
        client.close()
        client.delete('"Archive/2024"')
        time.sleep(1.1)  # UIDVALIDITY is a time in seconds
        client.logout()
        self.server.append("Archive/2024", kept)
        inodes = sorted(row[0] for row in self.subject.mail().values())
        self.again()
        self.assertEqual(self.subject.bodies(), before)
        self.assertEqual(sorted(row[0] for row in self.subject.mail().values()), inodes,
                         "what has a match is not transferred again")
        self.again()

    def test_local_changes_stay_and_are_counted(self):
        """Pull only: a local flag is never overwritten, a locally deleted message not fetched again."""
        names = sorted(os.listdir(self.subject.root / "cur"))
        victim, marked = names[0], names[1]
        flagged = marked + ("F" if "F" not in marked.partition(":2,")[2] else "R")
        flagged = flagged.partition(":2,")[0] + ":2," + "".join(sorted(set(flagged.partition(":2,")[2])))
        os.unlink(self.subject.root / "cur" / victim)
        os.rename(self.subject.root / "cur" / marked, self.subject.root / "cur" / flagged)
        before = self.remote(self.server, b"INBOX")
        for _ in range(2):
            self.synced(self.subject)
            present = os.listdir(self.subject.root / "cur")
            self.assertIn(flagged, present)
            self.assertNotIn(victim.partition(":")[0], " ".join(present + os.listdir(self.subject.root / "new")))
        self.assertEqual(self.remote(self.server, b"INBOX"), before, "pull writes nothing")
        status = self.subject.run("status", "--json")
        self.assertEqual(status.status, 0, status.err)

    def test_verify_finds_nothing_wrong_and_then_something(self):
        result = self.subject.run("verify")
        self.assertEqual(result.status, 0, result.err + result.out)
        name = sorted(os.listdir(self.subject.root / "cur"))[0]
        path = self.subject.root / "cur" / name
        data = path.read_bytes()
        path.write_bytes(data[:-5] + b"wrong")
        result = self.subject.run("verify", "--full")
        self.assertEqual(result.status, 1, "verify --full must find a changed file: " + result.out + result.err)


class Bytes(EndToEnd):
    weight = 25

    def unchanged(self, server, name, **account):
        """What the server sends in a session in which nothing has changed."""
        with Proxy(server.imap) as proxy:
            mirror = Mirror("%s/%s" % (self.directory, name), server, host="127.0.0.1", tls="none", port=proxy.port,
                            tls_ca_file=None, **account)
            self.synced(mirror)
            self.synced(mirror)
            before = proxy.received
            self.synced(mirror)
            return proxy.received - before

    def test_an_unchanged_mailbox_costs_a_kilobyte_whatever_its_size(self):
        server = self.dovecot()
        costs = {}
        for count in (50, 3000):
            server.append("INBOX", corpus.small(count - len(costs) * 50, seed=count))
            costs[count] = self.unchanged(server, "m%d" % count)
        self.assertLess(costs[3000], 1_600, costs)
        self.assertLess(abs(costs[3000] - costs[50]), 64, costs)

    def test_each_further_mailbox_costs_a_few_hundred_bytes(self):
        server = self.dovecot()
        for number in range(11):
            server.append("Folder %d" % number if number else "INBOX", corpus.small(20, seed=number))
        costs = {}
        for name, patterns in (("one", ["INBOX"]), ("all", ["*"])):
            costs[name] = self.unchanged(server, name, mailboxes=patterns)
        self.assertLess((costs["all"] - costs["one"]) / 10, 400, costs)
