"""Large JSON bodies take turns: all API processes together hold one at a time in memory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from glyphd.api.body_blocks import body_length
from glyphd.api.leaving import client_left
from glyphd.api.request_headers import header
from glyphd.api.weights import is_large_json
from glyphd.errors import ClientLeft, TooManyUploads
from glyphd.memory import return_free_memory
from glyphd.siblings.family import OfService, Siblings

LONGEST_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.02


@contextmanager
def large_json_turn(siblings: Siblings) -> Iterator[None]:
    """While the block reads and checks the body of this request, no other block has a large JSON
    body; any other body does not wait.

    Raises TooManyUploads if its turn does not come in time, ClientLeft if its client has
    disconnected, and what `body_length` raises.
    """
    if not is_large_json(header("Content-Type"), body_length()):
        yield
        return
    _wait_for(siblings)
    try:
        yield
    finally:
        return_free_memory()  # before the next body fills another process
        siblings.give_back(OfService.LARGE_JSON)


def _wait_for(siblings: Siblings) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not siblings.take_alone(OfService.LARGE_JSON):
        if client_left():
            raise ClientLeft("the client disconnected before its body was read")
        if time.monotonic() > deadline:
            raise TooManyUploads("too many large JSON bodies are being read; try again in a moment")
        time.sleep(_LOOK_SECONDS)
