"""What the soak has found, each in its shortest form."""

import mail_reader
from mail_reader import letter
from two_way import TwoWay


class Found(TwoWay):
    weight = 5

    def test_an_edited_message_that_was_moved_under_its_base_name(self):
        """The new version is sent, and the old one goes although its base name is still somewhere."""
        self.pair()
        path = mail_reader.edit(self.file("t1"), letter("t1", "edited"))
        mail_reader.move(path, self.folder("Archive"))
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertPlaces("t1", "Archive", text="edited")
        self.assertEqual(self.on_server("INBOX", "t1"), [])
        self.assertSame()
        self.assertQuiet()
