"""Requests for the report of an import."""

import csv
import io
from typing import Any

from webtest import TestResponse

from glyphd.storage.result_rows import RESULT_COLUMNS
from tests.service import Service

OF_THE_IMPORT = {"import_id", "import_index", "line", "first_seen_at", "imported_at"}


def report_answer(service: Service, import_id: str) -> TestResponse:
    return service.http.get(f"/api/imports/{import_id}/report.csv")


def report_of(service: Service, csv: str | bytes, query: str = "", **headers: str) -> str:
    """The text of the report on this file."""
    return str(report_answer(service, service.import_csv(csv, query, **headers)["import_id"]).text)


def records_in(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def lines(*lines: str) -> str:
    return "\r\n".join([*lines, ""])


def rows_brought(service: Service, import_id: str) -> list[dict[str, Any]]:
    """The rows that an import brought; the time is None for a row that had none."""
    received_at = service.status(import_id)["received_at"]
    rows = service.listings(
        f"?import_id={import_id}&fields={','.join(set(RESULT_COLUMNS) - OF_THE_IMPORT)}"
    )
    return [row | {"seen_at": None} if row["seen_at"] == received_at else row for row in rows]
