"""Keeps what one run of a benchmark wrote and deleted out of the way of the next.

ext4 gives an inode away again only minutes after its file was deleted, and each new file's search for an inode walks over
all that wait in its directory's block group: after a mirror of 10,000 files was deleted, a run would mostly measure that
walk. So each run gets a directory of its own, in a block group of its own, and nothing is deleted between the runs.
"""

import subprocess
import tempfile
from pathlib import Path


class BlockGroups:
    """Makes directories in `place`, each in a block group that its random name gives, where the file system has such:
    the attribute T of chattr(1)."""

    def __init__(self, place):
        self.place = place
        subprocess.run(["chattr", "+T", str(place)], capture_output=True)

    def fresh(self, name):
        return Path(tempfile.mkdtemp(prefix=name + "-", dir=self.place))
