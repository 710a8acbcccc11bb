"""Which event the specs of a GPU model come from.

One with any specs precedes one without, then the latest seen, then the one with the highest id. The
first two are compared as one text, the rank. Ids increase from import to import and decrease within
one: among equal events the later import wins, and in one file the earlier row.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from peewee import OP, SQL, Case, Expression

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
"""The specs of a GPU model, which are the same for all its offers."""

_WITHOUT, _WITH = "0", "1"


def spec_rank(row: Any) -> Expression:
    """Expression: the rank of a row; a greater one is better."""
    has_specs = reduce(or_, [getattr(row, name).is_null(False) for name in SPECS])
    flag = Case(None, [(has_specs, SQL(f"'{_WITH}'"))], SQL(f"'{_WITHOUT}'"))
    return Expression(flag, OP.CONCAT, row.seen_at)


def spec_ranks(columns: Mapping[str, Sequence[Any]]) -> Iterable[str]:
    """The same for several rows, by column; a column that is left out is null in each of them."""
    seen_at: Sequence[str] = columns["seen_at"]
    given: list[Sequence[object]] = [columns[name] for name in SPECS if name in columns]
    if not given:
        return map(_WITHOUT.__add__, seen_at)
    if any(None not in column for column in given):  # usually one column decides it for all rows
        return map(_WITH.__add__, seen_at)
    has_specs = (any(value is not None for value in row) for row in zip(*given, strict=True))
    return [(_WITH if has else _WITHOUT) + at for has, at in zip(has_specs, seen_at, strict=True)]
