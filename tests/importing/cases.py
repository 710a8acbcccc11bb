"""The folder of CSV files, each next to a JSON file with its expected outcome."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from webtest import TestResponse

from tests.http.forms import Sent
from tests.service import Service

FOLDER = Path(__file__).parents[1] / "data" / "csv"
FILES = {path.name.split(".")[0]: path for path in sorted(FOLDER.glob("*.csv*"))}
CASES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))
}
REFUSED = [name for name, case in CASES.items() if "http" in case]
TAKEN = [name for name, case in CASES.items() if "http" not in case]


def send_case(service: Service, name: str, *, status: int = 202) -> TestResponse:
    """Sends a case's file with its options and headers."""
    case = CASES[name]
    sent = Sent(FILES[name].read_bytes(), "text/csv", case.get("headers", {}))
    return sent.to(service, f"/api/import?{urlencode(case.get('options', {}), doseq=True)}", status)
