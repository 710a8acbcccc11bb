"""`GET /api/imports/{import_id}/file`: the upload, byte for byte."""

import gzip
import json
from hashlib import sha256

import pytest

from tests.http.forms import Part, Sent, form
from tests.service import Service, offers

pytestmark = pytest.mark.every_way

CSV = (
    b"\xef\xbb\xbf"
    + offers('"L4, new",2400.5,0.7,"E\r\nU",\xc4cme,2025-07-29').replace("\n", "\r\n").encode()
)
PACKED = gzip.compress(CSV, mtime=0)


@pytest.mark.parametrize(
    ("sent", "body", "content_type"),
    [
        (Sent(CSV, "text/csv"), CSV, "text/csv"),
        (form(Part("source", b"x"), Part("file", CSV, "offers.csv")), CSV, "text/csv"),
        (Sent(PACKED, "text/csv", {"Content-Encoding": "gzip"}), PACKED, "application/gzip"),
        (form(Part("file", PACKED, "offers.csv.gz")), PACKED, "application/gzip"),
    ],
    ids=["raw", "multipart", "gzip", "multipart gzip"],
)
def test_it_is_what_was_sent(service: Service, sent: Sent, body: bytes, content_type: str) -> None:
    answer = service.http.get(sent.to(service).json["links"]["file"])
    assert (answer.body, answer.content_type) == (body, content_type)
    assert "Content-Encoding" not in answer.headers


def test_of_json_it_is_the_text_as_utf_8(service: Service) -> None:
    links = service.http.post_json("/api/import", {"csv": CSV.decode()}).json["links"]
    assert service.http.get(links["file"]).body == CSV


def test_of_rows_it_is_one_a_line(service: Service) -> None:
    rows = [{"model": "L4", "price": 1, "score": 1}, {"model": "Größe", "price": 2, "score": 1}]
    links = service.http.post_json("/api/persist/listings", rows).json["links"]
    answer = service.http.get(links["file"])
    assert ([json.loads(line) for line in answer.body.splitlines()], answer.content_type) == (
        rows,
        "application/x-ndjson",
    )


def test_a_failed_import_has_its_file(service: Service) -> None:
    status = service.import_csv(offers("L4,$,1,,,2025-01-01"))
    assert b"L4,$" in service.http.get(status["links"]["file"]).body


def test_it_has_a_length_and_a_name(service: Service) -> None:
    status = service.upload(CSV, "?filename=..%2F%22offers%22.csv").json
    answer = service.http.get(status["links"]["file"])
    assert answer.headers["Content-Length"] == str(len(CSV))
    assert (
        answer.headers["Content-Disposition"] == f'attachment; filename="{status["import_id"]}.csv"'
    )


def test_who_has_it_already_gets_304(service: Service) -> None:
    path = service.upload(CSV).json["links"]["file"]
    etag = service.http.get(path).headers["ETag"]
    assert etag == f'"{sha256(CSV).hexdigest()}"'
    assert service.http.get(path, headers={"If-None-Match": etag}, status=304).body == b""


def test_head_tells_its_size_and_sends_nothing(service: Service) -> None:
    answer = service.http.head(service.upload(CSV).json["links"]["file"])
    assert (answer.headers["Content-Length"], answer.body) == (str(len(CSV)), b"")


def test_an_unknown_import_is_404(service: Service) -> None:
    assert service.refusal("/api/imports/nobody/file", 404)["code"] == "import_not_found"


def test_it_takes_no_parameters(service: Service) -> None:
    path = service.upload(CSV).json["links"]["file"]
    assert service.refusal(f"{path}?unpacked=true")["code"] == "unknown_parameter"
