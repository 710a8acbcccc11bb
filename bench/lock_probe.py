"""`python -m bench.lock_probe ARCHIVE`: how long other processes hold the archive's write lock.

Every few milliseconds it tries to begin a writing transaction, giving up at once. The time from the
last try to one that is refused counts as held. A try takes some 20 µs; what all of them took is
printed too. Ends at the end of stdin.
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
