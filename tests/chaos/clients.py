"""Clients that behave like cron scripts: they resend a file until they get an answer."""

import http.client
import time
from dataclasses import dataclass
from random import Random

from tests.chaos.clusters import Answer, Cluster
from tests.chaos.files import GivenFile

PREFERENCES = ("", "respond-async", "wait=2")
ANSWERS = (200, 202, 422)
LONGEST_PAUSE_SECONDS = 0.3
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Sent:
    """What a client knows at the end: the import of its file, the number of tries, and whether the
    answer was a replay."""

    file: GivenFile
    import_id: str
    tries: int
    is_replayed: bool


class NotAnswered(AssertionError):
    """The client was refused, or timed out."""


def send(cluster: Cluster, file: GivenFile, random: Random) -> Sent:
    """Sends the file until there is an answer. Raises NotAnswered after a refusal or after two
    minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    tries = 0
    last: object = None
    while time.monotonic() < deadline:
        tries += 1
        try:
            answer = _post(cluster, file, random.choice(PREFERENCES))
        except (OSError, http.client.HTTPException) as error:
            last = error
        else:
            last = f"{answer.status} {answer.body[:300]!r}"
            import_id = _import_id(answer)
            if import_id is not None:
                return Sent(
                    file, import_id, tries, answer.headers.get("idempotent-replayed") == "true"
                )
            if answer.status < 500:
                break
        time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
    raise NotAnswered(f"{file.filename}: no answer in {tries} tries, the last one: {last}")


def _post(cluster: Cluster, file: GivenFile, preference: str) -> Answer:
    headers = {"Content_Type": "text/csv", "Idempotency_Key": file.key}
    if preference:
        headers["Prefer"] = preference
    return cluster.request("POST", f"/api/import?{file.query}", file.body, **headers)


def _import_id(answer: Answer) -> str | None:
    """The id of the import in an answer. A failed import answers with a problem that contains its
    status."""
    if "json" not in answer.headers.get("content-type", ""):
        return None
    found = answer.json.get("import", answer.json).get("import_id")
    return str(found) if found and (answer.status in ANSWERS or "import" in answer.json) else None
