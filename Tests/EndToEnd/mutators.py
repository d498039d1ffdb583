"""What two mutators share that work at the same time as a mirror: threads that act on random messages and tell a Ledger
what they did."""

import threading
import time

LETTERS = {"S": "\\seen", "R": "\\answered", "F": "\\flagged", "T": "\\deleted", "D": "\\draft"}
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft")
KEYWORDS = ("work", "$Junk", "later")


def text_of(dice):
    return "line " * dice.choice((1, 3, 40, 400))


class Mutator:
    """A thread that acts until it is ended; `pause` returns when it is between two acts."""

    side = ""

    def __init__(self, boxes, ledger, dice, pace=0.05):
        self.boxes, self.ledger, self.dice, self.pace = boxes, ledger, dice, pace
        self.going, self.ended, self.error = threading.Lock(), threading.Event(), None
        self.numbers = 0
        self.thread = threading.Thread(target=self._work, daemon=True)

    def start(self):
        self.thread.start()

    def pause(self):
        self.going.acquire()

    def resume(self):
        self.going.release()

    def end(self):
        self.ended.set()
        self.thread.join(20)

    def _work(self):
        while not self.ended.is_set():
            with self.going:
                try:
                    self.act()
                except Exception as error:  # shown by the test, which looks at it
                    self.error = self.error or error
            time.sleep(self.dice.expovariate(1 / self.pace))

    def act(self):
        names, weights = zip(*self.acts.items())
        getattr(self, self.dice.choices(names, weights)[0])()

    def new_token(self):
        self.numbers += 1
        return "%s%d" % (self.side[0], self.numbers)

    def any_box(self):
        """Now and then the Trash."""
        return "Trash" if self.dice.random() < 0.06 else self.dice.choice(self.boxes.usable(self.side))

    def box_to_change(self):
        found = self.boxes.changeable()
        return self.dice.choice(found) if found else None
