"""How many cores a process may use."""

import os
from pathlib import Path

import pytest

from glyphd.cores import available_cores


@pytest.fixture
def eight_by_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))


def _cores(folder: Path, own: str, files: dict[str, str]) -> int:
    """The number of cores with these files of control groups; `own` names the process's own
    group."""
    (folder / "own").write_text(own)
    for name, text in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return available_cores(folder / "cgroup", folder / "own")


@pytest.mark.usefixtures("eight_by_affinity")
@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 8), ("300000 100000", 3), ("150000 100000", 1), ("50000 100000", 1)],
)
def test_a_quota_of_version_2_counts_in_whole_cores(tmp_path: Path, quota: str, cores: int) -> None:
    assert _cores(tmp_path, "0::/a\n", {"a/cpu.max": quota}) == cores


@pytest.mark.usefixtures("eight_by_affinity")
def test_the_quota_of_an_outer_group_counts_too(tmp_path: Path) -> None:
    quotas = {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}
    assert _cores(tmp_path, "0::/a/b\n", quotas) == 2


@pytest.mark.usefixtures("eight_by_affinity")
@pytest.mark.parametrize(("quota", "cores"), [("-1", 8), ("250000", 2)])
def test_a_quota_of_version_1_counts(tmp_path: Path, quota: str, cores: int) -> None:
    folder = "cpu,cpuacct/docker"
    files = {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": "100000"}
    assert _cores(tmp_path, "5:memory:/docker\n4:cpu,cpuacct:/docker\n", files) == cores


@pytest.mark.usefixtures("eight_by_affinity")
def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert available_cores(tmp_path / "none", tmp_path / "neither") == 8


def test_there_is_always_one() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
