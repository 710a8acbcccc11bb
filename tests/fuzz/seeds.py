"""The starting points of fuzzing: the CSV cases, and a few examples of other inputs."""

import json
from pathlib import Path

from glyphd.listings.cursors import write_cursor

CASES = Path(__file__).parents[1] / "data" / "csv"
LONGEST = 4096

_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="source"\r\n\r\nx\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Type: '
    b"text/csv\r\n\r\n"
    b"model,price_usd,score\nA,1,0.5\n\r\n--b--\r\n"
)
_ROWS = [
    {"model": "A", "price_usd": 1, "score": 0.5, "heuristics": {"a": [1, None]}, "nvlink": True},
    {"Canonical Model": "A", "price": "1", "final_score": -0.0, "quantity": "Available", "x": "y"},
    {"model": "A", "Model": "B", "seen_at": "2025-07-29 12:12"},
]
_QUERIES = [
    "model=a&model=b&min_price=1&sort=-score&limit=10&after=2025-07-29T12:00:00%2B02:00",
    "status=failed&sha256=00&count=exact",
    "fields=model,score&format=csv&safe=true",
    "on_error=skip&dry_run=yes&delimiter=tab&encoding=cp1252&filename=a.csv",
    '"2025-07-29T12:12:00.000000Z",5',
]
_TIMES = [
    "2025-07-29T12:12:00.5+02:00",
    "2025-07-29",
    "2025-07-29 12:12Z",
    "0001-01-01T00:00:00+23:59",
    "20250729",
]
_HOSTS = [
    "localhost:8080",
    "127.1",
    "[fe80::1%eth0]:80",
    "a.localhost.",
    "evil.example",
    "HTTPS://API.:8080/",
]


def seeds(target: str) -> list[bytes]:
    """The first inputs of a target."""
    if target in ("headers", "rows"):
        return [bytes([flags]) + data for data in _case_files() for flags in (0, 1)]
    if target == "json_rows":
        return [json.dumps(row).encode() + b"\n" for row in _ROWS]
    if target == "forms":
        return [
            b"\0" + _FORM,
            b'\1{"filename":"a.csv","csv":"model"}',
            b"\2model,price_usd,score\n",
        ]
    if target == "queries":
        return [query.encode() for query in _QUERIES] + [write_cursor([], ["a", 1]).encode()]
    if target == "hosts":
        return [host.encode() for host in _HOSTS]
    return [time.encode() for time in _TIMES]


def _case_files() -> list[bytes]:
    return [path.read_bytes()[:LONGEST] for path in sorted(CASES.glob("*.csv*"))]
