"""Folders and mailboxes that are made, renamed and removed on either side, against a real Dovecot."""

import os
import shutil
import time

import check
import mail_reader
from support import FULL, EndToEnd, wait_until

LAYOUTS = ("maildir++", "fs")


def letter(word):
    return ("From: a@example.org\nTo: b@example.org\nSubject: %s\nMessage-ID: <%s@folders>\n"
            "Date: Mon, 7 Jul 2025 10:00:00 +0000\n\nAbout %s.\n" % (word, word, word)).encode()


class Folders(EndToEnd):
    weight = 40

    def start(self, layout="maildir++", separator="/", fill=(("Work", 3), ("Work/2024", 2)), more="", compares=True, **account):
        """A new server with these mailboxes, and its mirror after a first sync."""
        server = self.dovecot(separator=separator, more=more)
        client = server.client()
        client.create("Trash")
        client.logout()
        server.append("INBOX", [(letter("inbox"), [], None)])
        for name, count in fill:
            server.append(name.replace("/", separator), [
                (letter("%s-%d" % (name.replace("/", "-"), number)), [], None) for number in range(count)])
        account = dict(dict(direction="two-way", settle="1s", layout=layout), **account)
        subject = self.mirror(server, name="m%d" % len(os.listdir(self.directory)), **account)
        self.synced(subject)
        if compares:
            self.assertSides(subject, server)
        return server, subject

    def make(self, folder, *words):
        """A folder as a mail program makes it, with messages."""
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True)
        for word in words:
            self.deliver(folder, word)

    def deliver(self, folder, word):
        path = folder / "cur" / ("%d.%s.host:2,S" % (time.time(), word))
        path.write_bytes(letter(word))
        return path

    def names(self, server):
        client = server.client()
        try:
            return {name.decode() for name in check.server_mailboxes(client)}
        finally:
            client.logout()

    def subjects(self, server, mailbox):
        client = server.client()
        try:
            client.select('"%s"' % mailbox, readonly=True)
            answer = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
            return sorted(row[1].decode().split(":")[1].strip() for row in answer if isinstance(row, tuple))
        finally:
            client.logout()

    def assertSides(self, subject, server):
        """Each mailbox and its folder hold the same messages, whatever their names."""
        client = server.client()
        folders = subject.folders()
        try:
            for name in check.server_mailboxes(client):
                there = sorted(message.digest for message in check.server_messages(client, name).values())
                folder = folders.get(name.decode())
                self.assertIsNotNone(folder, "%r has no folder" % name)
                self.assertEqual(sorted(message.digest for message in check.folder_messages(folder)[0].values()), there,
                                 name)
        finally:
            client.logout()

    def assertHeld(self, subject, *words):
        result = self.synced(subject, status=3)
        for word in words:
            self.assertIn(word, result.out + result.err)
        return result

    def rename(self, server, old, new):
        client = server.client()
        self.assertEqual(client.rename('"%s"' % old, '"%s"' % new)[0], "OK")
        client.logout()

    def delete(self, server, *names):
        client = server.client()
        for name in names:
            self.assertEqual(client.delete('"%s"' % name)[0], "OK")
        client.logout()

    def expunge(self, server, mailbox, uids):
        client = server.client()
        client.select('"%s"' % mailbox)
        client.uid("STORE", uids, "+FLAGS", "(\\Deleted)")
        client.expunge()
        client.logout()

    def quiet(self, subject):
        """A further sync changes no file and no row."""
        files, rows = subject.mail(), subject.tables()
        self.synced(subject)
        self.assertEqual(subject.mail(), files)
        self.assertEqual(subject.tables(), rows)

    # A folder that is made here.

    def test_a_new_folder_becomes_a_mailbox_with_its_mail(self):
        for layout in LAYOUTS:
            with self.subTest(layout=layout):
                server, subject = self.start(layout)
                self.make(subject.folder_of(b"Notes"), "note1", "note2")
                self.make(subject.folder_of(b"Notes/Deep") if layout == "fs" else subject.root / ".Notes.Deep", "deep")
                self.make(subject.root / ("Größe" if layout == "fs" else ".Gr&APYA3w-e"))
                self.synced(subject)
                self.assertEqual(self.subjects(server, "Notes"), ["note1", "note2"])
                self.assertEqual(self.subjects(server, "Notes/Deep"), ["deep"])
                self.assertIn("Gr&APYA3w-e", self.names(server))
                client = server.client()
                subscribed = b" ".join(row for row in client.lsub()[1] if row)
                client.logout()
                self.assertIn(b"Notes", subscribed)
                self.assertSides(subject, server)
                self.quiet(subject)

    def test_a_folder_that_is_not_selected_or_not_whole_stays_local(self):
        server, subject = self.start(fill=(), mailboxes=["*", "!Private*"])
        self.make(subject.root / ".Private", "private")
        (subject.root / ".Half" / "cur").mkdir(parents=True)
        outside = subject.directory / "outside"
        self.make(outside, "outside")
        (subject.root / ".Link").symlink_to(outside)
        self.synced(subject)
        self.assertEqual(self.names(server), {"INBOX", "Trash"})
        for part in ("tmp", "new"):
            (subject.root / ".Half" / part).mkdir()
        self.synced(subject)
        self.assertEqual(self.names(server), {"INBOX", "Trash", "Half"})

    def test_create_on_server_false_and_pull_make_nothing(self):
        for options in ({"create_on_server": False}, {"direction": "pull"}):
            with self.subTest(options=options):
                server, subject = self.start(fill=(), **options)
                self.make(subject.root / ".Notes", "note")
                before = subject.bodies()
                self.synced(subject)
                self.assertEqual(self.names(server), {"INBOX", "Trash"})
                self.assertEqual(subject.bodies(), before)

    def test_a_mailbox_that_the_server_refuses_is_told_once(self):
        server, subject = self.start("fs", fill=())
        folder = subject.root / ("ä" * 120)  # longer in modified UTF-7 than the server's file system takes
        self.make(folder, "stays")
        result = subject.sync()
        self.assertOneLine(result, 1)
        self.assertIn("did not make", result.err)
        self.synced(subject)
        self.assertEqual(check.folder_messages(folder)[0].popitem()[1].digest, check.digest(letter("stays")))

    def test_a_prefix_of_the_servers_own_is_added(self):
        server, subject = self.start(
            separator=".", fill=(), more="namespace inbox {\n  prefix = INBOX.\n}\n", map={"INBOX.Trash": "Trash"})
        self.make(subject.root / ".Notes", "note")
        self.synced(subject)
        self.assertEqual(self.subjects(server, "INBOX.Notes"), ["note"])
        self.assertFalse((subject.root / ".INBOX.Notes").exists())
        self.quiet(subject)

    # A folder that is renamed here.

    def test_a_renamed_folder_renames_its_mailbox(self):
        for layout in LAYOUTS:
            with self.subTest(layout=layout):
                server, subject = self.start(layout)
                inodes = {row[0] for row in subject.mail().values()}
                if layout == "fs":
                    (subject.root / "Work").rename(subject.root / "Done")
                else:
                    (subject.root / ".Work").rename(subject.root / ".Done")
                    (subject.root / ".Work.2024").rename(subject.root / ".Done.2024")
                self.synced(subject)
                self.assertEqual(self.names(server), {"INBOX", "Trash", "Done", "Done/2024"})
                self.assertEqual(len(self.subjects(server, "Done/2024")), 2)
                self.assertEqual({row[0] for row in subject.mail().values()}, inodes, "nothing was fetched again")
                self.assertSides(subject, server)
                self.quiet(subject)

    def test_a_renamed_folder_whose_name_is_taken_goes_on_mirroring(self):
        server, subject = self.start(fill=(("Work", 3), ("Other", 2)), mailboxes=["*", "!Other"], compares=False)
        (subject.root / ".Work").rename(subject.root / ".Other")
        result = subject.sync()
        self.assertIn(result.status, (0, 1), result.err)
        self.deliver(subject.root / ".Other", "more")
        self.synced(subject)
        self.assertEqual(len(self.subjects(server, "Work")), 4)
        self.assertEqual(len(self.subjects(server, "Other")), 2)

    def test_another_folder_with_the_inode_of_a_removed_one_is_no_renaming(self):
        server, subject = self.start(fill=(("Work", 3),))
        files = list((subject.root / ".Work").glob("*/*"))
        for path in files:
            path.unlink()
        self.make(subject.root / ".Other", "else")
        # The very directory of the old folder, with other mail in it.
        (subject.root / ".Other" / "cur").rename(subject.directory / "cur")
        (subject.root / ".Work" / "cur").rename(subject.root / ".Other" / "cur")
        shutil.move(str(next((subject.directory / "cur").iterdir())), subject.root / ".Other" / "cur")
        shutil.rmtree(subject.root / ".Work")
        self.assertHeld(subject, "Work", "removed here")
        self.assertEqual(len(self.subjects(server, "Work")), 3)
        self.assertEqual(self.subjects(server, "Other"), ["else"])

    # A mailbox that is renamed on the server.

    def test_a_renamed_mailbox_renames_its_folder(self):
        for layout in LAYOUTS:
            for direction in ("two-way", "pull"):
                with self.subTest(layout=layout, direction=direction):
                    server, subject = self.start(layout, direction=direction)
                    inodes = {row[0] for row in subject.mail().values()}
                    self.rename(server, "Work", "Archive/Done")
                    self.synced(subject)
                    self.assertEqual({row[0] for row in subject.mail().values()}, inodes, "nothing was fetched again")
                    self.assertSides(subject, server)
                    place = "Archive/Done" if layout == "fs" else ".Archive.Done"
                    self.assertEqual(len(check.folder_messages(subject.root / place)[0]), 3)
                    self.assertFalse((subject.root / ("Work" if layout == "fs" else ".Work")).exists())
                    self.quiet(subject)
                    self.assertEqual(subject.quarantined(), [])

    # A mailbox that goes on the server.

    def test_a_renamed_mailbox_that_has_changed_since_renames_its_folder(self):
        """Mail came into it and went, on both sides, before the next sync."""
        server, subject = self.start(fill=(("Work", 4), ("Other", 2)))
        self.rename(server, "Work", "Projects")
        server.append("Projects", [(letter("later"), [], None)])
        self.expunge(server, "Projects", "2")
        self.deliver(self.folder(subject, "Work"), "mine")
        self.synced(subject)
        self.assertEqual(self.names(server), {"INBOX", "Trash", "Other", "Projects"})
        self.assertEqual(self.subjects(server, "Projects"), ["Work-0", "Work-2", "Work-3", "later", "mine"])
        self.assertFalse(self.folder(subject, "Work").exists())
        self.assertSides(subject, server)
        self.quiet(subject)

    def test_N11_a_mailbox_that_is_gone_twice_goes_to_quarantine(self):
        for layout in LAYOUTS:
            with self.subTest(layout=layout):
                server, subject = self.start(layout)
                before = subject.mail()
                self.delete(server, "Work/2024")
                self.synced(subject)
                self.assertEqual(subject.mail(), before, "once is not enough")
                self.synced(subject)
                self.assertEqual(sorted(check.digest(body) for body in subject.quarantined()),
                                 sorted(check.digest(letter("Work-2024-%d" % number)) for number in range(2)))
                self.assertFalse((subject.root / ("Work/2024" if layout == "fs" else ".Work.2024")).exists())
                self.assertEqual(self.names(server), {"INBOX", "Trash", "Work"})
                self.assertSides(subject, server)
                self.quiet(subject)

    def test_N11_many_messages_of_a_mailbox_that_is_gone_are_held(self):
        server, subject = self.start(fill=(("Big", 30), ("Small", 1)))
        self.delete(server, "Big")
        self.synced(subject)
        before = subject.bodies()
        self.assertHeld(subject, "Big")
        self.assertHeld(subject)
        self.assertEqual(subject.bodies(), before)
        self.assertEqual(self.names(server), {"INBOX", "Trash", "Small"}, "and it is not made again")

    def test_mail_that_only_the_folder_has_makes_a_mailbox_again(self):
        server, subject = self.start(fill=(("Work", 2),))
        self.delete(server, "Work")
        self.synced(subject)
        self.deliver(subject.root / ".Work", "unsent")
        self.synced(subject)
        self.synced(subject)
        self.assertEqual(self.subjects(server, "Work"), ["unsent"])
        self.assertEqual(len(subject.quarantined()), 2)
        self.assertSides(subject, server)

    def test_messages_of_a_removed_mailbox_that_were_moved_before_are_renamed(self):
        server, subject = self.start(fill=(("Work", 3), ("Kept", 1)))
        inodes = {row[0] for row in subject.mail().values()}
        client = server.client()
        client.select("Work")
        client.uid("MOVE", "1:*", "Kept")
        client.close()
        client.delete("Work")
        client.logout()
        self.synced(subject)
        self.synced(subject)
        self.synced(subject)
        self.assertEqual(subject.quarantined(), [])
        self.assertSides(subject, server)
        self.assertEqual(len(self.subjects(server, "Kept")), 4)
        self.assertEqual({row[0] for row in subject.mail().values()}, inodes, "nothing was fetched again")

    # A folder that is removed here.

    def folder(self, subject, name):
        return subject.root / (name if subject.account["layout"] == "fs" else "." + name.replace("/", "."))

    def test_D7_a_removed_folder_is_a_hold(self):
        for layout in LAYOUTS:
            with self.subTest(layout=layout):
                server, subject = self.start(layout)
                shutil.rmtree(self.folder(subject, "Work/2024"))
                self.assertHeld(subject, "Work/2024", "removed here")
                server.append("Work/2024", [(letter("meanwhile"), [], None)])
                server.append("Work", [(letter("elsewhere"), [], None)])
                self.assertHeld(subject)
                self.assertEqual(len(self.subjects(server, "Work/2024")), 3)
                self.assertFalse(self.folder(subject, "Work/2024").exists())
                self.assertEqual(len(check.folder_messages(self.folder(subject, "Work"))[0]), 4,
                                 "the others go on")

    def test_D7_a_removed_folder_stops_nothing_else(self):
        """A message was moved there, a run that had seen it was killed, and then the folder was removed."""
        for number in (11, 13, 15):
            with self.subTest(commit=number):
                server, subject = self.start()
                work = self.folder(subject, "Work/2024")
                mail_reader.move(mail_reader.files(subject.root)[0], work)
                subject.sync(environment={"MAILMIRROR_FAILPOINT": "databaseCommit#%d:exit" % number})
                shutil.rmtree(work)
                self.deliver(subject.root, "new")
                server.append("Work/2024", [(letter("meanwhile"), [], None)])
                self.expunge(server, "Work", "1")
                self.assertHeld(subject, "Work/2024", "removed here")
                self.assertIn("new", self.subjects(server, "INBOX"))
                self.assertEqual(len(mail_reader.files(self.folder(subject, "Work"))), 2, "removals go on")
                self.decide(subject, "approve")
                self.synced(subject)
                self.assertSides(subject, server)

    def test_D7_approved_the_mailbox_goes_and_its_mail_is_in_the_trash(self):
        for layout in LAYOUTS:
            with self.subTest(layout=layout):
                server, subject = self.start(layout)
                shutil.rmtree(self.folder(subject, "Work"))
                if layout == "maildir++":
                    shutil.rmtree(self.folder(subject, "Work/2024"))
                self.assertHeld(subject)
                self.decide(subject, "approve")
                self.synced(subject)
                self.assertEqual(self.names(server), {"INBOX", "Trash"})
                self.assertEqual(self.subjects(server, "Trash"), sorted(
                    ["Work-%d" % number for number in range(3)] + ["Work-2024-%d" % number for number in range(2)]))
                self.assertFalse(self.folder(subject, "Work").exists())
                self.assertSides(subject, server)
                self.quiet(subject)

    def test_D7_approved_keeps_mail_that_came_meanwhile(self):
        server, subject = self.start()
        shutil.rmtree(self.folder(subject, "Work/2024"))
        self.assertHeld(subject)
        server.append("Work/2024", [(letter("meanwhile"), [], None)])
        self.decide(subject, "approve")
        self.synced(subject)
        self.assertEqual(self.subjects(server, "Work/2024"), ["meanwhile"])
        self.assertEqual(self.subjects(server, "Trash"), ["Work-2024-0", "Work-2024-1"])
        self.assertEqual(len(check.folder_messages(self.folder(subject, "Work/2024"))[0]), 1)
        self.assertSides(subject, server)
        self.quiet(subject)

    def test_D7_approved_an_empty_mailbox_goes(self):
        server, subject = self.start(fill=(("Work", 0), ("Other", 1)))
        client = server.client()
        client.create("Work")
        client.logout()
        self.synced(subject)
        shutil.rmtree(self.folder(subject, "Work"))
        self.assertHeld(subject)
        self.decide(subject, "approve")
        self.synced(subject)
        self.assertEqual(self.names(server), {"INBOX", "Trash", "Other"})
        self.quiet(subject)

    def test_D7_a_parent_alone_stays_as_long_as_others_lie_below_it(self):
        server, subject = self.start()
        shutil.rmtree(self.folder(subject, "Work"))
        self.assertHeld(subject)
        self.decide(subject, "approve")
        self.synced(subject)
        self.assertEqual(self.names(server), {"INBOX", "Trash", "Work", "Work/2024"})
        self.assertEqual(len(self.subjects(server, "Work/2024")), 2)
        self.assertEqual(len(self.subjects(server, "Trash")), 3)
        self.assertSides(subject, server)

    def test_D7_rejected_everything_comes_back(self):
        for layout in LAYOUTS:
            with self.subTest(layout=layout):
                server, subject = self.start(layout)
                shutil.rmtree(self.folder(subject, "Work/2024"))
                self.assertHeld(subject)
                server.append("Work/2024", [(letter("meanwhile"), [], None)])
                self.decide(subject, "reject")
                self.synced(subject)
                self.assertEqual(len(self.subjects(server, "Work/2024")), 3)
                self.assertSides(subject, server)
                self.assertEqual(self.subjects(server, "Trash"), [])
                self.quiet(subject)

    def test_D7_put_back_the_hold_is_gone(self):
        server, subject = self.start()
        place = self.folder(subject, "Work")
        place.rename(subject.directory / "aside")
        self.assertHeld(subject)
        (subject.directory / "aside").rename(place)
        self.synced(subject)
        self.assertSides(subject, server)
        self.quiet(subject)

    def test_D7_the_daemon_holds_and_removes_too(self):
        server, subject = self.start()
        self.daemon(subject)
        shutil.rmtree(self.folder(subject, "Work/2024"))
        self.assertHeld(subject)
        self.decide(subject, "approve")
        self.synced(subject)
        wait_until(lambda: "Work/2024" not in self.names(server))
        wait_until(lambda: not self.folder(subject, "Work/2024").exists())
        self.make(self.folder(subject, "Fresh"), "fresh")
        self.synced(subject)
        self.assertEqual(self.subjects(server, "Fresh"), ["fresh"])
        self.rename(server, "Fresh", "Stale")
        self.synced(subject)
        self.assertEqual(len(check.folder_messages(self.folder(subject, "Stale"))[0]), 1)
        self.assertEqual(self.subjects(server, "Trash"), ["Work-2024-0", "Work-2024-1"])

    def test_both_gone_is_forgotten(self):
        server, subject = self.start()
        shutil.rmtree(self.folder(subject, "Work/2024"))
        self.delete(server, "Work/2024")
        self.synced(subject)
        self.synced(subject)
        self.synced(subject)
        self.assertNotIn("Work/2024", subject.folders())
        self.assertEqual(subject.quarantined(), [])
        self.quiet(subject)

    # Stopped in between.

    def test_a_removal_that_was_killed_anywhere_ends_the_same(self):
        stops = ["networkWrite#%d:exit" % number for number in self.dice.sample(range(6, 40), 24 if FULL else 2)]
        stops += ["databaseCommit#%d:exit" % number for number in self.dice.sample(range(1, 16), 12 if FULL else 2)]
        stops += ["unlink.folder#%d:exit" % number for number in ((1, 2, 3, 4) if FULL else (2,))]
        for stop in stops:
            with self.subTest(stop=stop):
                server, subject = self.start()
                shutil.rmtree(self.folder(subject, "Work/2024"))
                self.assertHeld(subject)
                self.decide(subject, "approve")
                subject.sync(environment={"MAILMIRROR_FAILPOINT": stop})
                self.synced(subject)
                self.synced(subject)
                self.assertEqual(self.names(server), {"INBOX", "Trash", "Work"})
                self.assertEqual(self.subjects(server, "Trash"), ["Work-2024-0", "Work-2024-1"])
                self.assertFalse(self.folder(subject, "Work/2024").exists())
                self.assertSides(subject, server)

    def test_a_renaming_that_was_killed_anywhere_ends_the_same(self):
        for here in (True, False):
            stops = ["networkWrite#%d:exit" % number for number in self.dice.sample(range(4, 12), 8 if FULL else 1)]
            stops += ["databaseCommit#%d:exit" % number for number in ((1, 2, 3, 4, 5) if FULL else (2,))]
            stops += [] if here else ["rename.folder#1:exit", "syncDirectory#1:exit"][:2 if FULL else 1]
            for stop in stops:
                with self.subTest(stop=stop, here=here):
                    server, subject = self.start(fill=(("Work", 3),))
                    inodes = {row[0] for row in subject.mail().values()}
                    if here:
                        self.folder(subject, "Work").rename(self.folder(subject, "Done"))
                    else:
                        self.rename(server, "Work", "Done")
                    subject.sync(environment={"MAILMIRROR_FAILPOINT": stop})
                    self.synced(subject)
                    self.assertEqual(self.names(server), {"INBOX", "Trash", "Done"})
                    self.assertEqual(len(check.folder_messages(self.folder(subject, "Done"))[0]), 3)
                    self.assertEqual({row[0] for row in subject.mail().values()}, inodes)
                    self.assertSides(subject, server)

    def decide(self, subject, word):
        result = subject.run(word, "--all")
        self.assertEqual(result.status, 0, result.err)
