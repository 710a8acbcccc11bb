"""Hints for filters that match nothing because no listing has their value."""

from collections.abc import Callable, Sequence

from peewee import Database
from pydantic import BaseModel

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.history.near_names import is_among, near_names, neighbours
from glyphd.storage.knowledge import present

HINTED = ("model", "region", "condition", "seller", "source_type", "source")
"""The filters that compare for equal text."""


def asks_for_values(asked: BaseModel) -> bool:
    """Whether the query has a filter whose value may be unknown. It must be about the market now,
    because the known values are those of current listings."""
    is_about_now = not any(getattr(asked, name, None) for name in ("as_of", "import_id", "history"))
    return is_about_now and any(_asked_values(asked, name) for name in HINTED)


def hint_for(asked: BaseModel, known_values: Callable[[str], Sequence[str]]) -> str | None:
    """A sentence for each value that no current listing has, with the nearest known one."""
    hints = []
    for name in HINTED:
        for value in _asked_values(asked, name):
            known = known_values(name)
            if not is_among(value, known):
                hints.append(_hint(name, value, known))
    return ". ".join(hints) or None


def values_in_market(database: Database, name: str) -> list[str]:
    """The values of a column in current listings, in alphabetical order whatever their case."""
    column = (ImportBatch if name == "source" else ScoredListing)._meta.columns[name]
    query = ScoredListing.select(column).where(present(database).is_current("include")).distinct()
    if name == "source":
        query = query.join(ImportBatch, on=(ImportBatch.import_id == ScoredListing.import_id))
    values = [value for (value,) in database.execute(query) if value is not None]
    return sorted(values, key=fold_ascii)


def _hint(name: str, value: str, known: Sequence[str]) -> str:
    near = near_names(value, neighbours(value, known))
    hint = f"no {name} is {value[:200]!r}"
    return f"{hint}; nearest: {near[0]}" if near else hint


def _asked_values(asked: BaseModel, name: str) -> list[str]:
    """Empty if the query has no such filter."""
    found: list[str] = getattr(asked, name, [])
    return found
