"""`python -m bench.lock_probe ARCHIVE`: measures how long other processes hold the archive's write
lock.

Every few milliseconds it tries to begin a write transaction, without waiting for the lock. If an
attempt fails, the time since the previous one counts as held. An attempt takes about 20 µs; the
total of all attempts is printed too. Ends when stdin ends.
"""

import json
import select
import sqlite3
import sys
import time

INTERVAL_SECONDS = 0.005


def main(archive: str) -> None:
    connection = sqlite3.connect(
        f"file:{archive}?mode=rw", uri=True, timeout=0, isolation_level=None
    )
    held = trying = 0.0
    last = time.perf_counter()
    while not select.select([sys.stdin], [], [], INTERVAL_SECONDS)[0]:
        now = time.perf_counter()
        if _is_busy(connection):
            held += now - last
        trying += time.perf_counter() - now
        last = now
    connection.close()
    print(json.dumps({"held_seconds": held, "trying_seconds": trying}))


def _is_busy(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    connection.execute("ROLLBACK")
    return False


if __name__ == "__main__":
    main(sys.argv[1])
