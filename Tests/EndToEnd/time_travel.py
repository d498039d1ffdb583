"""Lets time pass for a mirror while it does not run: what waits in its state becomes older."""

import contextlib
import sqlite3

COLUMNS = (("intent", "since", 1), ("removal", "at", 1), ("message", "missing_since", 1_000_000_000),
           ("drained", "first_seen", 1), ("drained", "absent_at", 1))


def time_passes(mirror, seconds):
    if not mirror.database.exists():
        return
    connection = sqlite3.connect(mirror.database, timeout=10)
    try:
        for table, column, unit in COLUMNS:
            with contextlib.suppress(sqlite3.OperationalError), connection:  # a state that has no such table yet
                connection.execute("UPDATE %s SET %s = %s - ?" % (table, column, column), (seconds * unit,))
    finally:
        connection.close()
