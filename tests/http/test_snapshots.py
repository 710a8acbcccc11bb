"""A whole list shows a single state, the one that its entity tag names."""

from collections.abc import Iterator
from threading import Thread

import pytest

from glyphd.api.answer_files import Write
from glyphd.api.kept_results import HeldFile, KeptResults
from glyphd.settings import Settings
from tests.service import Service, offers
from tests.spoiling import open_ledger

LATER = offers("T4,500,0.4,USA,Acme,2025-03-01")


@pytest.fixture
def on_either(database_settings: Settings) -> Iterator[Service]:
    for service in open_ledger(database_settings):
        service.import_csv(offers("L4,2400,0.7,USA,Acme,2025-01-01"))
        yield service


@pytest.mark.parametrize("path", ["/api/listings", "/api/models"])
def test_what_is_committed_meanwhile_is_in_the_next_one(
    on_either: Service, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    opened = KeptResults.open

    def import_first(results: KeptResults, tag: str, write: Write) -> HeldFile:
        importing = Thread(target=on_either.import_csv, args=(LATER,))
        importing.start()
        importing.join()
        return opened(results, tag, write)

    with monkeypatch.context() as patch:
        patch.setattr(KeptResults, "open", import_first)
        first = on_either.http.get(path)
    second = on_either.http.get(path)
    assert [len(answer.json) for answer in (first, second)] == [1, 2]
    assert first.headers["ETag"] != second.headers["ETag"]
