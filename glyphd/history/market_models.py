"""GPU models in the market: prices, scores and specs, from the current listings."""

from collections.abc import Hashable, Sequence
from typing import Any

from peewee import JOIN, SQL, Database, Node, Select, fn

from glyphd.contracts.columns import CAPACITIES
from glyphd.contracts.queries import Gone
from glyphd.contracts.query_values import MAX_WORDS
from glyphd.contracts.texts import clean_text, fold_ascii
from glyphd.db.archive_models import GPUModel, QuantizedListing, ScoredListing
from glyphd.db.dialects import (
    caseless,
    caseless_value,
    contains_caseless,
    equals_caseless,
    is_sqlite,
)
from glyphd.errors import ModelNotFound
from glyphd.history.kept_answers import kept_name
from glyphd.history.lowest_prices import LOWEST_COLUMNS, lowest_by_model
from glyphd.history.near_names import NEAREST, NEIGHBOURS, near_names, words_of
from glyphd.history.series import Key, Series, SeriesRow
from glyphd.history.summaries import Summary
from glyphd.listings.search import known_at
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.specs import SPECS
from glyphd.storage.timelines import MODEL_TIMELINE

SUMMARY = Summary(
    "listing_count",
    "min_price",
    "p25_price",
    "median_price",
    "p75_price",
    "max_price",
    "avg_price",
    "min_score",
    "median_score",
    "max_score",
    "max_score_per_1000_usd",
    "last_seen_at",
)
"""The columns of a model, now and in each bucket of its history."""

MODEL_COLUMNS = ("model", *SUMMARY.columns, *LOWEST_COLUMNS, *SPECS, *CAPACITIES)
KEPT_MODELS = kept_name("models", MODEL_COLUMNS)
_AT_SPECS = 1 + len(SUMMARY.fields)

_CAPABLE = ScoredListing.alias("capable")


class Models(Series):
    """All models with a current listing, by name; `gone` says whether gone listings count."""

    columns = MODEL_COLUMNS

    def __init__(
        self, database: Database, as_of: str | None = None, gone: Gone = "exclude"
    ) -> None:
        super().__init__(database)
        self._as_of = as_of
        self._gone = gone
        self._known = known_at(database, as_of)
        self._is_current = self._known.is_current(gone)
        self.kept_as = KEPT_MODELS if as_of is None and gone == "exclude" else None

    @property
    def name(self) -> Hashable:
        return ("models", self._as_of, self._gone)

    def folded(self, key: Key) -> Key:
        return [fold_ascii(key[0])]

    def _select(self, after: Key | None, limit: int | None) -> Select:
        key: Any = caseless(self.database, ScoredListing.model)
        name = after[0] if after else None
        where = [] if name is None else [key > caseless_value(self.database, name)]
        last = self._last_of_page(name, limit) if limit is not None else None
        if last is not None:
            where.append(key <= caseless_value(self.database, last))
        return models_with(self.database, self._known, self._gone, *where)

    def _last_of_page(self, after: str | None, limit: int) -> str | None:
        """The page's last model: listings after it need not be read."""
        key: Any = caseless(self.database, GPUModel.canonical_model)
        query = GPUModel.select(GPUModel.canonical_model).where(
            fn.EXISTS(_listings_of(self.database, self._is_current))
        )
        if after is not None:
            query = query.where(key > caseless_value(self.database, after))
        row = self.database.execute(query.order_by(key).offset(limit - 1).limit(1)).fetchone()
        return row[0] if row else None

    def _row(self, values: Sequence[Any]) -> SeriesRow:
        return _model_row(values)


def find_model(
    database: Database, name: str, as_of: str | None = None, gone: Gone = "exclude"
) -> SeriesRow | None:
    """The row of one model, ignoring ASCII case; None if it has no current listing."""
    is_it = equals_caseless(database, ScoredListing.model, name)
    known = known_at(database, as_of)
    row = database.execute(models_with(database, known, gone, is_it)).fetchone()
    return _model_row(row) if row else None


def unknown_model(database: Database, name: str) -> ModelNotFound:
    """The failure for a model without current listings, with known ones that contain its words,
    then similar ones; or for one that has listings, but none that is current at the requested
    moment."""
    name = clean_text(name.replace("\0", ""))
    found = dict.fromkeys([*models_containing(database, name), *nearest_models(database, name)])
    others = [other for other in found if fold_ascii(other) != fold_ascii(name)]
    nearest = others[:NEAREST]
    if len(others) < len(found):
        what = f"the model {name[:200]!r} has no listing that is current and matches the request"
        return ModelNotFound(what, nearest=nearest)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return ModelNotFound(f"no current listing has the model {name[:200]!r}{hint}", nearest=nearest)


def models_containing(database: Database, name: str) -> list[str]:
    """Known models with all words of the name, the shortest first."""
    words = words_of(name)[:MAX_WORDS]
    if not words:
        return []
    contained = [contains_caseless(database, GPUModel.canonical_model, word) for word in words]
    query = GPUModel.select(GPUModel.canonical_model).where(*contained)
    shortest = query.order_by(
        fn.LENGTH(GPUModel.canonical_model), caseless(database, GPUModel.canonical_model)
    )
    return [found for (found,) in database.execute(shortest.limit(NEAREST))]


def nearest_models(database: Database, name: str) -> list[str]:
    """Known models with a similar name, the most similar first, searched among its alphabetical
    neighbours."""
    key: Any = caseless(database, GPUModel.canonical_model)
    value = caseless_value(database, name)
    halves = (
        GPUModel.select(GPUModel.canonical_model).where(condition).order_by(order).limit(NEIGHBOURS)
        for condition, order in ((key < value, key.desc()), (key >= value, key.asc()))
    )
    return near_names(name, [found for half in halves for (found,) in database.execute(half)])


def models_with(database: Database, known: Knowledge, gone: Gone, *where: Node) -> Select:
    """The fields that `_model_row` reads, for the matching current listings by model; `where` are
    conditions on the model."""
    is_current = known.is_current(gone)
    key: Any = caseless(database, ScoredListing.model)
    values = SUMMARY.observed(database, ScoredListing)
    observations = ScoredListing.select(key.alias("key"), *values).from_(MODEL_TIMELINE)
    observations = observations.where(is_current, *where)
    summary = SUMMARY.select(observations, ["key"]).alias("summary")
    lowest = lowest_by_model(database, known, *where).alias("lowest")
    name = caseless(database, GPUModel.canonical_model)
    models = (
        GPUModel.select(
            GPUModel.canonical_model,
            *(getattr(summary.c, name) for name in SUMMARY.fields),
            *(getattr(lowest.c, name) for name in LOWEST_COLUMNS),
            *(getattr(GPUModel, name) for name in SPECS),
        )
        .join(summary, on=(name == summary.c.key))
        .join_from(GPUModel, lowest, on=(name == lowest.c.key))
        .order_by(summary.c.key)
    )
    found: Select = _with_capacities(database, is_current, models)
    return found


def _with_capacities(database: Database, is_current: Any, models: Any) -> Any:
    """The models with CAPACITIES of their latest current listing that has any. If no event has any,
    no listing is searched for them.

    On PostgreSQL by a lateral join, which SQLite lacks: a join by that listing's id would read all
    events.
    """
    if database.execute(QuantizedListing.select(SQL("1")).limit(1)).fetchone() is None:
        return models.select_extend(*(SQL("NULL").alias(name) for name in CAPACITIES))
    capable = _listings_of(database, is_current).where(
        ScoredListing.quantization_capacity_7b.is_null(False)
    )
    latest = capable.order_by(ScoredListing.seen_at.desc(), ScoredListing.id.desc()).limit(1)
    if is_sqlite(database):
        found = models.select_extend(*(getattr(_CAPABLE, name) for name in CAPACITIES))
        return found.join_from(GPUModel, _CAPABLE, JOIN.LEFT_OUTER, on=(_CAPABLE.id == latest))
    beside = latest.select(*(getattr(ScoredListing, name) for name in CAPACITIES))
    beside = beside.alias("capable_listing")
    found = models.select_extend(*(getattr(beside.c, name) for name in CAPACITIES))
    return found.join_from(GPUModel, beside, JOIN.LEFT_LATERAL, on=SQL("TRUE"))


def _listings_of(database: Database, is_current: Any) -> Select:
    """The current listings of a row of `models`."""
    same = caseless(database, ScoredListing.model) == caseless(database, GPUModel.canonical_model)
    return ScoredListing.select(ScoredListing.id).from_(MODEL_TIMELINE).where(is_current, same)


def _model_row(values: Sequence[Any]) -> SeriesRow:
    row = [values[0], *SUMMARY.row(values[1:_AT_SPECS]), *values[_AT_SPECS:]]
    nvlink = MODEL_COLUMNS.index("nvlink")
    row[nvlink] = None if row[nvlink] is None else bool(row[nvlink])
    return row
