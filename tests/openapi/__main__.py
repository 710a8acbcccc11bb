"""Writes the snapshot of the document; run it as `make openapi`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.openapi.snapshot import SNAPSHOT, written
from tests.service import open_service, settings_in

with TemporaryDirectory() as folder:
    service = open_service(settings_in(Path(folder) / "data"))
    SNAPSHOT.write_text(written(service.http.get("/openapi.json").json))
