"""Watches in the registry, as clients create, change, delete and read them. The caller holds the
connection."""

import json
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

from peewee import Database, fn

from glyphd.contracts.watch_contracts import (
    WatchBody,
    WatchChange,
    WatchCondition,
    WatchFilters,
    value_fault,
)
from glyphd.db.event_models import FeedEvent
from glyphd.db.watch_models import Watch, WatchMatch
from glyphd.event_errors import InvalidWatch, TooManyWatches, WatchNotFound
from glyphd.times import now_text

MOST_WATCHES = 1000
"""The most watches, because each import is compared with all of them."""

_SECRET_BYTES = 24


class WatchRecords:
    """The watches of one registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, body: WatchBody, created_by: str | None) -> Watch:
        """Raises TooManyWatches."""
        watch_id = str(uuid4())
        values = _stored(body) | {
            "id": watch_id,
            "feed_secret": _new_secret(),
            "created_at": now_text(),
            "created_by": created_by,
        }
        with self._database.atomic():
            (count,) = self._database.execute(Watch.select(fn.COUNT(Watch.id))).fetchone()
            if count >= MOST_WATCHES:
                raise TooManyWatches(f"there are {count} watches already: delete one first")
            self._run(Watch.insert(values))
        return self.find(watch_id)

    def all(self) -> list[Watch]:
        """All of them, oldest first."""
        query = Watch.select().order_by(Watch.created_at, Watch.id)
        return list(query.bind(self._database))

    def find(self, watch_id: str) -> Watch:
        """Raises WatchNotFound."""
        query = Watch.select().where(Watch.id == watch_id)
        is_possible = "\0" not in watch_id
        found: Watch | None = query.bind(self._database).first() if is_possible else None
        if found is None:
            raise WatchNotFound(f"there is no watch {watch_id}", watch_id=watch_id)
        return found

    def find_for_feed(self, watch_id: str, secret: str) -> Watch:
        """The watch whose feed has this secret. Raises WatchNotFound for a wrong secret as for a
        wrong id, so that the answer does not reveal which one is wrong."""
        try:
            found = self.find(watch_id)
        except WatchNotFound:
            found = Watch(feed_secret="")
        if not compare_digest(found.feed_secret.encode(), secret.encode()) or not secret:
            raise WatchNotFound("there is no such feed")
        return found

    def change(self, watch_id: str, asked: WatchChange) -> Watch:
        """Raises WatchNotFound, and InvalidWatch if the condition and the value don't fit."""
        with self._database.atomic():
            watch = self.find(watch_id)
            changed = body_of(watch) | {
                name: getattr(asked, name) for name in asked.model_fields_set
            }
            body = WatchBody.model_construct(**changed)
            fault = value_fault(body.condition, body.value)
            if fault is not None:
                raise InvalidWatch(fault, errors=[{"field": "value", "message": fault}])
            self._run(Watch.update(_stored(body)).where(Watch.id == watch_id))
        return self.find(watch_id)

    def renew_secret(self, watch_id: str) -> Watch:
        """Gives the feed another address; the old one is no longer served. Raises WatchNotFound."""
        self.find(watch_id)
        self._run(Watch.update(feed_secret=_new_secret()).where(Watch.id == watch_id))
        return self.find(watch_id)

    def delete(self, watch_id: str) -> None:
        """Deletes the watch and its matches; its events stay. Raises WatchNotFound."""
        self.find(watch_id)
        with self._database.atomic():
            self._run(Watch.delete().where(Watch.id == watch_id))
            self._run(WatchMatch.delete().where(WatchMatch.watch_id == watch_id))

    def last_matches(self, *watch_ids: str) -> dict[str, str]:
        """When each of these watches last found something; a watch without kept matches is
        missing."""
        latest = (
            WatchMatch.select(fn.MAX(WatchMatch.event_id).alias("event_id"))
            .where(WatchMatch.watch_id.in_(watch_ids))
            .group_by(WatchMatch.watch_id)
        )
        query = FeedEvent.select(FeedEvent.subject, FeedEvent.occurred_at)
        return dict(self._database.execute(query.where(FeedEvent.id.in_(latest))).fetchall())

    def _run(self, query: Any) -> Any:
        return query.bind(self._database).execute()


def body_of(watch: Watch) -> dict[str, Any]:
    """The members with which the watch could be created again."""
    return {
        "name": watch.name,
        "filters": WatchFilters.model_validate(json.loads(watch.filters)),
        "condition": WatchCondition(watch.condition),
        "value": watch.value,
    }


def _stored(body: WatchBody) -> dict[str, Any]:
    return {
        "name": body.name,
        "filters": json.dumps(body.filters.given()),
        "condition": str(body.condition),
        "value": body.value,
    }


def _new_secret() -> str:
    return token_urlsafe(_SECRET_BYTES)
