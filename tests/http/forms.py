"""Every way of sending a CSV, as request bodies with their headers."""

import gzip
import json
from dataclasses import dataclass, field

from webtest import TestResponse

from tests.service import Service

BOUNDARY = "a-boundary"


@dataclass(frozen=True)
class Part:
    """One part of a form; if it has a filename, it is a file."""

    name: str
    data: bytes
    filename: str | None = None
    content_type: str | None = None

    def encoded(self) -> bytes:
        filename = "" if self.filename is None else f'; filename="{self.filename}"'
        lines = [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{self.name}"{filename}']
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}")
        return "\r\n".join([*lines, "", ""]).encode() + self.data + b"\r\n"


@dataclass(frozen=True)
class Sent:
    """A body with its headers."""

    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)

    def to(
        self, service: Service, path: str = "/api/import", status: int | None = None
    ) -> TestResponse:
        headers = {"Content-Type": self.content_type, **self.headers}
        return service.post(path, self.body, headers, status)


def form(*parts: Part) -> Sent:
    """A complete multipart form."""
    body = b"".join(part.encoded() for part in parts) + f"--{BOUNDARY}--\r\n".encode()
    return Sent(body, f"multipart/form-data; boundary={BOUNDARY}")


def every_form(csv: bytes) -> dict[str, Sent]:
    """The CSV in every form in which it may be sent."""
    packed = gzip.compress(csv, mtime=0)
    text = json.dumps({"filename": "offers.csv", "csv": csv.decode()}).encode()
    return {
        "multipart": form(Part("file", csv, "offers.csv", "text/csv")),
        "multipart, gzip by name": form(Part("file", packed, "offers.csv.gz")),
        "multipart, gzip by type": form(Part("file", packed, "offers.csv", "application/gzip")),
        "multipart, no filename": form(Part("file", csv)),
        "raw": Sent(csv, "text/csv"),
        "raw, gzip by header": Sent(packed, "text/csv", {"Content-Encoding": "gzip"}),
        "raw, gzip by type": Sent(packed, "application/gzip"),
        "raw, gzip by name": Sent(
            packed, "text/csv", {"Content-Disposition": 'attachment; filename="offers.csv.gz"'}
        ),
        "JSON": Sent(text, "application/json"),
    }
