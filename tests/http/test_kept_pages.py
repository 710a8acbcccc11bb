"""Pages are kept by their tag, within a limit of memory."""

from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Thread

from bottle import HTTPResponse

from glyphd.api.kept_pages import KeptPages

PATIENCE_SECONDS = 0.2


def _answer(size: int) -> HTTPResponse:
    return HTTPResponse(b"x" * size, 200, {"ETag": str(size)})


def _is_kept(pages: KeptPages, tag: str) -> bool:
    return bool(pages.answer(tag, lambda: HTTPResponse(b"made")).body != b"made")


def test_the_least_recently_used_go_first() -> None:
    pages = KeptPages(most_bytes=350_000)
    for size in (99_000, 100_000, 101_000):
        pages.answer(str(size), lambda size=size: _answer(size))  # type: ignore[misc]
    assert _is_kept(pages, "99000")
    pages.answer("98000", lambda: _answer(98_000))
    assert _is_kept(pages, "98000")
    assert _is_kept(pages, "99000")
    assert _is_kept(pages, "101000")
    assert not _is_kept(pages, "100000")


def test_a_page_that_is_too_large_is_not_kept() -> None:
    pages = KeptPages(most_bytes=10_000)
    assert pages.answer("11", lambda: _answer(11_000)).body == b"x" * 11_000
    assert not _is_kept(pages, "11")


def test_headers_and_empty_pages_count() -> None:
    pages = KeptPages(most_bytes=1_000_000)
    for number in range(100):
        pages.answer(f"long {number}", lambda: HTTPResponse(b"", 200, {"Link": "x" * 90_000}))
    kept = [number for number in range(99, -1, -1) if _is_kept(pages, f"long {number}")]
    assert kept == list(range(99, 99 - len(kept), -1))
    assert len(kept) <= 10


def test_its_reader_can_not_change_what_is_kept() -> None:
    pages = KeptPages()
    pages.answer("1", lambda: _answer(1)).set_header("X-Request-Id", "mine")
    assert pages.answer("1", lambda: _answer(1)).get_header("X-Request-Id") is None


def test_of_many_who_ask_at_once_one_makes_the_page() -> None:
    pages, second, made = KeptPages(), Barrier(2), []

    def make() -> HTTPResponse:
        made.append(1)
        with suppress(BrokenBarrierError):
            second.wait(PATIENCE_SECONDS)  # until another thread makes the page as well
        return _answer(1)

    threads = [Thread(target=pages.answer, args=("1", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
