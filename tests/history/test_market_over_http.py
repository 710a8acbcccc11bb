"""Random stories over HTTP: at any moment the service answers what plain Python computes.

More stories are tested without HTTP (`test_offers`, `test_watches`); here there are few, or as many
as GLYPHD_TEST_STORIES says.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import psycopg
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from glyphd.settings import Settings
from glyphd.times import read_stored, utc_text
from glyphd.upkeep.archive_checks import ARCHIVE_CHECKS
from tests.databases import with_database
from tests.history.ledgers import START
from tests.history.plain_offers import Event, Import, Listing, PlainLedger, Row
from tests.history.plain_watches import PlainWatches, Shown, difference
from tests.history.test_watches import BELOW, CONDITIONS, PERCENT, VALUES, Given, imports, turns
from tests.service import Service, close_services, open_service, settings_in

STORIES = int(os.environ.get("GLYPHD_TEST_STORIES", "3"))
several_files = st.lists(imports, min_size=3, max_size=5)
"""There are few stories, so each has several files."""

HEADER = "model,price_usd,score,seller,source_url,title,seen_at"
Place = tuple[int, int]


@dataclass
class Story:
    """A service and plain Python with the same history."""

    service: Service
    plain: PlainWatches = field(default_factory=lambda: PlainWatches(PlainLedger()))
    imports: list[str] = field(default_factory=list)
    states: list[tuple[str, PlainLedger]] = field(default_factory=list)
    watches: dict[str, str] = field(default_factory=dict)
    events_seen: int = 0

    def watch(self) -> None:
        """Creates a watch for every condition."""
        for condition in CONDITIONS:
            body: dict[str, Any] = {"name": condition, "condition": condition}
            body |= {"value": VALUES[condition]} if condition in VALUES else {}
            made = self.service.http.post_json("/api/watches", body).json
            self.watches[made["watch_id"]] = condition

    def take(self, source: str | None, rows: list[Row], *, complete: bool) -> None:
        """Imports rows, and compares the effect and the matches."""
        before, ledger = self.plain.state(), self.plain.ledger
        then = ledger.copy()
        query = "?allow_shrink=true"
        query += "" if source is None else f"&source={source}"
        query += "&complete=true" if complete else ""
        status = self.service.import_csv("\n".join([HEADER, *map(_as_csv, rows)]), query)
        assert status["status"] == "succeeded", status
        self.imports.append(status["import_id"])
        ledger.imports.append(Import(source, rows, 0 if complete else None))
        assert _gone_and_back(status["effect"]) == ledger.gone_and_back(then)
        self._note(status["imported_at"])
        self._check_found("import.finished", before)

    def turn(self, number: int) -> None:
        """Rolls an import back, or restores it if it is rolled back."""
        before, out = self.plain.state(), self.plain.ledger.out
        then = self.plain.ledger.copy()
        kind = "restore" if number in out else "rollback"
        path = f"/api/imports/{self.imports[number]}/{kind}"
        foreseen = self.service.http.post(f"{path}?dry_run=true").json["effect"]
        self.service.http.post(path, status=202)
        self.service.work()
        (out.discard if kind == "restore" else out.add)(number)
        assert _gone_and_back(foreseen) == self.plain.ledger.gone_and_back(then)
        self._note(self.service.changes()[-1].changed_at)
        self._check_found(f"import.{'restored' if kind == 'restore' else 'rolled_back'}", before)

    def check(self, random: Random) -> None:
        """Compares the market now, at each moment so far, and between two of them."""
        now = self.states[-1][1]
        for moment, ledger in [("", now), *self.states]:
            self._check_market(moment, ledger)
        (old, then), (new, later) = (random.choice(self.states) for _ in range(2))
        counts = self._get(f"/api/diff?from={old}&to={new}")
        expected = difference(PlainWatches(then).state(), PlainWatches(later).state())
        assert {name: counts[name] for name in expected} == expected
        assert self._deltas() == _moved(now)
        archive = self.service.services.archive
        with archive.connection_context():
            assert [line for check in ARCHIVE_CHECKS for line in check(archive)] == []

    def _check_market(self, moment: str, ledger: PlainLedger) -> None:
        at = f"&as_of={moment}" if moment else ""
        shown = self._get(f"/api/listings?fields=import_id,import_index{at}")
        assert {self._place(row) for row in shown} == ledger.current()
        gone = self._get(f"/api/listings?gone=only&fields=import_id,import_index,gone_at{at}")
        assert {self._place(row): _minute(row["gone_at"]) for row in gone} == ledger.gone()
        latest = ledger.latest().values()
        rows = [event.row for event, gone_at in latest if gone_at is None]
        sellers = {(row.seller or "").lower() for row in rows}
        by_seller = {
            (row["seller"] or "").lower(): row for row in self._get(f"/api/stats?by=seller{at}")
        }
        assert {seller: _told(row) for seller, row in by_seller.items()} == {
            seller: _statistics(row for row in rows if (row.seller or "").lower() == seller)
            for seller in sellers
        }
        whole = self._get(f"/api/stats?gone=exclude{at}")
        assert [_told(row) for row in whole] == ([_statistics(rows)] if rows else [])

    def _check_found(self, kind: str, before: dict[Listing, Shown]) -> None:
        """Compares the events since the last step, each once and in order, and their matches."""
        expected = self.plain.found(before, BELOW, PERCENT)
        events = self._get(f"/api/events?after={self.events_seen}&limit=100")
        ids = [event["id"] for event in events]
        assert ids == sorted(set(ids))
        assert events[0]["kind"] == kind
        totals = {
            self.watches[event["data"]["watch_id"]]: event["data"]["total"] for event in events[1:]
        }
        assert totals == {name: len(found) for name, found in expected.items() if found}
        assert [event["kind"] for event in events[1:]] == ["watch.matched"] * len(totals)
        for watch_id, condition in self.watches.items():
            path = f"/api/watches/{watch_id}/matches?after={self.events_seen}&limit=100"
            found = [_match(row) for row in self._get(path)] if expected[condition] else []
            assert sorted(found, key=str) == sorted(expected[condition], key=str)
        self.events_seen = ids[-1]

    def _deltas(self) -> Counter[tuple[object, ...]]:
        return Counter(
            (
                self.imports.index(row["previous_import_id"]),
                self.imports.index(row["import_id"]),
                row["previous_price_usd"],
                row["price_usd"],
                _minute(row["previous_seen_at"]),
                _minute(row["timestamp"]),
            )
            for row in self._get("/api/deltas")
        )

    def _note(self, moment: str) -> None:
        self.states.append((moment, self.plain.ledger.copy()))

    def _place(self, row: dict[str, Any]) -> Place:
        return self.imports.index(row["import_id"]), row["import_index"]

    def _get(self, path: str) -> Any:
        return self.service.http.get(path).json


def _as_csv(row: Row) -> str:
    seen_at = utc_text(START + timedelta(minutes=row.minute))
    cells = ["L4", row.price, row.score, row.seller, row.url, row.note, seen_at]
    return ",".join("" if cell is None else str(cell) for cell in cells)


def _minute(text: str) -> int:
    return int((read_stored(text) - START) / timedelta(minutes=1))


def _gone_and_back(effect: dict[str, int]) -> tuple[int, int]:
    return effect["gone"], effect["back"]


def _match(row: dict[str, Any]) -> tuple[Listing, float | None, float]:
    """Of several offers with the same identity, only the first can be recognised."""
    identity = (row["seller"] or "").lower(), row["source_url"]
    return (identity, 1), row["previous_price_usd"], row["price_usd"]


def _moved(ledger: PlainLedger) -> Counter[tuple[object, ...]]:
    events: dict[Place, Event] = {event.place: event for event in ledger.counting()}
    pairs = [(events[before], events[after]) for before, after in ledger.deltas()]
    return Counter(
        (
            before.sequence,
            after.sequence,
            before.row.price,
            after.row.price,
            before.row.minute,
            after.row.minute,
        )
        for before, after in pairs
    )


def _statistics(rows: Iterable[Row]) -> dict[str, Any]:
    found = list(rows)
    prices = sorted(row.price for row in found)
    low, _, high = quantiles(prices * 2 if len(prices) == 1 else prices, n=4, method="inclusive")
    return {
        "listing_count": len(prices),
        "min_price": prices[0],
        "p25_price": low,
        "median_price": median(prices),
        "p75_price": high,
        "max_price": prices[-1],
        "median_score": median(row.score for row in found),
        "seller_count": len({row.seller.lower() for row in found if row.seller}),
    }


def _told(row: dict[str, Any]) -> dict[str, Any]:
    names = ("listing_count", "min_price", "p25_price", "median_price", "p75_price", "max_price")
    return {name: row[name] for name in (*names, "median_score", "seller_count")}


def _tell(story: Story, files: list[Given], turned: list[int], random: Random) -> None:
    story.watch()
    remaining = iter(turned)
    for source, offered, complete in files:
        story.take(source, offered, complete=complete and source is not None)
        number = next(remaining, None)
        if number is not None:
            story.turn(number % len(story.imports))
    for number in remaining:
        story.turn(number % len(story.imports))
    story.check(random)


@contextmanager
def _serving(settings: Settings) -> Iterator[Service]:
    service = open_service(settings)
    try:
        yield service
    finally:
        close_services(service.services)


@hypothesis_settings(
    max_examples=STORIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files=several_files, turned=turns, random=st.randoms(use_true_random=False))
def test_every_story_on_sqlite(
    initialised_folder: Path, files: list[Given], turned: list[int], random: Random
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name, "data")
        shutil.copytree(initialised_folder, folder)
        with _serving(settings_in(folder)) as service:
            _tell(Story(service), files, turned, random)


@contextmanager
def _database(url: str, template: str) -> Iterator[str]:
    """The URL of a copy of the template database, which is dropped afterwards."""
    name = f"glyphd_test_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        try:
            yield with_database(url, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@hypothesis_settings(
    max_examples=-(-STORIES // 2),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(files=several_files, turned=turns, random=st.randoms(use_true_random=False))
def test_every_story_on_postgresql(
    postgres_url: str,
    initialised_database: str,
    files: list[Given],
    turned: list[int],
    random: Random,
) -> None:
    with (
        TemporaryDirectory() as folder,
        _database(postgres_url, initialised_database) as url,
        _serving(Settings(data_dir=Path(folder, "data"), database_url=url)) as service,
    ):
        _tell(Story(service), files, turned, random)
