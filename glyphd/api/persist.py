"""`POST /api/persist/listings`: rows as JSON, validated before anything is kept, imported while the caller waits."""

import json
from typing import Any

from bottle import HTTPResponse

from glyphd.api.bodies import read_json_body
from glyphd.api.outcomes import ended
from glyphd.api.parameters import query, refuse_idempotency_key, wait_asked
from glyphd.api.routes import Route
from glyphd.api.waiting import Waiting
from glyphd.contracts.imports import ImportOptions
from glyphd.contracts.queries import PersistQuery
from glyphd.contracts.row_errors import RowError
from glyphd.errors import FileRefused, RowsRefused
from glyphd.importing.intake import NDJSON, Described
from glyphd.importing.json_rows import read_object
from glyphd.importing.rows import Place
from glyphd.importing.validation import row_check
from glyphd.services import Services
from glyphd.times import now_text

WAIT_SECONDS = 30.0


class PersistApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [Route("POST", "/api/persist/listings", self.create)]

    def create(self) -> HTTPResponse:
        """One bad row refuses all of them, with every error; otherwise the batch goes the way of a file."""
        refuse_idempotency_key()
        asked = query(PersistQuery)
        rows = read_json_body(self._services.settings)
        if not isinstance(rows, list):
            raise FileRefused("the body has to be a JSON array of rows", found=_kind(rows))
        if not rows:
            raise FileRefused("the array holds no rows", found="an empty array")
        _require_valid(rows)
        with self._services.uploads.receive() as receiving:
            for row in rows:
                receiving.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            options = ImportOptions(source=asked.source, description=asked.description)
            job = self._services.intake.accept(receiving, Described(None, NDJSON), options)
        seconds = wait_asked()
        return ended(self._waiting.until_final(job, WAIT_SECONDS if seconds is None else seconds))


def _kind(value: Any) -> str:
    """What JSON calls such a value."""
    if isinstance(value, dict):
        return "an object"
    return "a string" if isinstance(value, str) else json.dumps(value)


def _require_valid(rows: list[Any]) -> None:
    check = row_check(now_text())
    errors: list[RowError] = []
    for number, row in enumerate(rows, start=1):
        checked = check(read_object(Place(number, number, 0, 0), row))
        if isinstance(checked, list):
            errors += checked
    if errors:
        shown = [error.as_dict() | {"index": error.row - 1} for error in errors]
        detail = f"{len(errors)} errors in {len(rows)} rows; nothing was written"
        raise RowsRefused(detail, error_count=len(errors), errors=shown)
