"""Finds oddities in an import's rows, compared with each other and with the archive.

None of them prevents the import. Each is a dictionary with the members of the contract
`FileWarning`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, SQL, Case, Database, Node, Select, Table, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ImportBatch, Standing
from glyphd.db.compiled import compiled
from glyphd.plurals import counted
from glyphd.storage.grouping import staged_groups
from glyphd.storage.offers import fold_source, is_nameless
from glyphd.storage.predecessors import Origin, predecessors
from glyphd.storage.stage_tables import staged
from glyphd.storage.staging import Stage

SHOWN_LINES = 10
LEAST_COMPARED = 5
"""The fewest compared prices from which a conclusion is possible."""

SCALE = 10
"""A median score that differs from the previous one by this factor, or its inverse, is odd."""

Oddity = dict[str, Any]


def find_oddities(stage: Stage, origin: Origin, source: str | None) -> list[Oddity]:
    """The warnings about the staged rows. Needs the table of predecessors to be filled."""
    before = last_import(stage.database, source)
    found: list[Oddity] = []
    if origin.is_grouped:
        found += _repeated_rows(stage.database)
    if origin.is_grouped or origin.has_groups or origin.may_lack_names:
        found += _indistinct_rows(stage.database, origin)
    found += _price_shift(stage.database)
    if before is not None and stage.count:
        median_score = stage.summary["median_score"]
        found += [*_score_scale(median_score, before), *_fewer_rows(stage.count, before)]
    return found


def oddity(
    code: str, message: str, count: int, *, lines: list[int] | None = None, hint: str | None = None
) -> Oddity:
    """One warning; `lines` are the first lines that it concerns."""
    return {
        "code": code,
        "message": message,
        "count": count,
        "first_lines": lines or [],
        "hint": hint,
    }


@dataclass(frozen=True)
class LastImport:
    """The latest import of the same source that counts."""

    import_id: str
    record_count: int
    median_score: float | None


def last_import(database: Database, source: str | None) -> LastImport | None:
    """The previous import; None if there is none, or no source."""
    if source is None:
        return None
    query = ImportBatch.select(
        ImportBatch.import_id, ImportBatch.record_count, ImportBatch.result
    ).where(
        fold_source(ImportBatch.source) == fold_ascii(source),
        ImportBatch.rolled_back_at.is_null(),
    )
    row = database.execute(query.order_by(ImportBatch.id.desc()).limit(1)).fetchone()
    if row is None:
        return None
    summary = json.loads(row[2]).get("summary") or {}
    return LastImport(row[0], row[1], summary.get("median_score"))


def _repeated_rows(database: Database) -> Iterator[Oddity]:
    all_of_them, first_lines = _repeated(database)
    (count,) = all_of_them.execute(database).fetchone()
    if count:
        rows = counted(count, "row repeats", "rows repeat")
        yield oddity(
            "repeated_rows",
            f"{rows} another row within an hour: each offer counts once",
            count,
            lines=[line for (line,) in first_lines.execute(database)],
            hint="all of them are kept; to have each one counted, send them at least an hour apart",
        )


@compiled
def _repeated(database: Database) -> list[Node]:
    rows = staged_groups.select(staged_groups.c.import_index)
    return _count_and_lines(rows.where(staged_groups.c.standing == Standing.REPEATED.value))


def _indistinct_rows(database: Database, origin: Origin) -> Iterator[Oddity]:
    all_of_them, first_lines, without_url, with_name = _indistinct(database, origin)
    (count,) = all_of_them.execute(database).fetchone()
    if count:
        hint = "a source_url in each row would distinguish them"
        if without_url.execute(database).fetchone() is None:
            hint = "give each offer its own source_url, or a different seller, region or condition"
        elif not origin.has_source and with_name.execute(database).fetchone() is None:
            hint = (
                "a source_url or a seller in each row, or source= with the upload, would "
                "distinguish them"
            )
        yield oddity(
            "indistinct_rows",
            f"{counted(count, 'row')} can't be matched to one offer: no price changes are computed",
            count,
            lines=[line for (line,) in first_lines.execute(database)],
            hint=hint,
        )


@compiled
def _indistinct(database: Database, origin: Origin) -> list[Node]:
    """The staged rows from which nothing may be computed: their number, the first lines, whether
    any lacks a `source_url`, and whether any has a `seller` or a `source_url`. All rows are read
    only if any may be nameless."""

    def with_groups(rows: Table) -> Any:
        of_each = staged_groups.c.import_index == rows.c.import_index
        return rows.select(rows.c.import_index).join(staged_groups, JOIN.LEFT_OUTER, on=of_each)

    in_groups = (staged_groups.c.is_several == 1) & (
        staged_groups.c.standing < Standing.REPEATED.value
    )
    elsewhere = fn.COALESCE(staged_groups.c.is_several, 0) == 0
    elsewhere &= fn.COALESCE(staged_groups.c.standing, 0) < Standing.REPEATED.value
    found: Any = staged_groups.select(staged_groups.c.import_index).where(in_groups)
    known = with_groups(predecessors).where((predecessors.c.is_indistinct == 1) & elsewhere)
    found = found.union_all(known)
    is_without_name = is_nameless(staged.c, SQL("1 = 1"))
    if origin.may_lack_names:
        is_new = predecessors.c.import_index.is_null()
        of_each = predecessors.c.import_index == staged.c.import_index
        others = with_groups(staged).join(predecessors, JOIN.LEFT_OUTER, on=of_each)
        found = found.union_all(others.where(is_new & elsewhere).where(is_without_name))
    among = found.alias("found")
    rows = Select([among], [SQL("1")])
    rows = rows.join(staged, on=(staged.c.import_index == among.c.import_index)).limit(1)
    tests = (staged.c.source_url.is_null(), ~is_without_name)
    return [*_count_and_lines(found), *(rows.where(test) for test in tests)]


def _count_and_lines(found: Any) -> list[Node]:
    """The number of staged rows that a query finds, and the lines of the first ones."""
    among = found.alias("found")
    first = Select([among], [among.c.import_index]).order_by(among.c.import_index)
    line = fn.COALESCE(staged.c.line, staged.c.import_index)
    lines = staged.select(line).where(staged.c.import_index.in_(first.limit(SHOWN_LINES)))
    return [Select([among], [fn.COUNT(SQL("*"))]), lines.order_by(staged.c.import_index)]


def _price_shift(database: Database) -> Iterator[Oddity]:
    """A median price that more than doubled, or fell to less than half, is odd. That is the case
    exactly if more than half of the prices did."""
    (shifted,) = _shifted(database)
    count, higher, lower = map(int, shifted.execute(database).fetchone())
    if count >= LEAST_COMPARED and max(higher, lower) * 2 > count:
        way = "more than doubled" if higher > lower else "fell to less than half"
        yield oddity(
            "price_shift",
            f"the median price of known listings {way}",
            max(higher, lower),
            hint="check that these prices are in US dollars and for one piece",
        )


@compiled
def _shifted(database: Database) -> list[Node]:
    """How many prices are compared, how many of them more than doubled, and how many fell to
    less than half.

    Twice the largest price overflows a double, which is an error on PostgreSQL; a difference never
    does.
    """
    new, old = staged.c.price_usd, predecessors.c.price_usd
    sums = [
        fn.COALESCE(fn.SUM(Case(None, [(test, 1)], 0)), 0)
        for test in (new - old > old, old - new > new)
    ]
    compared = predecessors.select(fn.COUNT(SQL("*")), *sums).join(
        staged, on=(staged.c.import_index == predecessors.c.import_index)
    )
    return [compared.where((predecessors.c.is_compared == 1) & (old > 0))]


def _score_scale(median_score: float, before: LastImport) -> Iterator[Oddity]:
    if not before.median_score or not median_score:
        return
    factor = abs(median_score / before.median_score)
    if factor >= SCALE or factor <= 1 / SCALE:
        yield oddity(
            "score_scale",
            f"the median score is {median_score:g}, that of the source's last import was "
            f"{before.median_score:g}",
            1,
            hint="scores on a different scale can't be compared with those of import "
            f"{before.import_id}",
        )


def _fewer_rows(rows: int, before: LastImport) -> Iterator[Oddity]:
    if rows * 2 < before.record_count:
        yield oddity(
            "fewer_rows",
            f"{counted(rows, 'row')}, but the source's last import had {before.record_count}",
            before.record_count - rows,
            hint=f"check that the file is complete: compare it with import {before.import_id}",
        )
