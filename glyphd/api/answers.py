"""HTTP answers: JSON, lists in three formats, conditional and file answers."""

import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

from bottle import HTTPResponse, request
from pydantic import BaseModel

from glyphd.api.content_codings import BY_CODING, coded, tags_accepted
from glyphd.api.file_answers import answer_result
from glyphd.api.kept_pages import KeptPages
from glyphd.api.kept_results import WholeResults
from glyphd.api.own_addresses import own_address
from glyphd.api.query_strings import query_pairs
from glyphd.api.request_headers import header, weighted
from glyphd.contracts.fingerprints import fingerprint
from glyphd.contracts.queries import OutputQuery, PageQuery
from glyphd.errors import Answered
from glyphd.listings import parquet
from glyphd.listings.formats import (
    CONTENT_TYPES,
    WRITERS,
    WriteRows,
    marked,
    write_csv,
    write_safe_csv,
)
from glyphd.listings.results import Page, Result, RowStream
from glyphd.request_errors import NotAcceptable

_BY_MEDIA_TYPE = {kind.partition(";")[0]: form for form, kind in CONTENT_TYPES.items()}
_LIST_VARIES_BY = f"Accept, {BY_CODING}"
_PLAIN = "".join(chr(code) for code in range(ord(" "), 127) if chr(code) != "%")
_BY_RANGE = {"*/*": "json", "application/*": "json", "text/*": "csv"}


def answer_json(content: Any, http_status: int = 200, /, **headers: str) -> HTTPResponse:
    """A JSON answer; header names are given with underscores."""
    if isinstance(content, BaseModel):
        body = content.model_dump_json().encode()
    else:
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return answer_bytes(body, "application/json", http_status, **headers)


def answer_bytes(
    body: bytes, content_type: str, http_status: int = 200, /, **headers: str
) -> HTTPResponse:
    """An answer from memory; header names are given with underscores, as Bottle takes them."""
    size = str(len(body))
    return HTTPResponse(
        body, http_status, Content_Type=content_type, Content_Length=size, **headers
    )


class NotModified(HTTPResponse, Answered):  # type: ignore[misc]  # Bottle has no types
    """The answer if the client already has this version."""


def make_etag(*parts: Any) -> str:
    """An entity tag for everything on which an answer depends (JSON values)."""
    return f'"{fingerprint(parts)}"'


def require_changed(*version: Any, vary: str = BY_CODING) -> dict[str, str]:
    """The headers of an answer that may change: its tag, for this request and the version (JSON
    values).

    Raises 304 if the client already has this version.
    """
    return require_new_tag(_tag_of_request(version), vary=vary)


def require_changed_list(asked: OutputQuery, *version: Any) -> dict[str, str]:
    """The same for a list, whose format may depend on the `Accept` header."""
    return require_changed(output_format(asked), *version, vary=_LIST_VARIES_BY)


def require_new_tag(etag: str, *, vary: str = BY_CODING) -> dict[str, str]:
    """The headers of an answer with this tag, which depends on the request headers `vary`. Raises
    304 if the client already has it."""
    headers = _tagged(etag, vary)
    unchanged = _answer_unchanged(headers)
    if unchanged is not None:
        raise unchanged
    return headers


def _tag_of_request(version: Sequence[Any]) -> str:
    return make_etag(own_address(request.path), query_pairs(), *version)


def _tagged(etag: str, vary: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "no-cache", "Vary": vary}


def _answer_unchanged(headers: dict[str, str]) -> NotModified | None:
    """The 304, if the client already has the answer with these headers."""
    given = {tag.strip().removeprefix("W/") for tag in header("If-None-Match").split(",")}
    for tag in tags_accepted(headers["ETag"]):
        if tag in given:
            return NotModified("", 304, headers | {"ETag": tag})
    return NotModified("", 304, headers) if "*" in given else None


def output_format(query: OutputQuery) -> str:
    """The format requested by `format`, or else by the Accept header.

    Raises NotAcceptable, and FormatNotInstalled for one that this service could have.
    """
    form = query.format or _accepted_format(header("Accept").strip())
    if form == "parquet":
        parquet.require_installed()
    return form


def _accepted_format(accepted: str) -> str:
    """The format that is preferred; one that is not installed only if no other one is accepted, and
    never one with the weight 0."""
    forms = _BY_MEDIA_TYPE | _BY_RANGE
    given = media_types(accepted) if accepted else ["*/*"]
    refused = {_BY_MEDIA_TYPE.get(name) for weight, name in weighted(accepted) if not weight}
    wanted = [forms[media_type] for media_type in given if media_type in forms]
    wanted += _BY_MEDIA_TYPE.values() if "*/*" in given else ()
    found = [form for form in wanted if form not in refused]
    if not found:
        offered = list(_BY_MEDIA_TYPE)
        raise NotAcceptable(
            f"available as {', '.join(offered)}, not as {accepted[:200]}", offered=offered
        )
    return next((form for form in found if form != "parquet" or parquet.is_installed()), found[0])


def answer_list(
    asked: PageQuery,
    found: Result,
    version: str,
    results: WholeResults,
    *,
    count: Callable[[], int] | None = None,
    hint: Callable[[], str | None] | None = None,
    pages: KeptPages | None = None,
) -> HTTPResponse:
    """The requested page, or the whole list without `limit`.

    `version` changes whenever the list may change. `count` returns the number of rows, if it is
    requested; `hint` says why there are none, and nothing if there are some. `results` and `pages`
    keep answers.
    """
    headers = _tagged(_tag_of_request((output_format(asked), version)), _LIST_VARIES_BY)
    unchanged = _answer_unchanged(headers)
    if unchanged is not None:
        # Not raised: an exception's frames are cyclic garbage, and collecting it would delay every
        # thread.
        return unchanged

    def counted() -> dict[str, str]:
        return headers if count is None else headers | {"X-Total-Count": str(count())}

    if asked.limit is None:
        headers |= _hinted(hint)
        return answer_whole(asked, found.columns, found.everything, results, counted())
    make = partial(_made_page, asked, found, counted, hint)
    if pages is None:
        return make()
    return pages.answer(tags_accepted(headers["ETag"])[0], lambda: coded(make()))


def _made_page(
    asked: PageQuery,
    found: Result,
    headers: Callable[[], dict[str, str]],
    hint: Callable[[], str | None] | None,
) -> HTTPResponse:
    assert asked.limit is not None
    page = found.page(asked.limit)
    return answer_page(asked, page, headers() | ({} if page.rows else _hinted(hint)))


def _hinted(hint: Callable[[], str | None] | None) -> dict[str, str]:
    """The header of a hint: ASCII, the rest percent-encoded."""
    text = None if hint is None else hint()
    return {} if text is None else {"X-Hint": quote(text, safe=_PLAIN)}


def answer_page(asked: OutputQuery, page: Page, headers: dict[str, str]) -> HTTPResponse:
    """A page is written in memory, because its rows are there anyway."""
    form, write = _writer(asked)
    written = io.BytesIO()
    write(written, page.columns, page.rows)
    headers |= next_link(page.next_cursor)
    return answer_bytes(written.getvalue(), CONTENT_TYPES[form], **headers)


def answer_whole(
    asked: OutputQuery,
    columns: Sequence[str],
    read: Callable[[], RowStream],
    results: WholeResults,
    headers: dict[str, str],
) -> HTTPResponse:
    """All rows, first written to an unlinked file: this needs constant memory, and no lock on the
    archive while a slow client reads."""
    form, write = _writer(asked)

    def write_rows(file: BinaryIO) -> None:
        with closing(read()) as rows:  # a connection can't be closed while rows are being read
            write(file, columns, rows)

    return answer_result(results, write_rows, CONTENT_TYPES[form], headers)


def _writer(asked: OutputQuery) -> tuple[str, WriteRows]:
    """The requested format, and its writer."""
    form = output_format(asked)
    if form != "csv":
        return form, WRITERS[form]
    write = write_safe_csv if asked.safe else write_csv
    return form, marked(write) if asked.bom else write


def next_link(position: str | None, parameter: str = "cursor") -> dict[str, str]:
    """The Link header of a page: the same request from another position."""
    if position is None:
        return {}
    pairs = [(name, value) for name, value in query_pairs() if name != parameter]
    following = f"{quote(request.path)}?{urlencode([*pairs, (parameter, position)])}"
    return {"Link": f'<{own_address(following)}>; rel="next"'}


def media_types(accepted: str) -> list[str]:
    """The media types in an Accept header, the most preferred first."""
    ordered = sorted(weighted(accepted), key=lambda pair: -pair[0])
    return [media_type for weight, media_type in ordered if weight > 0]
