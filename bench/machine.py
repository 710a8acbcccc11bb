"""The machine that the figures were measured on."""

import platform
import re
import sqlite3
from pathlib import Path

import psutil

from bench import peers


def describe() -> str:
    """Processor, cores, memory, kernel and versions in one line."""
    memory = psutil.virtual_memory().total / 1024**3
    return ", ".join(
        [
            _processor(),
            f"{psutil.cpu_count()} cores",
            f"{memory:.0f} GiB RAM",
            f"{platform.system()} {platform.release()}",
            f"Python {platform.python_version()} with SQLite {sqlite3.sqlite_version}",
            *peers.versions(),
        ]
    )


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
