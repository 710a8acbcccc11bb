"""Request ids: the client's own if it is valid, so that its logs and ours can be matched."""

import random
import re

from glyphd.token_text import without_tokens

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def request_id_from(sent: str) -> str:
    """The id that the client sent in `X-Request-Id`, or a new one."""
    if _SANE.fullmatch(sent) and without_tokens(sent) == sent:
        return sent
    # It need not be hard to guess. Asking the system for random bytes would cost a system call,
    # during which another thread may take Python's lock.
    return f"{random.getrandbits(128):032x}"
