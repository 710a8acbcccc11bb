"""The SHA-256 of data that is already in a file."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from glyphd.uploads.digests import FollowingDigest

DATA = bytes(range(256)) * 100_000


@pytest.fixture
def following(tmp_path: Path) -> Iterator[FollowingDigest]:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        following = FollowingDigest(file.fileno())
        yield following
        following.close()


@pytest.mark.parametrize("steps", [[], [1000], [9_000_000, 9_000_001, 20_000_000]])
@pytest.mark.parametrize("size", [0, 1, 20_000_001, len(DATA)])
def test_counts_what_it_is_told_to(following: FollowingDigest, steps: list[int], size: int) -> None:
    for step in steps:
        following.follow(min(step, size))
    assert following.catch_up(size).result() == sha256(DATA[:size]).hexdigest()


def test_a_file_that_is_too_short_has_none(following: FollowingDigest) -> None:
    with pytest.raises(OSError, match="1 bytes early"):
        following.catch_up(len(DATA) + 1).result()
