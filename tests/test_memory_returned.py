"""Memory that a process has freed is returned to the system."""

import subprocess
import sys

SCRIPT = """
import psutil
from glyphd.memory import return_free_memory

used = psutil.Process().memory_info
blocks = [bytearray(1000) for _ in range(100_000)]
largest = used().rss
kept = blocks[::100]  # holds the freed blocks around it
del blocks
freed = used().rss
return_free_memory()
print(largest, freed, used().rss)
"""


def test_what_lies_between_blocks_in_use_is_returned() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    largest, freed, returned = map(int, done.stdout.split())
    assert largest - freed < 20_000_000
    assert largest - returned > 50_000_000
