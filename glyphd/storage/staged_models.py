"""Which staged row the specs of each GPU model would come from: found as the rows come in, so that none are sorted."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

from peewee import EXCLUDED, Database, Table

from glyphd.contracts.memos import Memo
from glyphd.contracts.texts import fold_ascii
from glyphd.db.dialects import is_sqlite

SPECS = (
    "vram_gb",
    "mig_capable",
    "tdp_watts",
    "cuda_cores",
    "slot_width",
    "pcie_generation",
    "nvlink",
    "generation",
    "form_factor",
)
"""What a GPU model has wherever it is sold."""

MOST_INSERTED = 1000
"""Rows of one statement: databases bound how many values it may have."""

TABLE = "staged_models"
_NAMES = ("model", "lacks_specs", "seen_at", "import_index")
staged_models = Table(TABLE)
"""One row for each model, its name folded, with the best of its staged rows: with specs before without, then the
latest seen, then the first in the file."""


def create_table(database: Database) -> None:
    """Makes the table, empty, on the current connection."""
    text = "TEXT" if is_sqlite(database) else 'TEXT COLLATE "C"'
    database.execute_sql(
        f"CREATE TEMPORARY TABLE {TABLE}"
        f" (model {text} PRIMARY KEY, lacks_specs INTEGER, seen_at {text}, import_index BIGINT)"
    )


MOST_NOTED = 4096
"""Models held in memory at a time: each row of a file may have one of its own."""


class ModelNotes:
    """Takes the rows of a stage into account as they come in, in file order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folded = Memo(fold_ascii)
        self._best: dict[str, tuple[int, str, int]] = {}

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        best = self._best
        names = map(self._folded.__getitem__, columns["model"])
        rows = zip(names, _lacking(columns), columns["seen_at"], columns["import_index"], strict=False)
        for model, lacks, seen_at, index in rows:
            known = best.get(model)
            if known is None or lacks < known[0] or (lacks == known[0] and seen_at > known[1]):
                best[model] = (lacks, seen_at, index)
        if len(best) > MOST_NOTED:
            self.write()

    def write(self) -> None:
        """Puts what was noted since the last time into the table."""
        rows = [(model, *row) for model, row in self._best.items()]
        for first in range(0, len(rows), MOST_INSERTED):
            self._database.execute(_keep_best(rows[first : first + MOST_INSERTED]))
        self._best.clear()


def _keep_best(rows: list[tuple[Any, ...]]) -> Any:
    """Of equal rows the earlier one stays: it came first."""
    stored, new = staged_models.c, EXCLUDED
    is_better = (new.lacks_specs < stored.lacks_specs) | (
        (new.lacks_specs == stored.lacks_specs) & (new.seen_at > stored.seen_at)
    )
    given = [getattr(stored, name) for name in _NAMES]
    update = {getattr(stored, name): getattr(new, name) for name in _NAMES[1:]}
    insert = staged_models.insert(rows, columns=given)
    return insert.on_conflict(conflict_target=[stored.model], update=update, where=is_better)


def _lacking(columns: Mapping[str, Sequence[Any]]) -> Iterable[int]:
    """0 for each row with any specs, 1 for each without; as a rule one column says it of all."""
    given: list[Sequence[object]] = [columns[name] for name in SPECS if name in columns]
    if any(None not in column for column in given):
        return repeat(0)
    if not given:
        return repeat(1)
    return [int(all(value is None for value in row)) for row in zip(*given, strict=True)]
