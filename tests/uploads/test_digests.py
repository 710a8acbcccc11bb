"""The SHA-256 of a file that comes in block by block is that of the whole."""

from hashlib import sha256
from random import Random

import pytest

from glyphd.uploads.digests import LARGE_BYTES, FileDigest


@pytest.mark.parametrize("largest", [10, LARGE_BYTES - 1, LARGE_BYTES, 3 * LARGE_BYTES])
def test_blocks_of_any_size_are_taken_in_order(largest: int) -> None:
    random = Random(largest)
    blocks = [random.randbytes(random.randint(0, largest)) for _ in range(20)]
    digest = FileDigest()
    for block in blocks:
        digest.update(block)
    assert digest.hexdigest() == sha256(b"".join(blocks)).hexdigest()
    digest.close()


def test_a_file_may_be_given_up() -> None:
    digest = FileDigest()
    digest.update(bytes(LARGE_BYTES))
    digest.close()
    assert digest.hexdigest() == sha256(bytes(LARGE_BYTES)).hexdigest()
