"""Whole numbers of 64 bits in memory that the API processes of one service share, in sections.

The module that uses a section defines what its cells mean. Cells are read and written atomically.
"""

import mmap
import os
import tempfile
from dataclasses import dataclass

NO_DESCRIPTOR = -1
"""Stands for memory of a single process."""

CELL_BYTES = 8

SERVICE_CELLS = 8
"""Values that exist once for all processes."""
PROCESS_CELLS = 16
"""Values of each process."""
UPLOAD_CELLS = 8
"""Uploads in progress."""
FAILURE_ROWS, FAILURE_CELLS = 16_384, 4
"""Addresses that recently sent wrong tokens."""
SERIES_ROWS, SERIES_CELLS = 8_192, 16
"""Series of the request metrics, for each process."""


@dataclass(frozen=True)
class Shape:
    """The number of processes, and of concurrent uploads."""

    processes: int
    uploads: int

    @property
    def sections(self) -> dict[str, int]:
        """The number of cells in each section."""
        return {
            "service": SERVICE_CELLS,
            "processes": self.processes * PROCESS_CELLS,
            "uploads": self.uploads * UPLOAD_CELLS,
            "failures": FAILURE_ROWS * FAILURE_CELLS,
            "series": self.processes * SERIES_ROWS * SERIES_CELLS,
        }

    @property
    def size(self) -> int:
        """The size in bytes. Pages that were never written take no memory."""
        return CELL_BYTES * sum(self.sections.values())


def create_memory(shape: Shape) -> int:
    """A descriptor of new memory, all zeros. The memory is freed when the last process closes
    it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("glyphd-siblings")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, shape.size)
    return descriptor


def map_sections(shape: Shape, descriptor: int = NO_DESCRIPTOR) -> dict[str, memoryview]:
    """The cells of each section; without a descriptor, in memory that is not shared."""
    cells = memoryview(mmap.mmap(descriptor, shape.size)).cast("q")
    found, start = {}, 0
    for name, count in shape.sections.items():
        found[name] = cells[start : start + count]
        start += count
    return found


def rows_of(section: memoryview, width: int) -> list[memoryview]:
    """The section in rows of this many cells."""
    return [section[start : start + width] for start in range(0, len(section), width)]
