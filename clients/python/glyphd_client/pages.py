"""Lists that come in pages."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from glyphd_client.transport import Pairs, Request, Transport

_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


def pages_of(transport: Transport, path: str, query: Pairs) -> Iterator[list[dict[str, Any]]]:
    """The pages of a list, until one has no `Link` to a next one.

    Only the query of a link is used: behind a proxy that changes paths its path may be another, and
    the token goes to no other host.
    """
    asked: Pairs | None = query
    while asked is not None:
        answer = transport.send(Request("GET", path, asked))
        yield answer.json
        found = _NEXT.search(answer.headers.get("Link", ""))
        asked = parse_qsl(urlsplit(found[1]).query, keep_blank_values=True) if found else None
