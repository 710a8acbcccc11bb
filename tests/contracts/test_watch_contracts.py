"""Watches have the filters of listings."""

from glyphd.contracts.watch_contracts import WatchFilters
from glyphd.storage.moves import EVENT_COLUMNS
from glyphd.storage.predicates import PREDICATES


def test_every_filter_of_a_row_is_one_of_a_watch() -> None:
    assert {*WatchFilters.model_fields, "import_id"} == set(PREDICATES)


def test_what_a_filter_looks_at_is_among_the_moves() -> None:
    columns = {"model", "region", "condition", "seller", "source_type", "score", "price_usd"}
    assert columns | {"vram_gb", "seen_at", "import_id"} <= set(EVENT_COLUMNS)
