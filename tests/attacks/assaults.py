"""One function per attack. `python -m tests.attacks.assaults NAME PORT IMPORT FAILED SECONDS` runs
one."""

import gzip
import itertools
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from tests.attacks.wires import Target, get, post, read_slowly, repeat, write_slowly

KIB, MIB = 1024, 1024 * 1024
FORM_BYTES = 300 * 1024
ANNOUNCED = tuple(size * MIB for size in (80, 80, 80, 80, 40, 20, 10, 5, 3, 2, 1, 1))
"""A body is stored twice for a while. Twice these sizes take all of the small disk, to the last
MiB."""

SMALL_BYTES = 256 * KIB
SMALL_ROWS = 4
NESTED = "[" + ",".join(["[]"] * 150_000) + "]"
EMPTY_ROWS = b"[" + b",".join([b"{}"] * (15 * MIB // 3)) + b"]"
GOOD_ROW = b'{"model":"L40S","price_usd":1000.25,"score":0.5}'
MANY_ROWS = b"[" + b",".join([GOOD_ROW] * 250_000) + b",{}]"
CSV_TEXT = b'{"csv":"model,price_usd,score\\n' + b"L40S,x,0.5\\n" * (15 * MIB // 12) + b'"}'
IDLE = 510
MANY = 1500


def quadratic_form(target: Target) -> None:
    """Forms whose part headers never end, sent to a path that exists and to one that does not."""
    body = b"--x\r\n" + b"; name=file\r\n" * (FORM_BYTES // 13)
    paths = itertools.cycle(("/api/import", "/nowhere"))
    repeat(
        target,
        4,
        lambda: target.request(
            "POST", next(paths), body, Content_Type="multipart/form-data; boundary=x"
        ),
    )


def nested_heuristics(target: Target) -> None:
    """A small gzip with heuristics that are very long lists, and clients that read them."""
    row = f'A100,1,0.5,"{NESTED}"\n'
    body = gzip.compress(("model,price_usd,score,heuristics\n" + row * SMALL_ROWS).encode())
    with suppress(OSError):
        target.request(
            "POST", "/api/import", body, Content_Type="text/csv", Content_Encoding="gzip"
        )
    repeat(
        target, 4, lambda: target.request("GET", "/api/listings?model=A100&history=true&limit=1000")
    )


def empty_rows(target: Target) -> None:
    """15 MiB of empty rows, all of them invalid."""
    repeat(
        target,
        3,
        lambda: target.request(
            "POST", "/api/persist/listings", EMPTY_ROWS, Content_Type="application/json"
        ),
    )


def large_json(target: Target) -> None:
    """A JSON body with the maximum number of rows, of which only the last is invalid, and CSV text
    in a JSON body of the maximum size."""
    sent = itertools.cycle([("/api/persist/listings", MANY_ROWS), ("/api/import", CSV_TEXT)])

    def send() -> None:
        path, body = next(sent)
        target.request("POST", path, body, Content_Type="application/json")

    repeat(target, 6, send)


def huge_pages(target: Target) -> None:
    """Pages of the maximum size, each with a different query, so that none is cached."""
    numbers = itertools.count()
    repeat(
        target,
        4,
        lambda: target.request("GET", f"/api/listings?limit=1000&min_score=0.0000{next(numbers)}"),
    )


def long_links(target: Target) -> None:
    """Small pages with a query of 30 KB, which their Link header repeats three times."""
    numbers = itertools.count()
    filler = "%20" * 9000
    repeat(
        target,
        4,
        lambda: target.request(
            "GET", f"/api/listings?limit=1&min_score=0.0{next(numbers)}&seller={filler}"
        ),
    )


def slow_results(target: Target) -> None:
    """Clients that read whole results a hundred bytes at a time."""

    def read() -> None:
        with target.connect() as connection:
            connection.sendall(get("/api/listings?history=true"))
            read_slowly(target, connection, 100, 0.2)

    repeat(target, 40, read)


def slow_pipelines(target: Target) -> None:
    """Eight connections, each with many pipelined requests, that read slowly."""

    def read() -> None:
        with target.connect() as connection:
            connection.sendall(get("/api/listings?limit=1000&history=true") * 50)
            read_slowly(target, connection, 100, 0.2)

    repeat(target, 8, read)


def heads_of_results(target: Target) -> None:
    """HEAD requests for whole results, from clients that do not wait."""
    repeat(target, 16, lambda: _ask_and_leave(target, get("/api/listings?history=true", "HEAD")))


def gone_readers(target: Target) -> None:
    """Reports for clients that have disconnected."""
    repeat(
        target,
        8,
        lambda: _ask_and_leave(target, get(f"/api/imports/{target.failed_id}/report.csv")),
    )


def trickled_promises(target: Target) -> None:
    """Uploads that announce all the free space and send little more than the minimum rate, and some
    of 4 GiB to a path that does not exist."""
    asked = itertools.cycle(
        [*(("/api/import", size) for size in ANNOUNCED), ("/nowhere", 4096 * MIB)]
    )

    def send() -> None:
        path, size = next(asked)
        with target.connect() as connection:
            connection.sendall(post(path, "Content-Type: text/csv", f"Content-Length: {size}"))
            connection.sendall(b"model,price_usd,score\n" + bytes(FORM_BYTES))
            write_slowly(target, connection, b"x" * 1130, 1)

    repeat(target, len(ANNOUNCED) + 1, send)


def trickled_chunks(target: Target) -> None:
    """Chunked bodies that barely progress."""

    def send() -> None:
        with target.connect() as connection:
            connection.sendall(
                post("/api/import", "Content-Type: text/csv", "Transfer-Encoding: chunked")
            )
            connection.sendall(b"%x\r\n%b\r\n" % (FORM_BYTES, bytes(FORM_BYTES)))
            write_slowly(target, connection, b"46a\r\n" + b"x" * 0x46A + b"\r\n", 1)

    repeat(target, 64, send)


def idle_connections(target: Target) -> None:
    """More connections than the service keeps, each idle after one request."""

    def sit() -> None:
        with target.connect() as connection:
            connection.sendall(get("/api/health"))
            read_slowly(target, connection, 4096, 0.5)

    repeat(target, IDLE, sit)


def trickled_small_bodies(target: Target) -> None:
    """More connections than the service keeps, each with a body that needs no place and barely
    progresses."""

    def send() -> None:
        with target.connect() as connection:
            connection.sendall(
                post("/api/import", "Content-Type: text/csv", f"Content-Length: {SMALL_BYTES}")
            )
            connection.sendall(b"model,price_usd,score\n" + bytes(SMALL_BYTES - KIB))
            write_slowly(target, connection, b"x", 1)

    repeat(target, IDLE, send)


def queued_results(target: Target) -> None:
    """More connections than the service keeps, each waiting for a whole result."""
    repeat(target, IDLE, lambda: target.request("GET", "/api/listings?history=true"))


def spent_descriptors(target: Target) -> None:
    """More connections than the process has file descriptors."""

    def hold() -> None:
        with target.connect() as connection:
            read_slowly(target, connection, 4096, 0.5)

    repeat(target, MANY // 4, hold)


ASSAULTS: dict[str, Callable[[Target], None]] = {
    assault.__name__: assault
    for assault in (
        quadratic_form,
        nested_heuristics,
        empty_rows,
        large_json,
        huge_pages,
        long_links,
        slow_results,
        slow_pipelines,
        heads_of_results,
        gone_readers,
        trickled_promises,
        trickled_chunks,
        idle_connections,
        trickled_small_bodies,
        queued_results,
        spent_descriptors,
    )
}


def _ask_and_leave(target: Target, request: bytes) -> None:
    with target.connect() as connection:
        connection.sendall(request)
        time.sleep(0.1)


def main(name: str, port: str, import_id: str, failed_id: str, seconds: str) -> None:
    ASSAULTS[name](Target(int(port), import_id, failed_id, time.monotonic() + float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
