"""The messages of `glyphd serve` at the start."""

from pathlib import Path

import pytest

from glyphd.greeting import greeting
from glyphd.settings import Settings


def _greeting(host: str = "127.0.0.1", port: int = 8080, **values: object) -> list[str]:
    return greeting(Settings(**values), host, port).splitlines()


@pytest.mark.parametrize(
    ("host", "page"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://localhost:8080"),
        ("::", "http://localhost:8080"),
        ("::1", "http://[::1]:8080"),
    ],
)
def test_it_names_the_page_first(host: str, page: str) -> None:
    assert f": open {page} in a browser" in _greeting(host)[0]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://0.0.0.0:8080"),
        ("::1", "http://[::1]:8080"),
        ("gpu.example", "http://gpu.example:8080"),
    ],
)
def test_it_says_where_it_listens(host: str, address: str) -> None:
    assert _greeting(host)[1].startswith(f"listens on {address} (")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_loopback_it_says_that_nobody_else_gets_in(host: str) -> None:
    assert "only this machine can reach it" in _greeting(host)[1]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "gpu.example"])
def test_elsewhere_it_warns_that_everybody_does(host: str) -> None:
    assert "anyone who can reach this address can read and write" in _greeting(host)[1]


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", "localhost"),
        ("0.0.0.0", "localhost"),
        ("::", "localhost"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "[2001:db8::7]"),
    ],
)
def test_it_says_what_to_try_next(host: str, near: str) -> None:
    first, second = _greeting(host, 9000)[3:]
    assert first == f"try:  curl -F file=@sample/scored_sample.csv http://{near}:9000/api/import"
    assert second == f'      curl "http://{near}:9000/api/listings?limit=5"'


def test_it_says_where_the_data_lies(tmp_path: Path) -> None:
    assert _greeting(data_dir=tmp_path)[2] == f"data: {tmp_path / 'gpu.sqlite'}"


def test_a_path_is_told_in_full() -> None:
    assert _greeting(db_path="market.sqlite")[2] == f"data: {Path.cwd() / 'market.sqlite'}"


def test_of_a_database_the_password_is_left_out() -> None:
    lines = _greeting(database_url="postgresql://me:s3cr3t@db/gpu")
    assert lines[2] == "data: postgresql://me:***@db/gpu"
    assert "s3cr3t" not in "".join(lines)
