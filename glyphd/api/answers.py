"""Making HTTP answers: JSON, lists in three formats, conditional and file answers."""

import io
import json
from collections.abc import Generator, Iterable, Sequence
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

from bottle import HTTPResponse, request
from pydantic import BaseModel

from glyphd.api.answer_files import written
from glyphd.api.headers import header
from glyphd.api.parameters import query_pairs
from glyphd.contracts.fingerprints import fingerprint
from glyphd.contracts.queries import OutputQuery
from glyphd.disk import ScratchSpace
from glyphd.listings.formats import CONTENT_TYPES, WRITERS, Rows, write_safe_csv
from glyphd.request_errors import NotAcceptable

_BY_MEDIA_TYPE = {"application/json": "json", "text/csv": "csv", "application/x-ndjson": "ndjson"}
_BY_RANGE = {"*/*": "json", "application/*": "json", "text/*": "csv"}


def answer_json(content: Any, http_status: int = 200, /, **headers: str) -> HTTPResponse:
    """A JSON answer; header names are given with underscores."""
    if isinstance(content, BaseModel):
        body = content.model_dump_json().encode()
    else:
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return answer_bytes(body, "application/json", http_status, **headers)


def answer_bytes(body: bytes, content_type: str, http_status: int = 200, /, **headers: str) -> HTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPResponse(body, http_status, {"Content-Type": content_type, "Content-Length": str(len(body)), **named})


def answer_file(file: BinaryIO, content_type: str, **headers: str) -> HTTPResponse:
    """The rest of an open file, which is closed when it has been sent."""
    start = file.tell()
    size = file.seek(0, 2) - start
    file.seek(start)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPResponse(file, 200, {"Content-Type": content_type, "Content-Length": str(size), **named})


def answer_head(content_type: str, **headers: str) -> HTTPResponse:
    """The answer to a HEAD without the work of a GET: what it says of the content, but for its length."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    # Bottle drops the body of every answer to a HEAD, but takes an empty one for content of no bytes.
    return HTTPResponse(iter([b"\n"]), 200, {"Content-Type": content_type, **named})


def make_etag(*parts: Any) -> str:
    """An entity tag for whatever an answer depends on (JSON values)."""
    return f'"{fingerprint(parts)}"'


def fresh(etag: str) -> dict[str, str]:
    """The headers of an answer that may change: ask again, and say which one you have."""
    return {"ETag": etag, "Cache-Control": "no-cache"}


def not_modified(etag: str) -> HTTPResponse | None:
    """304 when the client has this very version already."""
    given = {tag.strip().removeprefix("W/") for tag in header("If-None-Match").split(",")}
    if etag in given or "*" in given:
        return HTTPResponse("", 304, fresh(etag))
    return None


def output_format(query: OutputQuery) -> str:
    """The format asked for by `format`, else by the Accept header. Raises NotAcceptable."""
    if query.format is not None:
        return query.format
    accepted = header("Accept").strip()
    if not accepted:
        return "json"
    forms = _BY_MEDIA_TYPE | _BY_RANGE
    for media_type in _by_preference(accepted):
        if media_type in forms:
            return forms[media_type]
    offered = list(_BY_MEDIA_TYPE)
    raise NotAcceptable(f"available as {', '.join(offered)}, not as {accepted[:200]}", offered=offered)


def answer_rows(
    query: OutputQuery, columns: Sequence[str], rows: Rows, scratch: ScratchSpace, **headers: str
) -> HTTPResponse:
    """A list of rows, written to an unlinked scratch file first: flat in memory, and no lock on the archive while a
    reader takes its time. A page, whose rows are in memory anyway, stays there."""
    form = output_format(query)
    write = write_safe_csv if form == "csv" and query.safe else WRITERS[form]
    if isinstance(rows, list):
        page = io.BytesIO()
        write(page, columns, rows)
        return answer_bytes(page.getvalue(), CONTENT_TYPES[form], Vary="Accept", **headers)
    if request.method == "HEAD":
        return answer_head(CONTENT_TYPES[form], Vary="Accept", **headers)
    try:
        file = written(lambda file: write(file, columns, rows), scratch)
    finally:
        # Rows that are not read to their end still hold a transaction, and its connection can't be closed.
        if isinstance(rows, Generator):
            rows.close()
    return answer_file(file, CONTENT_TYPES[form], Vary="Accept", **headers)


def next_link(cursor: str | None) -> dict[str, str]:
    """The Link header of a page: this very request with another cursor."""
    if cursor is None:
        return {}
    pairs = [(name, value) for name, value in query_pairs() if name != "cursor"]
    return {"Link": f'<{quote(request.path)}?{urlencode([*pairs, ("cursor", cursor)])}>; rel="next"'}


def _by_preference(accepted: str) -> Iterable[str]:
    weighted = []
    for item in accepted.lower().split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            weighted.append((float(weight), media_type))
        except ValueError:
            continue
    return [media_type for weight, media_type in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0]
