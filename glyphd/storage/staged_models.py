"""The staged row from which the specs of each GPU model would come.

It is found as the rows come in, without sorting.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import EXCLUDED, Database, Node, Table

from glyphd.contracts.memos import Memo
from glyphd.contracts.texts import fold_ascii
from glyphd.db.compiled import Parameter, compiled
from glyphd.storage.specs import spec_ranks

MOST_NOTED = 4096
"""Models held in memory at a time, because each row of a file may have a different one."""

TABLES = {"staged_models": "model {text} PRIMARY KEY, spec_rank {text}, import_index {integer}"}
_NAMES = ("model", "spec_rank", "import_index")
staged_models = Table("staged_models")
"""One row for each model, its name folded, with the best of its staged rows, as `specs` has it."""


class ModelNotes:
    """Adds rows as they come in, in file order: of rows with equal rank the first one stays."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folded = Memo(fold_ascii)
        self._best: dict[str, tuple[str, int]] = {}

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        best = self._best
        names = map(self._folded.__getitem__, columns["model"])
        for model, rank, index in zip(
            names, spec_ranks(columns), columns["import_index"], strict=False
        ):
            known = best.get(model)
            if known is None or rank > known[0]:
                best[model] = (rank, index)
        if len(best) > MOST_NOTED:
            self.write()

    def write(self) -> None:
        """Writes what was collected since the last call into the table."""
        (noting,) = _noting(self._database)
        rows = [(model, *row) for model, row in self._best.items()]
        noting.execute_for_each(self._database, _NAMES, rows)
        self._best.clear()


@compiled
def _noting(database: Database) -> list[Node]:
    stored, new = staged_models.c, EXCLUDED
    insert = staged_models.insert({getattr(stored, name): Parameter(name) for name in _NAMES})
    update = {getattr(stored, name): getattr(new, name) for name in _NAMES[1:]}
    is_better = new.spec_rank > stored.spec_rank
    return [insert.on_conflict(conflict_target=[stored.model], update=update, where=is_better)]
