"""What a person sees of a long sync: messages that come and messages that go, on a terminal and without one."""

import re
import unittest

import mail_reader
import terminal
from mail_reader import letter
from two_way import TwoWay


class Progress(TwoWay):
    weight = 15

    def test_uploads_are_shown_on_a_terminal(self):
        self.pair(1)
        for number in range(1, 301):
            mail_reader.deliver(self.folder("Sent"), letter("mine%d" % number), "S")
        self.wire.round_trip = 0.1
        status, drawn = terminal.run(self.subject.command("sync"))
        self.assertEqual(status, 0, drawn)
        shown = [int(count) for count in re.findall(r"sent (\d+)/300", drawn)]
        self.assertTrue(shown, drawn[-2000:])
        self.assertEqual(shown, sorted(shown), "it only grows")
        self.assertGreater(len(set(shown)), 1, "and is seen to grow")
        self.assertIn("Sent", drawn)
        self.assertIn("sent 300 new messages", drawn)
        self.assertEqual(len(self.on_server("Sent")), 300)


if __name__ == "__main__":
    unittest.main()
