"""Finds oddities in an import's rows, compared with each other and with the archive.

None of them prevents the import. Each is a dictionary with the members of the contract
`FileWarning`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, SQL, Case, Database, Select, Table, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ImportBatch, Standing
from glyphd.plurals import counted
from glyphd.storage.grouping import staged_groups
from glyphd.storage.offers import fold_source, is_nameless
from glyphd.storage.predecessors import Origin, predecessors
from glyphd.storage.staging import staged

SHOWN_LINES = 10
LEAST_COMPARED = 5
"""With fewer compared prices no conclusion is possible."""

SHIFT = 2
"""A median price that moved beyond this factor, or its inverse, is odd."""

SCALE = 10
"""So is a median score that differs from the previous one by this factor, or its inverse."""

Oddity = dict[str, Any]


def find_oddities(
    database: Database, origin: Origin, *, rows: int, median_score: float
) -> list[Oddity]:
    """The warnings about the staged rows. The table of predecessors must be filled."""
    before = _last_import(database, origin)
    found = [
        *_repeated_rows(database),
        *_indistinct_rows(database, origin),
        *_price_shift(database),
    ]
    if before is not None:
        found += [*_score_scale(median_score, before), *_fewer_rows(rows, before)]
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
class _Before:
    """The latest import of the same source that counts."""

    import_id: str
    record_count: int
    median_score: float | None


def _last_import(database: Database, origin: Origin) -> _Before | None:
    if origin.source is None:
        return None
    query = ImportBatch.select(
        ImportBatch.import_id, ImportBatch.record_count, ImportBatch.result
    ).where(
        fold_source(ImportBatch.source) == fold_ascii(origin.source),
        ImportBatch.rolled_back_at.is_null(),
    )
    row = database.execute(query.order_by(ImportBatch.id.desc()).limit(1)).fetchone()
    if row is None:
        return None
    summary = json.loads(row[2]).get("summary") or {}
    return _Before(row[0], row[1], summary.get("median_score"))


def _repeated_rows(database: Database) -> Iterator[Oddity]:
    repeated = staged_groups.select(staged_groups.c.import_index).where(
        staged_groups.c.standing == Standing.REPEATED.value
    )
    count = _count(database, repeated)
    if count:
        rows = counted(count, "row repeats", "rows repeat")
        yield oddity(
            "repeated_rows",
            f"{rows} another row within an hour: each offer counts once",
            count,
            lines=_first_lines(database, repeated),
            hint="all of them are kept; to have each one counted, send them at least an hour "
            "apart",
        )


def _indistinct_rows(database: Database, origin: Origin) -> Iterator[Oddity]:
    found = _indistinct(origin)
    count = _count(database, found)
    if count:
        yield oddity(
            "indistinct_rows",
            f"{counted(count, 'row')} can't be matched to one offer: no price changes are computed",
            count,
            lines=_first_lines(database, found),
            hint=_what_would_tell(database, origin, found),
        )


def _indistinct(origin: Origin) -> Any:
    """The `import_index` of each staged row from which nothing can be computed. All rows are read
    only if any may be nameless."""
    in_groups = (staged_groups.c.is_several == 1) & (
        staged_groups.c.standing < Standing.REPEATED.value
    )
    elsewhere = fn.COALESCE(staged_groups.c.is_several, 0) == 0
    elsewhere &= fn.COALESCE(staged_groups.c.standing, 0) < Standing.REPEATED.value
    found: Any = staged_groups.select(staged_groups.c.import_index).where(in_groups)
    known = _with_groups(predecessors).where((predecessors.c.is_indistinct == 1) & elsewhere)
    found = found.union_all(known)
    if not origin.may_lack_names:
        return found
    is_new = predecessors.c.import_index.is_null()
    of_each = predecessors.c.import_index == staged.c.import_index
    others = (
        _with_groups(staged)
        .join(predecessors, JOIN.LEFT_OUTER, on=of_each)
        .where(is_new & elsewhere)
    )
    return found.union_all(others.where(is_nameless(staged.c, SQL("1 = 1"))))


def _with_groups(rows: Table) -> Any:
    of_each = staged_groups.c.import_index == rows.c.import_index
    return rows.select(rows.c.import_index).join(staged_groups, JOIN.LEFT_OUTER, on=of_each)


def _what_would_tell(database: Database, origin: Origin, found: Any) -> str:
    nameless = is_nameless(staged.c, SQL("1 = 1"))
    if not _any(database, found, staged.c.source_url.is_null()):
        return "give each offer its own source_url, or a different seller, region or condition"
    if origin.source is None and not _any(database, found, ~nameless):
        return (
            "a source_url or a seller in each row, or source= with the upload, would "
            "distinguish them"
        )
    return "a source_url in each row would distinguish them"


def _price_shift(database: Database) -> Iterator[Oddity]:
    """The median is beyond a factor exactly if more than half of the prices are."""
    new, old = staged.c.price_usd, predecessors.c.price_usd
    sums = [
        fn.COALESCE(fn.SUM(Case(None, [(test, 1)], 0)), 0)
        for test in (new > old * SHIFT, new * SHIFT < old)
    ]
    compared = predecessors.select(fn.COUNT(SQL("*")), *sums).join(
        staged, on=(staged.c.import_index == predecessors.c.import_index)
    )
    query = compared.where((predecessors.c.is_compared == 1) & (old > 0))
    count, higher, lower = map(int, database.execute(query).fetchone())
    if count >= LEAST_COMPARED and max(higher, lower) * 2 > count:
        way = "more than doubled" if higher > lower else "fell to less than half"
        yield oddity(
            "price_shift",
            f"the median price of known listings {way}",
            max(higher, lower),
            hint="check that these prices are in US dollars and for one piece",
        )


def _score_scale(median_score: float, before: _Before) -> Iterator[Oddity]:
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


def _fewer_rows(rows: int, before: _Before) -> Iterator[Oddity]:
    if rows * 2 < before.record_count:
        yield oddity(
            "fewer_rows",
            f"{counted(rows, 'row')}, but the source's last import had {before.record_count}",
            before.record_count - rows,
            hint=f"check that the file is complete: compare it with import {before.import_id}",
        )


def _count(database: Database, found: Any) -> int:
    """The number of rows that a query returns."""
    return int(database.execute(Select([found.alias("found")], [fn.COUNT(SQL("*"))])).fetchone()[0])


def _any(database: Database, found: Any, condition: Any) -> bool:
    """Whether the condition is true for any of these staged rows."""
    among = found.alias("found")
    rows = Select([among], [SQL("1")]).join(
        staged, on=(staged.c.import_index == among.c.import_index)
    )
    return database.execute(rows.where(condition).limit(1)).fetchone() is not None


def _first_lines(database: Database, found: Any) -> list[int]:
    among = found.alias("found")
    first = (
        Select([among], [among.c.import_index]).order_by(among.c.import_index).limit(SHOWN_LINES)
    )
    line = fn.COALESCE(staged.c.line, staged.c.import_index)
    lines = (
        staged.select(line).where(staged.c.import_index.in_(first)).order_by(staged.c.import_index)
    )
    return [line for (line,) in database.execute(lines)]
