"""Pages for people, against API requests for the same data, when neither has a cached answer; and
the size of the pages."""

from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlencode

from bench.client import Client
from bench.data import MODELS
from bench.plan import Plan
from bench.samples import Result, Sample, at_most, milliseconds
from bench.service import Running, running_service

ROUNDS = 10
MODEL = MODELS[0]
LARGEST_KB = 100
AS_BROWSER = {"Accept": "text/html"}
SHOWN = "model,price_usd,score,condition,seller,region,vram_gb,availability,source,seen_at"


@dataclass(frozen=True)
class Screen:
    """A page, and the requests that a program makes for the same data."""

    name: str
    path: str
    questions: tuple[str, ...]


def measure(plan: Plan) -> list[Result]:
    with plan.market() as folder, running_service(folder) as service, service.client() as client:
        pages, questions = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
        screens = _screens(client)
        for screen in screens:
            client.seconds_to_first_byte(
                screen.path, AS_BROWSER
            )  # the very first request does not count
        for number in plan.rounds(ROUNDS):
            for screen in screens:
                # The second side finds the database's pages in memory, so they take turns.
                sides = [(pages, (screen.path,), AS_BROWSER), (questions, screen.questions, {})]
                for times, paths, headers in sides if number % 2 else reversed(sides):
                    _change_archive(service, client)
                    waits = [client.seconds_to_first_byte(path, headers) for path in paths]
                    times[screen.name].append(sum(waits))
        sizes = {screen.name: _kilobytes(client, screen.path) for screen in screens}
    results = []
    for name, waited in pages.items():
        asked = milliseconds(questions[name])
        results.append(
            Result(f"{name}, to its first byte", milliseconds(waited), "the API", asked, at_most(3))
        )
        largest = Sample((LARGEST_KB,), "kB")
        results.append(
            Result("… its size", Sample((sizes[name],), "kB"), "a page's most", largest, at_most(1))
        )
    return results


def _screens(client: Client) -> list[Screen]:
    """The pages to measure, among them those of the largest import and of one of its listings."""
    (listing,) = client.get_array("/api/listings?" + urlencode({"model": MODEL, "limit": 1}))
    listing_id, import_id = listing["listing_id"], listing["import_id"]
    filtered = urlencode(
        {"model_contains": "rtx", "region": "EU", "min_score": 0.5, "sort": "price_usd"}
    )
    cheapest = urlencode({"model": MODEL, "sort": "price_usd", "limit": 30})
    at_model, at_import = f"/models/{MODEL}", f"/imports/{import_id}"
    at_listing = f"/listings/{listing_id}"
    of_model = (f"/api{at_model}", f"/api{at_model}/history")
    of_listing = tuple(f"/api{at_listing}{part}" for part in ("", "/history", "/source"))
    of_import = (f"/api{at_import}", f"/api{at_import}/errors?limit=50")
    listings = f"/api/listings?limit=50&fields={SHOWN}"
    spread = f"/api/stats?model={MODEL}&by=condition"
    gone = f"/api/listings?model={MODEL}&gone=only&limit=6"
    deltas = f"/api/deltas?model={MODEL}&limit=6&kind="
    lately = (f"{deltas}price,score", f"{deltas}new", gone)
    standing = f"/api/listings?model={MODEL}&limit=1&fields=price_percentile,price_vs_median_pct"
    return [
        Screen("Market", "/", ("/api/models",)),
        Screen("Listings", "/listings", (listings,)),
        Screen(
            "Listings, filtered and sorted", f"/listings?{filtered}", (f"{listings}&{filtered}",)
        ),
        Screen("Model", at_model, (*of_model, f"/api/listings?{cheapest}", spread, *lately)),
        Screen("One listing", at_listing, (*of_listing, standing)),
        Screen("One import", at_import, (*of_import, "/api/imports?status=succeeded&limit=1")),
    ]


def _change_archive(service: Running, client: Client) -> None:
    """Imports one row, so that no cached answer is valid any more."""
    row = "model,price_usd,score\nBENCH,1,0.5\n"
    service.wait(client.post("/api/import", row.encode(), {})["import_id"])
    service.rest()


def _kilobytes(client: Client, path: str) -> float:
    return len(client.get(path, AS_BROWSER).body) / 1000
