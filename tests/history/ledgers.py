"""A ledger in an archive, and the same ledger in plain Python."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import Database

from glyphd.contracts.change_queries import DeltaQuery, DiffQuery
from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.contracts.queries import ListingQuery
from glyphd.db.archive_models import RESTORE, ROLLBACK, BatchChange, ImportBatch, ScoredListing
from glyphd.history.delta_pages import Deltas
from glyphd.history.import_diff import count_diff, list_diff
from glyphd.history.matching import Brought, find_brought
from glyphd.listings.search import Search
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.batches import Batch
from glyphd.storage.preparing import foresee
from glyphd.storage.staging import Stage, open_stage
from glyphd.storage.stores import staged_columns
from glyphd.storage.supposing import foresee_change
from glyphd.storage.writing import write_batch
from glyphd.times import read_stored, utc_text
from glyphd.upkeep.archive_checks import ARCHIVE_CHECKS
from tests.history.plain_offers import Import, PlainLedger, Row

START = datetime(2025, 7, 1, tzinfo=UTC)
Places = set[tuple[int, int]]


@dataclass
class Ledger:
    """Both ledgers. Imports are named by their number. The caller must keep the connection open."""

    database: Database
    plain: PlainLedger = field(default_factory=PlainLedger)
    moments: list[tuple[str, PlainLedger]] = field(default_factory=list)

    def take(self, source: str | None, *rows: Row, received: int | None = None) -> None:
        """Imports rows from a source, as a complete file if `received` is given. Compares the
        effect foreseen, the one recorded, and the one that plain Python computes."""
        before = self.plain.copy()
        number = len(self.plain.imports)
        batch = Batch(
            str(number),
            source,
            complete=received is not None,
            allow_shrink=True,
            received_at=None if received is None else _time(received),
        )
        with self._staged(rows) as stage:
            foreseen = foresee(self.database, stage, batch)["effect"]
        with self._staged(rows) as stage:
            effect = write_batch(self.database, stage, batch).result["effect"]
        self.plain.imports.append(Import(source, list(rows), received))
        assert (effect["gone"], effect["back"]) == self.plain.gone_and_back(before)
        assert foreseen == effect
        self._note()

    @contextmanager
    def _staged(self, rows: Iterable[Row]) -> Iterator[Stage]:
        with open_stage(self.database) as stage:
            for columns in staged_columns(map(listing_of, rows), CheckOptions(_time(0))):
                stage.add(columns)
            stage.complete()
            yield stage

    def turn(self, number: int) -> None:
        """Rolls an import back, or restores it if it is rolled back."""
        before = self.plain.copy()
        is_out = number in self.plain.out
        kind = RESTORE if is_out else ROLLBACK
        foreseen = foresee_change(self.database, str(number), kind)
        change_batch(self.database, Change(str(number), kind))
        (self.plain.out.discard if is_out else self.plain.out.add)(number)
        assert (foreseen["gone"], foreseen["back"]) == self.plain.gone_and_back(before)
        assert foreseen["added"] - foreseen["removed"] + foreseen["back"] - foreseen["gone"] == len(
            self.plain.current()
        ) - len(before.current())
        self._note()

    def current(self, as_of: str | None = None) -> Places:
        """The market, now or at a moment."""
        query = ListingQuery.model_validate(
            {"fields": ["import_id", "import_index"], "as_of": as_of}
        )
        return {
            (int(import_id), index)
            for import_id, index in Search(self.database, query).everything()
        }

    def latest(self, gone: str, as_of: str | None = None) -> dict[tuple[int, int], int | None]:
        """The latest event of each listing, now or at a moment, and the minute since which it is
        gone; `gone` is the query parameter."""
        query = ListingQuery.model_validate(
            {"fields": ["import_id", "import_index", "gone_at"], "as_of": as_of, "gone": gone}
        )
        return {
            (int(import_id), index): None if gone_at is None else _minute(gone_at)
            for import_id, index, gone_at in Search(self.database, query).everything()
        }

    def gone(self, as_of: str | None = None) -> dict[tuple[int, int], int | None]:
        """Only the listings that are gone."""
        return self.latest("only", as_of)

    def deltas(self) -> set[tuple[tuple[int, int], tuple[int, int]]]:
        """All deltas, as the places of their events, which are looked up by the values in the
        answer."""
        found = set()
        for row in Deltas(self.database, DeltaQuery.model_validate({})).everything():
            delta = dict(zip(Deltas.columns, row, strict=True))
            found.add((self._place(delta, "previous_"), self._place(delta, "")))
        return found

    def deltas_of(self, kind: str) -> set[tuple[tuple[int, int] | None, tuple[int, int]]]:
        """The deltas of one kind. A gone offer has no event of its own, so only the file's number
        is given, with -1."""
        found = set()
        for row in Deltas(self.database, DeltaQuery.model_validate({"kind": [kind]})).everything():
            delta = dict(zip(Deltas.columns, row, strict=True))
            before = self._place(delta, "previous_") if delta["previous_import_id"] else None
            is_gone = kind == "gone"
            found.add(
                (before, (int(delta["import_id"]), -1) if is_gone else self._place(delta, ""))
            )
        return found

    def diff(self, old: int, new: int) -> dict[str, Any]:
        """The rows of each list, and the number of unchanged rows."""
        a, b = self._brought(old), self._brought(new)
        counts = count_diff(self.database, a, b)
        found: dict[str, Any] = {"unchanged": counts.unchanged}
        for kind in ("added", "removed", "changed"):
            listed = list_diff(self.database, DiffQuery.model_validate({}), kind, a, b)
            at = listed.columns.index("new_import_index" if kind == "changed" else "import_index")
            found[kind] = [row[at] for row in listed.everything()]
            assert len(found[kind]) == getattr(counts, kind)
        return found

    def check(self) -> None:
        """The archive agrees with plain Python: now, at every moment so far, and between all pairs
        of imports."""
        plain = self.plain
        assert self.current() == plain.current()
        assert self.gone() == plain.gone()
        for moment, then in self.moments:
            assert self.latest("include", moment) == then.latest_places()
        moment, then = self.moments[len(self.moments) // 2]
        assert self.current(moment) == then.current()
        assert self.gone(moment) == then.gone()
        assert self.deltas() == plain.deltas()
        assert self._indistinct() == {
            event.place for event in plain.counting() if plain.is_indistinct(event)
        }
        for old in range(len(plain.imports)):
            for new in range(len(plain.imports)):
                expected = plain.diff(old, new)
                found = self.diff(old, new)
                assert found.pop("unchanged") == expected.pop("unchanged").total()
                assert found == {
                    kind: sorted(indexes.elements()) for kind, indexes in expected.items()
                }
        assert [line for check in ARCHIVE_CHECKS for line in check(self.database)] == []

    def _note(self) -> None:
        """Records the market as it is from this moment on."""
        latest = (
            ImportBatch.select(ImportBatch.imported_at)
            .order_by(ImportBatch.imported_at.desc())
            .limit(1)
        )
        changed = (
            BatchChange.select(BatchChange.changed_at)
            .order_by(BatchChange.changed_at.desc())
            .limit(1)
        )
        moment = max(at for query in (latest, changed) for (at,) in self.database.execute(query))
        self.moments.append((moment, self.plain.copy()))

    def _place(self, delta: dict[str, Any], prefix: str) -> tuple[int, int]:
        number = int(delta[f"{prefix}import_id"])
        seen_at = delta["previous_seen_at" if prefix else "timestamp"]
        query = ScoredListing.select(ScoredListing.import_index).where(
            ScoredListing.import_id == str(number),
            ScoredListing.listing_id == bytes.fromhex(delta["listing_id"]),
            ScoredListing.seen_at == f"{seen_at[:19]}.000000Z",
            ScoredListing.standing < 3,
        )
        ((index,),) = self.database.execute(query)
        return number, index

    def _indistinct(self) -> Places:
        counts = ImportBatch.select(ImportBatch.import_id).where(
            ImportBatch.rolled_back_at.is_null()
        )
        query = ScoredListing.select(ScoredListing.import_id, ScoredListing.import_index).where(
            ScoredListing.is_indistinct == 1,
            ScoredListing.standing < 3,
            ScoredListing.import_id.in_(counts),
        )
        return {(int(import_id), index) for import_id, index in self.database.execute(query)}

    def _brought(self, number: int) -> Brought:
        brought = find_brought(self.database, str(number))
        assert brought is not None
        return brought


def _time(minute: int) -> str:
    return utc_text(START + timedelta(minutes=minute))


def _minute(time: str) -> int:
    return int((read_stored(time) - START) / timedelta(minutes=1))


def listing_of(row: Row) -> GPUListingDTO:
    """The row as a program would insert it."""
    return GPUListingDTO(
        model="L4",
        price_usd=row.price,
        score=row.score,
        seller=row.seller,
        source_url=row.url,
        title=row.note,
        seen_at=START + timedelta(minutes=row.minute),
    )
