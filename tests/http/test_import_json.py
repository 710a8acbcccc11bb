"""`POST /api/import` with JSON: the CSV in it is text, whatever its name or the options say about
bytes."""

import pytest

from tests.service import Service, offers

CSV = offers("RTX_A6000,4500,0.9,Zürich,Acme,2025-07-29T12:00:00Z")


@pytest.mark.parametrize(
    "query", ["", "?encoding=cp1252", "?encoding=latin-1", "?filename=offers.csv.gz"]
)
@pytest.mark.parametrize("filename", [None, "offers.csv", "offers.csv.gz"])
def test_csv_in_json_is_utf_8_and_unpacked(
    service: Service, query: str, filename: str | None
) -> None:
    accepted = service.http.post_json(
        f"/api/import{query}", {"csv": CSV, "filename": filename}
    ).json
    service.work()
    status = service.status(accepted["import_id"])
    assert (status["status"], status["encoding"], status["content_encoding"]) == (
        "succeeded",
        "utf-8",
        None,
    )
    assert service.listings(f"?import_id={status['import_id']}")[0]["region"] == "Zürich"
