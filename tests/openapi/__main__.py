"""Writes the snapshot of the OpenAPI document; run it as `make openapi`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from glyphd.api.app import describe
from tests.openapi.snapshot import SNAPSHOT, written
from tests.service import open_service, settings_in

with TemporaryDirectory() as folder:
    service = open_service(settings_in(Path(folder) / "data"))
    SNAPSHOT.write_text(written(describe(service.services).document))
