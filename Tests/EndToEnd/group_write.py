"""The least that a safe mirror has to write: what a benchmark's floor is made of.

    python3 group_write.py PLACE    makes files of the sizes that stand on standard input, one to a line
"""

import concurrent.futures
import os
import sys
from pathlib import Path


def write_groups(place, sizes):
    """Writes files of those sizes as a safe mirror must, with nothing else to do: in groups of 256 files or 16 MB,
    each made durable, renamed, the directory fsynced, and a commit's worth of log fsynced before and after."""
    for part in ("tmp", "new"):
        os.makedirs(place / part)
    block = os.urandom(1 << 20) * 9
    tmp, new = [os.open(place / part, os.O_RDONLY) for part in ("tmp", "new")]
    log = os.open(place / "log", os.O_CREAT | os.O_WRONLY, 0o600)

    def write(item):
        name, size = item
        file = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=tmp)
        os.write(file, memoryview(block)[:size])
        os.fdatasync(file)
        os.close(file)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        group, held = [], 0

        def close():
            list(pool.map(write, group))
            os.write(log, b"i" * 200 * len(group))
            os.fdatasync(log)
            for name, _ in group:
                os.rename(name, name, src_dir_fd=tmp, dst_dir_fd=new)
            os.fsync(new)
            os.write(log, b"s" * 200 * len(group))
            os.fdatasync(log)

        for number, size in enumerate(sizes):
            group.append(("message%d" % number, size))
            held += size
            if len(group) == 256 or held > 16_000_000:
                close()
                group, held = [], 0
        if group:
            close()
    for one in (tmp, new, log):
        os.close(one)


if __name__ == "__main__":
    write_groups(Path(sys.argv[1]), [int(line) for line in sys.stdin])
