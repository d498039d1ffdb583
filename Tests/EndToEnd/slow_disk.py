"""A disk on which making data durable takes its time, the same for every program that is given it.

A benchmark's machine may have a disk with a cache that survives a power cut, or none that is real, on which an fsync
costs next to nothing. A plain SSD takes 1 to 5 ms for one (M. Callaghan, "SSDs, power loss protection and fsync latency",
smalldatum.blogspot.com, January 2026, measures 0.9 to 5.4 ms on consumer SSDs with fio), a hard disk 10 ms and more.
"""

from preloaded import library

MILLISECONDS = 4


def environment(directory, milliseconds=MILLISECONDS):
    """For a program and what it starts: each fsync, fdatasync and syncfs takes so long at least."""
    return {"LD_PRELOAD": str(library("slow_disk", directory)),
            "MAILMIRROR_TEST_SYNC_MICROSECONDS": str(int(milliseconds * 1000))}
