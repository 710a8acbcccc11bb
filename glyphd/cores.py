"""How many processor cores this process may use: by affinity, and by the quota of its control
group."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def available_cores(cgroups: Path = _CGROUPS, own_cgroups: Path = _OWN_CGROUPS) -> int:
    """At least 1. A quota of one and a half cores counts as one."""
    return max(1, math.floor(min([_by_affinity(), *_quotas(cgroups, own_cgroups)])))


def _by_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(cgroups: Path, own_cgroups: Path) -> Iterator[float]:
    """The cores allowed by each control group of this process, including the outer ones."""
    try:
        lines = own_cgroups.read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:  # version 2
            for folder in _with_parents(cgroups, group):
                yield from _quota(_words(folder / "cpu.max"))
        elif "cpu" in controllers.split(","):
            for name in ("cpu", controllers):
                for folder in _with_parents(cgroups / name, group):
                    files = (folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us")
                    yield from _quota([word for file in files for word in _words(file)])


def _with_parents(root: Path, group: str) -> list[Path]:
    """In a container the path may be that of the host, and the container's own group the root."""
    inside = PurePosixPath(group.lstrip("/"))
    return [root / part for part in (inside, *inside.parents)]


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _quota(words: list[str]) -> Iterator[float]:
    """The cores of a quota and a period in microseconds; `max` and -1 mean no quota."""
    if len(words) == 2 and words[0].isdigit() and int(words[1]) > 0:
        yield int(words[0]) / int(words[1])
