"""Whole numbers of 64 bits in memory that the API processes of one service share, in sections.

A section's cells mean what the module says that uses it. A cell is read and written as a whole.
"""

import mmap
import os
import tempfile
from dataclasses import dataclass

NO_DESCRIPTOR = -1
"""For memory of one process alone."""

CELL_BYTES = 8

SERVICE_CELLS = 8
"""What there is once for all processes."""
PROCESS_CELLS = 16
"""What each process says of itself."""
UPLOAD_CELLS = 8
"""One upload in progress."""
FAILURE_ROWS, FAILURE_CELLS = 16_384, 4
"""Addresses that have sent wrong tokens lately."""
SERIES_ROWS, SERIES_CELLS = 8_192, 16
"""Series of the metrics of requests, for each process."""


@dataclass(frozen=True)
class Shape:
    """So many processes, and uploads at a time."""

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
        """Bytes. Those that nobody has written yet take no memory."""
        return CELL_BYTES * sum(self.sections.values())


def create_memory(shape: Shape) -> int:
    """A descriptor of such memory, all zeros. It is gone when the last process has closed it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("glyphd-siblings")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, shape.size)
    return descriptor


def map_sections(shape: Shape, descriptor: int = NO_DESCRIPTOR) -> dict[str, memoryview]:
    """The cells of each section; without a descriptor in memory of this process alone."""
    cells = memoryview(mmap.mmap(descriptor, shape.size)).cast("q")
    found, start = {}, 0
    for name, count in shape.sections.items():
        found[name] = cells[start : start + count]
        start += count
    return found


def rows_of(section: memoryview, width: int) -> list[memoryview]:
    """The section in rows of so many cells."""
    return [section[start : start + width] for start in range(0, len(section), width)]
