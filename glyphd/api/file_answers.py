"""Answers from files, as a whole or in parts: uploads, whole results, reports."""

import io
import os
from collections.abc import Callable
from typing import BinaryIO

from bottle import HTTPResponse, request

from glyphd.api.answer_files import Write
from glyphd.api.byte_ranges import FilePart, range_asked
from glyphd.api.content_codings import (
    GZIP,
    gzip_accepted,
    is_coded,
    is_packed,
    packed,
    tag_in_gzip,
)
from glyphd.api.kept_results import HeldFile, WholeResults
from glyphd.api.problems import problem_of
from glyphd.request_errors import RangeNotSatisfiable

COPY_BYTES = 1 << 20


def answer_result(
    results: WholeResults, write: Write, content_type: str, headers: dict[str, str]
) -> HTTPResponse:
    """What `write` writes, in gzip if that is accepted. It is written once for all requests with
    the strong `ETag` in these headers."""
    if not is_coded(content_type) or not gzip_accepted():
        return answer_held(results.open(headers["ETag"], write), content_type, headers)
    tag = tag_in_gzip(headers["ETag"])
    held = results.open(tag, packed(write))
    if is_packed(held.fileno):
        headers = headers | {"Content-Encoding": GZIP, "ETag": tag}
    return answer_held(held, content_type, headers)


def answer_open_file(file: BinaryIO, content_type: str, headers: dict[str, str]) -> HTTPResponse:
    """An open local file, closed when it has been sent."""
    held = HeldFile(file.fileno(), os.fstat(file.fileno()).st_size, file.close)
    return answer_held(held, content_type, headers)


def answer_copied(
    results: WholeResults,
    open_file: Callable[[], BinaryIO],
    content_type: str,
    headers: dict[str, str],
) -> HTTPResponse:
    """A remote file, or the requested part of it, sent from a scratch copy: the server's loop,
    which serves all clients, must not wait for another machine.

    A HEAD copies nothing.
    """
    with open_file() as file:
        size = file.seek(0, io.SEEK_END)
        asked = _asked(size, headers)
        if isinstance(asked, HTTPResponse):
            return asked
        part = asked or range(size)
        if request.method == "HEAD":
            return HTTPResponse("", 200, _part_headers(part, None, size, content_type, headers))

        def write(copy: BinaryIO) -> None:
            file.seek(part.start)
            left = len(part)
            while block := file.read(min(COPY_BYTES, left)):
                copy.write(block)
                left -= len(block)

        copied = results.open(f"{headers['ETag']} {part.start}-{part.stop}", write)
    named = _part_headers(part, asked, size, content_type, headers)
    return HTTPResponse(FilePart(copied, range(copied.size)), 200 if asked is None else 206, named)


def answer_held(held: HeldFile, content_type: str, headers: dict[str, str]) -> HTTPResponse:
    """The content or the requested part; `headers` have its strong `ETag`.

    A HEAD has the headers of the whole content: Bottle closes what it does not send.
    """
    asked = _asked(held.size, headers)
    if isinstance(asked, HTTPResponse):
        held.release()
        return asked
    part = asked or range(held.size)
    named = _part_headers(part, asked, held.size, content_type, headers)
    return HTTPResponse(FilePart(held, part), 200 if asked is None else 206, named)


def _asked(size: int, headers: dict[str, str]) -> range | HTTPResponse | None:
    """The requested part of a content of this size, None for all of it; or the refusal."""
    try:
        return range_asked(size, headers["ETag"]) if request.method == "GET" else None
    except RangeNotSatisfiable as error:
        answer = problem_of(error)
        answer.set_header("Content-Range", f"bytes */{size}")
        return answer


def _part_headers(
    part: range, asked: range | None, size: int, content_type: str, headers: dict[str, str]
) -> dict[str, str]:
    named = {"Content-Type": content_type, "Accept-Ranges": "bytes", **headers}
    named["Content-Length"] = str(len(part))
    if asked is not None:
        named["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return named
