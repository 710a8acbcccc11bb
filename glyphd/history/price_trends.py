"""How the median price of each model has moved lately, day by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from peewee import SQL, Database

from glyphd.contracts.market_queries import StatsHistoryQuery
from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import snapshot
from glyphd.history.kept_answers import kept_name
from glyphd.history.market_totals import market_totals
from glyphd.history.stats_history import StatsHistory
from glyphd.history.summaries import Summary
from glyphd.listings.ratios import LEAST, difference_pct
from glyphd.listings.search import known_at
from glyphd.storage.timelines import TIMELINE
from glyphd.times import read_stored, utc_text

SHOWN_DAYS = 30
NEAR_DAYS = 7
"""A change is between two days on which the model was seen: each is the latest such day of this
many, the last of which is the requested one."""

KEPT_DAYS = SHOWN_DAYS + NEAR_DAYS
KEPT_TRENDS = kept_name("price trends", [str(KEPT_DAYS)])
MOST_EVENTS = 200_000
"""The most events of KEPT_DAYS from which a request computes the trends."""

MOST_KEPT_EVENTS = 5_000_000
"""The most from which a worker computes them."""

MOST_MODELS = 2_000
"""The most models whose trends are computed: each takes 37 numbers, and a name can be any text."""

Medians = Sequence[float | None]
"""The median price on each of KEPT_DAYS, the oldest first; None if the model was not seen."""


class Missing(StrEnum):
    """Why there are no trends."""

    LATER = "later"
    """A worker has not computed them yet."""
    TOO_MANY = "too many"
    """There are too many events or models."""


class DailyMedians(StatsHistory):
    """The median price of each model on each day, as in `GET /api/stats/history?by=model`."""

    summary = Summary("median_price")


@dataclass(frozen=True)
class PriceTrend:
    """The medians of one model up to a day."""

    last_day: date
    medians: Medians

    def points(self) -> list[tuple[date, float]]:
        """The days of the last SHOWN_DAYS on which the model was seen, and its medians."""
        days = zip(days_until(self.last_day)[-SHOWN_DAYS:], self.medians[-SHOWN_DAYS:], strict=True)
        return [(day, median) for day, median in days if median is not None]

    def change_pct(self, days: int) -> float | None:
        """By how many percent the median differs from that `days` before; None if the model was not
        seen in the NEAR_DAYS up to one of the two."""
        now, then = self._near(0), self._near(days)
        if now is None or then is None or then < LEAST:
            return None
        change: float = difference_pct(now, then)
        return change

    def _near(self, days: int) -> float | None:
        end = len(self.medians) - days
        latest = reversed(self.medians[max(0, end - NEAR_DAYS) : end])
        return next((median for median in latest if median is not None), None)


@dataclass(frozen=True)
class PriceTrends:
    """The trends of all models that were seen in KEPT_DAYS."""

    last_day: date
    of_models: Sequence[tuple[str, Medians]]
    """By the model's name, folded."""

    @property
    def after(self) -> str:
        """The last moment before KEPT_DAYS."""
        return _before(days_until(self.last_day)[0])

    def by_model(self) -> dict[str, PriceTrend]:
        """The trend of each model, by its folded name."""
        return {model: PriceTrend(self.last_day, medians) for model, medians in self.of_models}


Trends = PriceTrends | Missing | None


def compute_trends(database: Database, as_of: str | None = None, *, most: int) -> Trends:
    """The trends up to the day of the newest observation; None without one. They are TOO_MANY if
    these days have more than `most` events, or more than MOST_MODELS models.

    The caller holds the connection.
    """
    with snapshot(database):
        newest = market_totals(database, known_at(database, as_of)).last_seen_at
        last_day = None if newest is None else read_stored(newest).date()
        if last_day is None or not KEPT_DAYS < last_day.toordinal() < date.max.toordinal():
            return None
        days = days_until(last_day)
        after, before = _before(days[0]), utc_text(_midnight(last_day + timedelta(days=1)))
        if _has_more_events(database, after, before, most):
            return Missing.TOO_MANY
        given = {"by": ["model"], "after": after, "before": before, "as_of": as_of}
        asked = StatsHistoryQuery.model_validate(given)
        places = {day.isoformat(): place for place, day in enumerate(days)}
        found: dict[str, list[float | None]] = {}
        for day, model, median in DailyMedians(database, asked).read():
            medians = found.setdefault(fold_ascii(model), [None] * KEPT_DAYS)
            medians[places[day]] = median
            if len(found) > MOST_MODELS:
                return Missing.TOO_MANY
    return PriceTrends(last_day, list(found.items()))


def trends_to_json(trends: Trends) -> Any:
    """As a JSON value, which `trends_from_json` reads."""
    if isinstance(trends, PriceTrends):
        return [trends.last_day.isoformat(), [list(row) for row in trends.of_models]]
    return trends


def trends_from_json(value: Any) -> Trends:
    if isinstance(value, list):
        last_day, rows = value
        return PriceTrends(date.fromisoformat(last_day), [tuple(row) for row in rows])
    return None if value is None else Missing(value)


def days_until(last_day: date) -> list[date]:
    """KEPT_DAYS, the oldest first."""
    return [last_day - timedelta(days=back) for back in reversed(range(KEPT_DAYS))]


def _before(day: date) -> str:
    """The last moment before a day."""
    return utc_text(_midnight(day) - timedelta(microseconds=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _has_more_events(database: Database, after: str, before: str, most: int) -> bool:
    seen = ScoredListing.select(SQL("1")).from_(TIMELINE.alone(database))
    in_these_days = (ScoredListing.seen_at > after) & (ScoredListing.seen_at < before)
    return database.execute(seen.where(in_these_days).limit(1).offset(most)).fetchone() is not None
