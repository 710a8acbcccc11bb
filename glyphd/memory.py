"""How a long-lived process handles memory: set once, when it has been built up."""

import ctypes
import gc
from contextlib import suppress

GARBAGE_THRESHOLD = 50_000
"""How many new objects, beyond deleted ones, make Python look for garbage."""

M_ARENA_MAX = -8
"""What `mallopt` of the GNU C library calls the number of its arenas."""


def collect_rarely() -> None:
    """Rows come and go by the million without a cycle among them: looking for one every 700 takes
    longer than to read or write them. What the application consists of stays, and is not looked at
    again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def share_arenas() -> None:
    """The C library keeps memory apart for every thread, and with it what each one once needed: a
    third more for whole results. Two shares are enough, since Python's lock lets one thread at a
    time ask. No other C library has this.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)
