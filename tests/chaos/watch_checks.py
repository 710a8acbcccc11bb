"""The watches of a chaos run: compares what each must find in each import, computed from the
events, with what the feed reports."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from typing import Any

from tests.chaos.clusters import Cluster, until
from tests.chaos.tallies import Findings, Tally

BELOW = 5000.0
WATCHES: tuple[dict[str, Any], ...] = (
    {"name": "new", "condition": "new"},
    {"name": "below", "condition": "price_below", "value": BELOW},
    {"name": "new L40S", "condition": "new", "filters": {"model": "l40s"}},
)
REPORTED = "offers that watches found"
MOST_KEPT = 100
"""Per watch and import."""

_OFFERED = """
    FROM scored_listings AS offer
    JOIN (
        SELECT import_id, MIN(id) AS first_id FROM scored_listings GROUP BY import_id
    ) AS own ON own.import_id = offer.import_id
    LEFT JOIN scored_listings AS before ON before.id = (
        SELECT earlier.id FROM scored_listings AS earlier
        WHERE earlier.first_event_id = offer.first_event_id AND earlier.standing < 3
          AND earlier.id < own.first_id
        ORDER BY earlier.seen_at DESC, earlier.id DESC LIMIT 1)
    WHERE offer.standing = 0 AND offer.is_indistinct = 0"""
"""The distinct offers of each import, each with its latest earlier event."""

_IS_BELOW = f"""
    offer.price_usd < {BELOW} AND (before.id IS NULL OR (
        before.is_indistinct = 0 AND before.seen_at <= offer.seen_at AND before.price_usd >= {BELOW}
    ))"""
_FOUND = {
    "new": "before.id IS NULL",
    "below": _IS_BELOW,
    "new L40S": "before.id IS NULL AND LOWER(offer.model) = 'l40s'",
}
"""By watch name, the condition for the offers that it must find."""


def add_watches(cluster: Cluster) -> None:
    """Creates the watches as soon as the API is up, before anything is imported."""
    for watch in WATCHES:
        until(lambda watch=watch: _is_added(cluster, watch))  # type: ignore[misc]


def _is_added(cluster: Cluster, watch: Mapping[str, Any]) -> bool:
    headers = {"Content_Type": "application/json"}
    try:
        return cluster.request("POST", "/api/watches", json.dumps(watch), **headers).status == 201
    except (OSError, HTTPException):
        return False


def compare_watches(cluster: Cluster, tally: Tally) -> Findings:
    """Each watch reports exactly what each import brought, once, right after the event that the
    import has ended."""
    found = Findings()
    watches = {one["watch_id"]: one["name"] for one in cluster.get("/api/watches")}
    feed = cluster.walk("/api/events?limit=1000")
    reported: Counter[tuple[str, str]] = Counter()
    finished = ""
    for event in feed:
        data = event["data"]
        if event["kind"] == "import.finished":
            finished = data["import_id"]
        elif event["kind"] == "watch.matched":
            if data["import_id"] != finished:
                found.wrong.append(f"event {event['id']} of a watch is not behind its import")
            key = (data["watch_id"], data["import_id"])
            if key in reported:
                found.doubled.append(f"the watch {data['name']} reports {finished} twice")
            reported[key] += data["total"]
    if [event["id"] for event in feed] != sorted({event["id"] for event in feed}):
        found.wrong.append("the events are out of order")
    due = {
        (watch_id, import_id): count
        for watch_id, name in watches.items()
        for import_id, count in _due(cluster, name)
    }
    for watch_id, import_id in reported.keys() | due.keys():
        told, wanted = reported[watch_id, import_id], due.get((watch_id, import_id), 0)
        if told != wanted:
            faults = found.lost if told < wanted else found.wrong
            faults.append(
                f"the watch {watches.get(watch_id)} found {told} of {wanted} in {import_id}"
            )
    tally.most(REPORTED, sum(reported.values()))
    _compare_matches(cluster, reported, watches, found)
    return found


def _due(cluster: Cluster, name: str) -> Iterable[tuple[str, int]]:
    sql = f"SELECT offer.import_id, COUNT(*) {_OFFERED} AND {_FOUND[name]} GROUP BY offer.import_id"
    return [(str(import_id), int(count)) for import_id, count in cluster.archive_rows(sql)]


def _compare_matches(
    cluster: Cluster, reported: Counter[tuple[str, str]], watches: Iterable[str], found: Findings
) -> None:
    """The matches kept are as many as were reported, up to a limit, without duplicates."""
    for watch_id in watches:
        kept = cluster.walk(f"/api/watches/{watch_id}/matches?limit=1000")
        counted = Counter(match["import_id"] for match in kept)
        wanted = {
            import_id: min(count, MOST_KEPT)
            for (of_watch, import_id), count in reported.items()
            if of_watch == watch_id and count
        }
        if counted != wanted:
            found.wrong.append(f"the matches of watch {watch_id} are not those reported")
        if len({(match["event_id"], match["listing_id"]) for match in kept}) < len(kept):
            found.doubled.append(f"the watch {watch_id} has a match twice")
