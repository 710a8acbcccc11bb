"""`POST /api/import`: what is refused, with which message, and that nothing of it is kept."""

import gc
import io
import zipfile
from typing import Any

import pytest
from multipart import PushMultipartParser
from webtest import TestResponse

from glyphd.api.forms import MAX_FIELD_BYTES, MAX_PARTS
from tests.http.forms import BOUNDARY, Part, Sent, form
from tests.service import Service, StartService, offers, problem

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z").encode()
FILE = Part("file", CSV, "offers.csv")
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("offers.csv", CSV)
    return packed.getvalue()


MALFORMED = {
    "no boundary": Sent(form(FILE).body, "multipart/form-data"),
    "another boundary": Sent(form(FILE).body, "multipart/form-data; boundary=other"),
    "a form cut short": Sent(form(FILE).body[:-20], FORM_TYPE),
    "no form at all": Sent(CSV, FORM_TYPE),
    "a field that is not UTF-8": form(Part("source", b"\xff"), FILE),
}
FAULTY = {
    "two parts named file": form(FILE, FILE),
    "no part named file": form(Part("source", b"perplexity"), Part("data", CSV, "offers.csv")),
    "an empty form": form(),
    "an empty file": Sent(b"", "text/csv"),
    "an empty part": form(Part("file", b"", "offers.csv")),
    "a byte order mark alone": Sent(b"\xef\xbb\xbf", "text/csv"),
    "blank lines": Sent(b"\r\n\n\n", "text/csv"),
    "a header without rows": Sent(CSV.split(b"\n")[0] + b"\n", "text/csv"),
    "UTF-16": Sent(CSV.decode().encode("utf-16"), "text/csv"),
    "a zip": Sent(_zip(), "text/csv"),
    "what is said to be gzip": Sent(CSV, "application/gzip"),
    "a required column missing": Sent(CSV.replace(b"score", b"skore"), "text/csv"),
    "a column twice": Sent(CSV.replace(b"seller", b"Score"), "text/csv"),
    "JSON that is none": Sent(b'{"csv": ', "application/json"),
    "JSON that is no object": Sent(b'["model,price_usd,score"]', "application/json"),
    "JSON without csv": Sent(b'{"filename": "offers.csv"}', "application/json"),
    "JSON with csv that is no text": Sent(b'{"csv": 5}', "application/json"),
    "JSON with a name that is no text": Sent(
        b'{"csv": "model", "filename": 5}', "application/json"
    ),
    "JSON with options": Sent(b'{"csv": "model", "source": "perplexity"}', "application/json"),
}
OTHER_TYPES = {
    "none": Sent(CSV, ""),
    "text/plain": Sent(CSV, "text/plain"),
    "application/zip": Sent(_zip(), "application/zip"),
    "an encoding": Sent(CSV, "text/csv", {"Content-Encoding": "br"}),
    "a packed form": Sent(form(FILE).body, FORM_TYPE, {"Content-Encoding": "gzip"}),
    "packed JSON": Sent(b"{}", "application/json", {"Content-Encoding": "gzip"}),
}


def _refused(service: Service, answer: TestResponse) -> dict[str, Any]:
    """The problem; also checks that the refused upload left nothing behind."""
    assert service.kept() == []
    assert service.http.get("/api/imports").json == []
    return problem(answer)


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_body_that_can_not_be_taken_apart_is_400(service: Service, sent: Sent) -> None:
    assert _refused(service, sent.to(service, status=400))["code"] == "malformed_body"


def test_a_malformed_form_is_freed_without_a_search_for_cycles(service: Service) -> None:
    gc.collect()
    gc.disable()
    try:
        MALFORMED["a form cut short"].to(service, status=400)
        assert not any(isinstance(known, PushMultipartParser) for known in gc.get_objects())
    finally:
        gc.enable()


@pytest.mark.parametrize("sent", FAULTY.values(), ids=FAULTY.keys())
def test_content_that_can_never_be_imported_is_422(service: Service, sent: Sent) -> None:
    assert _refused(service, sent.to(service, status=422))["code"] == "file_refused"


@pytest.mark.parametrize("sent", OTHER_TYPES.values(), ids=OTHER_TYPES.keys())
def test_other_types_are_415(service: Service, sent: Sent) -> None:
    found = _refused(service, sent.to(service, status=415))
    assert found["code"] == "unsupported_media_type"
    assert found["offered" if "offered" in found else "detail"]


def test_a_form_without_a_file_names_what_it_has(service: Service) -> None:
    found = _refused(service, FAULTY["no part named file"].to(service, status=422))
    assert found["found"] == ["source", "data"]


def test_a_missing_column_is_named_with_the_nearest(service: Service) -> None:
    found = _refused(service, FAULTY["a required column missing"].to(service, status=422))
    assert (found["missing"], found["nearest"]) == (["score"], {"score": "skore"})
    assert found["found"] == ["model", "price_usd", "skore", "region", "seller", "seen_at"]


def test_a_column_given_twice_is_named_both_times(service: Service) -> None:
    found = _refused(service, FAULTY["a column twice"].to(service, status=422))
    assert "'score' and 'Score'" in found["detail"]


def test_curl_without_a_type_is_told_what_to_add(service: Service) -> None:
    found = _refused(
        service, Sent(CSV, "application/x-www-form-urlencoded").to(service, status=415)
    )
    assert "-H 'Content-Type: text/csv'" in found["detail"]
    assert {"text/csv", "multipart/form-data", "application/json"} <= set(found["offered"])


@pytest.mark.parametrize("sent", [Sent(CSV, "text/csv"), form(FILE)], ids=["raw", "multipart"])
def test_an_upload_over_the_limit_is_413_and_names_it(
    start_service: StartService, sent: Sent
) -> None:
    service = start_service(max_upload_bytes=len(CSV) - 1)
    found = _refused(service, sent.to(service, status=413))
    assert (found["code"], found["limit"]) == ("too_large", len(CSV) - 1)
    assert str(len(CSV) - 1) in found["detail"]


def test_an_upload_of_exactly_the_limit_is_taken(start_service: StartService) -> None:
    service = start_service(max_upload_bytes=len(CSV))
    assert service.upload(CSV).status_code == 202


def test_a_form_may_carry_a_file_of_exactly_the_limit(start_service: StartService) -> None:
    service = start_service(max_upload_bytes=len(CSV))
    assert form(FILE).to(service).status_code == 202


def test_json_over_its_cap_is_413_and_names_the_raw_form(start_service: StartService) -> None:
    service = start_service(max_json_bytes=100)
    answer = service.http.post_json("/api/import", {"csv": CSV.decode() * 2}, status=413)
    found = _refused(service, answer)
    assert found["limit"] == 100
    assert "raw text/csv" in found["detail"]


def test_a_form_field_has_a_largest_size(service: Service) -> None:
    sent = form(FILE, Part("description", b"x" * (MAX_FIELD_BYTES + 1)))
    found = _refused(service, sent.to(service, status=413))
    assert ("description" in found["detail"], found["limit"]) == (True, MAX_FIELD_BYTES)


def test_a_form_has_a_largest_number_of_parts(service: Service) -> None:
    sent = form(FILE, *[Part("source", b"x")] * MAX_PARTS)
    found = _refused(service, sent.to(service, status=413))
    assert (found["code"], found["limit"]) == ("too_large", MAX_PARTS)


def test_a_body_shorter_than_it_says_is_400(service: Service) -> None:
    sent = Sent(CSV, "text/csv", {"Content-Length": str(len(CSV) + 7)})
    assert "7 bytes early" in _refused(service, sent.to(service, status=400))["detail"]


def test_a_transfer_encoding_is_411(service: Service) -> None:
    sent = Sent(CSV, "text/csv", {"Transfer-Encoding": "chunked"})
    assert _refused(service, sent.to(service, status=411))["code"] == "length_required"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("?on_error=ignore", "on_error"),
        ("?delimiter=:", "delimiter"),
        ("?dry_run=maybe", "dry_run"),
        ("?encoding=utf-16", "encoding"),
        ("?encoding=klingon", "encoding"),
        (f"?source={'x' * 201}", "source"),
        ("?source=a%00b", "source"),
        (f"?description={'x' * 2001}", "description"),
        (f"?filename={'x' * 256}.csv", "filename"),
    ],
)
def test_a_bad_option_is_400_and_named(service: Service, query: str, parameter: str) -> None:
    found = _refused(service, Sent(CSV, "text/csv").to(service, f"/api/import{query}", status=400))
    assert (found["code"], found["parameter"]) == ("invalid_parameter", parameter)


def test_what_is_wrong_with_an_option_is_told_in_words(service: Service) -> None:
    answer = Sent(CSV, "text/csv").to(service, "/api/import?source=a%00b", status=400)
    assert problem(answer)["detail"].endswith(": must not contain a NUL character")


@pytest.mark.parametrize("place", ["query", "form"])
def test_an_unknown_option_is_400_with_the_nearest_and_the_list(
    service: Service, place: str
) -> None:
    sent = form(Part("on_eror", b"skip"), FILE) if place == "form" else form(FILE)
    path = "/api/import?on_eror=skip" if place == "query" else "/api/import"
    found = _refused(service, sent.to(service, path, status=400))
    assert (found["code"], found["parameter"], found["nearest"]) == (
        "unknown_parameter",
        "on_eror",
        "on_error",
    )
    assert {"source", "description", "delimiter", "encoding", "on_error", "dry_run"} <= set(
        found["known"]
    )


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/import?source=a&source=b", []),
        ("/api/import?source=a", [b"b"]),
        ("/api/import", [b"a", b"b"]),
    ],
    ids=["query", "query and form", "form"],
)
def test_an_option_given_twice_is_400(service: Service, path: str, fields: list[bytes]) -> None:
    sent = form(*(Part("source", value) for value in fields), FILE)
    found = _refused(service, sent.to(service, path, status=400))
    assert found["detail"] == "source is given twice"
