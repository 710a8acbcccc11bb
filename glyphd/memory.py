"""How a process handles memory: set before it loads its modules, and once after the start."""

import ctypes
import gc
from contextlib import suppress

GARBAGE_THRESHOLD = 50_000
"""How many more objects must be created than deleted before Python collects garbage."""

M_ARENA_MAX = -8
"""The parameter of `mallopt` in the GNU C library for the number of arenas."""


RETURN_SECONDS = 5.0
"""How often a service returns the memory that it no longer uses."""


def load_without_collecting() -> None:
    """The modules of a process are hundreds of thousands of permanent objects: searching them for
    garbage takes a tenth of its start."""
    gc.set_threshold(GARBAGE_THRESHOLD)


def collect_rarely() -> None:
    """Millions of rows are created and deleted without reference cycles. A search for cycles after
    every 700 would take longer than reading or writing the rows. The application's own objects
    stay, and are not searched again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def share_arenas() -> None:
    """The C library keeps a separate arena for every thread, each as large as its thread ever
    needed: whole results take a third more memory. Two arenas are enough, because Python's lock
    lets only one thread allocate at a time. Only the GNU C library has this setting.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)


def return_free_memory() -> None:
    """Returns freed memory to the system. The C library keeps it between blocks that are still in
    use: after large answers a quarter of a process. Only the GNU C library has this function."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
