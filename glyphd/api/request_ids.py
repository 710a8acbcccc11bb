"""Request ids: the client's own when it is a sane one, so that its logs and ours can be laid side
by side."""

import re
from uuid import uuid4

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def request_id_from(sent: str) -> str:
    """The id that the client sent in `X-Request-Id`, or a new one."""
    return sent if _SANE.fullmatch(sent) else uuid4().hex
