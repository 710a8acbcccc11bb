"""The predecessor of each staged row: the latest event of its listing in the archive, and how the
new one follows it."""

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from peewee import JOIN, SQL, Case, Database, FieldAlias, Node, Table, Value, fn

from glyphd.db.archive_models import ListingKey, ScoredListing, Standing
from glyphd.db.compiled import Parameter, compiled
from glyphd.db.complete_models import CompleteSource
from glyphd.db.dialects import unindexed
from glyphd.storage.change_steps import step_between
from glyphd.storage.complete_files import is_left_out
from glyphd.storage.grouping import staged_groups
from glyphd.storage.knowledge import Knowledge, present
from glyphd.storage.offers import is_from, is_in_group, is_nameless, is_observation
from glyphd.storage.stage_tables import staged, staged_ids
from glyphd.storage.staging import Stage

KNOWN_COLUMNS = ("import_index", "first_event_id", "event_id", "is_grouped")
COLUMNS = (
    "import_index",
    "first_event_id",
    "event_id",
    "needs_renewal",
    "is_late",
    "is_gone",
    "is_indistinct",
    "is_compared",
    "change_step",
    "price_usd",
    "score",
    "model",
    "seen_at",
)
_known = Table("staged_keys")
"""The listing's key of each staged row that has one, and whether its identity has other offers:
the first step of filling `predecessors`."""

predecessors = Table("staged_predecessors")
"""One row for each staged row whose listing is known; `event_id` is null if no event of it counts,
else `price_usd`, `score`, `model` and `seen_at` are that event's.

`is_late`: that event was seen later than the staged row, which is therefore never current.
`is_gone`: the listing is gone so far. `needs_renewal`: the row does not just follow that event, so
that a renewal must read all of the listing's events. `is_compared`: the staged row may be compared
with the event. If that is of another thread, `change_step` compares the row with the latest
observation of its own source.
"""

SOURCE = Value(Parameter("source"))
"""The `source` of the import, with its ASCII letters in lower case; empty for none."""

TOP = Value(Parameter("top"))
"""The id of a row's event is `top - import_index`: ids increase from import to import and decrease
within one."""

anchors = predecessors.alias("anchor")
"""The same for the first row of each row's group."""


FEW_MODELS = 100
"""This many pages are in the cache even while a large import is written."""


@dataclass(frozen=True)
class Origin:
    """Facts about an import's rows and the archive, by which statements leave out cases that do not
    occur."""

    has_source: bool
    """The import names the source of its rows."""
    has_rollbacks: bool = True
    """Some imports in the archive do not count."""
    has_groups: bool = True
    """The archive has separate offers of one identity."""
    has_complete_files: bool = True
    """The archive has complete files that count."""
    may_be_late: bool = True
    """Some rows may not be newer than all of these."""
    is_grouped: bool = True
    """Several of the rows have one identity."""
    may_lack_names: bool = True
    """Neither a row nor the import may say whose offer it is."""
    has_many_models: bool = True
    """The rows are of more than FEW_MODELS models."""


def origin_of(stage: Stage, source: str | None) -> Origin:
    """The origin of a complete stage whose import names this source."""
    (any_group,) = _any_group(stage.database)
    known = present(stage.database)
    return Origin(
        has_source=source is not None,
        has_rollbacks=known.has_rollbacks,
        has_complete_files=known.has_complete_files,
        may_be_late=_may_be_late(stage),
        has_groups=any_group.execute(stage.database).fetchone() is not None,
        is_grouped=stage.is_grouped,
        may_lack_names=source is None and stage.may_be_nameless,
        has_many_models=stage.summary.get("models", 0) > FEW_MODELS,
    )


def _may_be_late(stage: Stage) -> bool:
    (newest,) = _newest_complete(stage.database)
    (complete_at,) = newest.execute(stage.database).fetchone()
    return complete_at is not None and (stage.first_seen_at or "") <= complete_at


@compiled
def _newest_complete(database: Database) -> list[Node]:
    return [CompleteSource.select(fn.MAX(CompleteSource.complete_at))]


@compiled
def _any_group(database: Database) -> list[Node]:
    is_grouped = ScoredListing.group_id.is_null(False)
    return [ScoredListing.select(ScoredListing.id).where(is_grouped).limit(1)]


def find_predecessors(database: Database, origin: Origin) -> list[Node]:
    """The statements that fill the table, with the parameter SOURCE: first in the order of the
    listings' ids, then in that of the file.

    Each reads in stored order: ids are random, so if each row of the file were looked up, its page
    would be in no cache.
    """
    in_file_order = unindexed(database, staged_ids.c.import_index)
    counting = Knowledge(has_rollbacks=origin.has_rollbacks).counting
    in_group = is_in_group(ListingKey.first_event_id, counting)
    keys = (
        staged_ids.select(
            staged_ids.c.import_index,
            ListingKey.first_event_id,
            ListingKey.current_event_id,
            Case(None, [(in_group, 1)], 0) if origin.has_groups else SQL("0"),
        )
        .join(ListingKey, on=(ListingKey.listing_id == staged_ids.c.listing_id))
        .order_by(in_file_order)
    )
    return [
        _known.insert(keys, columns=[getattr(_known.c, name) for name in KNOWN_COLUMNS]),
        predecessors.insert(
            _followed(origin), columns=[getattr(predecessors.c, name) for name in COLUMNS]
        ),
    ]


def is_indistinct_alone(origin: Origin) -> Any:
    """Condition: because of its own import, nothing may be computed from the staged row, regardless
    of earlier ones."""
    tests = [staged.c.is_several == 1] if origin.is_grouped else []
    if origin.may_lack_names:
        tests.append(is_nameless(staged.c, SQL("1 = 1")))
    return reduce(or_, tests, SQL("1 = 0"))


def _followed(origin: Origin) -> Any:
    current, own = ScoredListing.alias("current"), ScoredListing.alias("own_latest")
    is_late = current.seen_at > staged.c.seen_at
    elsewhere = staged.c.source_url.is_null() & ~is_from(current, SOURCE)
    needs_all = SQL("1 = 1") if origin.has_complete_files else _in_group(origin)
    is_renewed = is_observation(staged.c) & (is_late | (elsewhere & needs_all))
    needs_renewal = Case(None, [(is_renewed, 1)], 0)
    indistinct = Case(None, [((_known.c.is_grouped == 1) | is_indistinct_alone(origin), 1)], 0)
    is_offer = staged.c.standing <= Standing.LEFT_OUT.value
    is_comparable = (indistinct == 0) & (needs_renewal == 0) & is_offer
    is_compared = is_comparable & (current.is_indistinct == 0) & ~elsewhere
    steps = [
        (is_compared, step_between(current, staged.c)),
        (is_comparable & (own.is_indistinct == 0), step_between(own, staged.c)),
    ]
    values = {
        "import_index": _known.c.import_index,
        "first_event_id": _known.c.first_event_id,
        "event_id": current.id,
        "needs_renewal": needs_renewal,
        "is_late": Case(None, [(is_late, 1)], 0),
        "is_gone": Case(None, [(current.id.is_null(False) & is_gone(current, origin), 1)], 0),
        "is_indistinct": indistinct,
        "is_compared": Case(None, [(is_compared, 1)], 0),
        "change_step": Case(None, steps, None),
        "price_usd": current.price_usd,
        "score": current.score,
        "model": FieldAlias.create(current, ScoredListing.model),  # an alias has its own `model`
        "seen_at": current.seen_at,
    }
    latest_of_source = Case(None, [(elsewhere, _latest_of_source(origin))], None)
    return (
        _known.select(*(values[name] for name in COLUMNS))
        .join(staged, on=(staged.c.import_index == _known.c.import_index))
        .join(current, JOIN.LEFT_OUTER, on=(current.id == _known.c.event_id))
        .join(own, JOIN.LEFT_OUTER, on=(own.id == latest_of_source))
        .order_by(_known.c.import_index)
    )


def _in_group(origin: Origin) -> Any:
    """Condition: the identity of the staged row has several offers, in the archive or in the
    import."""
    known = _known.c.is_grouped == 1
    return (known | (staged.c.is_several == 1)) if origin.is_grouped else known


def _latest_of_source(origin: Origin) -> Any:
    """Query for the latest observation, not later than the staged row, of its listing by the
    import's own source."""
    event = ScoredListing.alias("event_of_source")
    counting = Knowledge(has_rollbacks=origin.has_rollbacks).counting(event)
    same = (event.first_event_id == _known.c.first_event_id) & (event.seen_at <= staged.c.seen_at)
    found = event.select(event.id).where(same, is_observation(event), is_from(event, SOURCE))
    found = found.where(*counting) if counting else found
    return found.order_by(event.seen_at.desc(), event.id.desc()).limit(1)


def is_gone(event: Any, origin: Origin) -> Any:
    """Condition: the listing of this latest event, which counts, is gone so far."""
    left_out_of_group = event.is_current == SQL("0")
    return (
        left_out_of_group | is_left_out(event) if origin.has_complete_files else left_out_of_group
    )


def superseded() -> Any:
    """The ids of the events that a staged one replaces."""
    return predecessors.select(predecessors.c.event_id).where(predecessors.c.needs_renewal == 0)


def rows_to_renew() -> Any:
    """The `import_index` of each staged row that does not just follow its listing's latest
    event."""
    return predecessors.select(predecessors.c.import_index).where(predecessors.c.needs_renewal == 1)


def listings_to_renew(origin: Origin, top: Value = TOP) -> list[Any]:
    """Queries for the `first_event_id` of listings for which the work on each row of an import is
    not enough. The import's events have been written by now.
    """
    found = [
        predecessors.select(predecessors.c.first_event_id).where(predecessors.c.needs_renewal == 1)
    ]
    several_times = (Standing.LEFT_OUT.value, Standing.EARLIER.value)
    indexes = staged_groups.select(top - staged_groups.c.import_index)
    observed_again = indexes.where(staged_groups.c.standing.in_(several_times))
    found.append(
        ScoredListing.select(ScoredListing.first_event_id).where(
            ScoredListing.id.in_(observed_again)
        )
    )
    return [*found, _shrunk_groups()] if origin.has_groups else found


def _shrunk_groups() -> Any:
    """The first offers of groups with a current offer for which the staged group is too small."""
    offer = ScoredListing.alias("offer")
    left_out = (offer.group_id == predecessors.c.first_event_id) & (offer.is_current == SQL("1"))
    return (
        predecessors.select(predecessors.c.first_event_id)
        .join(staged, on=(staged.c.import_index == predecessors.c.import_index))
        .join(offer, on=(left_out & (offer.ordinal > staged.c.group_size)))
        .where((staged.c.ordinal == 1) & (staged.c.standing == Standing.LAST.value))
    )
