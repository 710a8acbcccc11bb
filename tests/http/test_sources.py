"""`GET /api/sources`: who sends files, how often, and which sources are silent."""

from datetime import UTC, datetime, timedelta

import pytest

from glyphd.times import utc_text
from tests.service import Service

HEADER = "model,price_usd,score,seller,source_url,seen_at\n"


def _file(day: int, *numbers: int) -> str:
    rows = (f"L4,1,1,Shop,https://shop.example/{number},2025-07-0{day}" for number in numbers)
    return HEADER + "\n".join(rows) + "\n"


def _sent(service: Service, days_ago: int, csv: str, query: str) -> dict[str, object]:
    status = service.import_csv(csv, query)
    moment = utc_text(datetime.now(UTC) - timedelta(days=days_ago))
    service.alter(status["import_id"], finished_at=moment)
    return service.status(status["import_id"])


@pytest.mark.every_way
def test_each_source_has_its_last_import_and_what_is_on_offer(service: Service) -> None:
    for day in range(1, 5):
        last = _sent(service, 10 - day, _file(day, *range(day, 8)), "?source=feed&complete=true")
    _sent(service, 0, _file(1, 9), "?source=Other")
    failed = service.import_csv(HEADER + "L4,x,1,,,\n", "?source=other")
    service.import_csv(_file(1, 10))
    feed, other = service.http.get("/api/sources").json
    assert feed | {"silent_since": feed["silent_since"][:10]} == {
        "source": "feed",
        "last_import_id": last["import_id"],
        "last_status": "succeeded",
        "last_received_at": last["received_at"],
        "last_success_id": last["import_id"],
        "last_success_at": last["finished_at"],
        "usual_interval_seconds": pytest.approx(86400, abs=60),
        "silent": True,
        "silent_since": utc_text(datetime.now(UTC) - timedelta(days=4))[:10],
        "complete": True,
        "complete_at": "2025-07-04T00:00:00.000000Z",
        "current_listings": 4,
    }
    assert (other["source"], other["last_import_id"]) == ("other", failed["import_id"])
    assert (other["last_status"], other["silent"], other["complete"]) == ("failed", False, False)
    assert (other["usual_interval_seconds"], other["current_listings"]) == (None, 1)


def test_the_list_comes_in_every_format_and_has_a_tag(service: Service) -> None:
    service.import_csv(_file(1, 1), "?source=feed")
    answer = service.http.get("/api/sources?format=csv")
    assert answer.text.startswith("source,last_import_id,")
    tag = {"If-None-Match": answer.headers["ETag"]}
    service.http.get("/api/sources?format=csv", headers=tag, status=304)
