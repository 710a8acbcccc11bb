"""Answers from files, as a whole or in parts: uploads, whole results, reports."""

import os
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
from glyphd.api.kept_results import HeldFile, KeptResults
from glyphd.api.problems import problem_of
from glyphd.request_errors import RangeNotSatisfiable


def answer_result(
    results: KeptResults, write: Write, content_type: str, headers: dict[str, str]
) -> HTTPResponse:
    """What `write` writes, once for all who ask for the strong `ETag` in these headers, in gzip
    where that is accepted."""
    if not is_coded(content_type) or not gzip_accepted():
        return answer_held(results.open(headers["ETag"], write), content_type, headers)
    tag = tag_in_gzip(headers["ETag"])
    held = results.open(tag, packed(write))
    if is_packed(held.fileno):
        headers = headers | {"Content-Encoding": GZIP, "ETag": tag}
    return answer_held(held, content_type, headers)


def answer_open_file(file: BinaryIO, content_type: str, headers: dict[str, str]) -> HTTPResponse:
    """An open file of the system as it is, closed when it has been sent."""
    held = HeldFile(file.fileno(), os.fstat(file.fileno()).st_size, file.close)
    return answer_held(held, content_type, headers)


def answer_held(held: HeldFile, content_type: str, headers: dict[str, str]) -> HTTPResponse:
    """The content or the part that is asked for; `headers` have its strong `ETag`.

    A HEAD has the headers of the whole content: Bottle closes what it does not send.
    """
    try:
        asked = range_asked(held.size, headers["ETag"]) if request.method == "GET" else None
    except RangeNotSatisfiable as error:
        held.release()
        answer = problem_of(error)
        answer.set_header("Content-Range", f"bytes */{held.size}")
        return answer
    part = asked or range(held.size)
    named = {"Content-Type": content_type, "Accept-Ranges": "bytes", **headers}
    named["Content-Length"] = str(len(part))
    if asked is not None:
        named["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{held.size}"
    return HTTPResponse(FilePart(held, part), 200 if asked is None else 206, named)
