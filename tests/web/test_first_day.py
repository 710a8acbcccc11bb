"""A new user's first day without scripts: every step follows a link or sends a form on the previous
page."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from webtest import Form, TestResponse, Upload

from tests.service import Service
from tests.web.browsing import ACCEPT
from tests.web.conftest import SAMPLES, mended

AS_BROWSER = {"Accept": ACCEPT}


def _html(page: TestResponse) -> Any:
    return page.html


def _opened(service: Service, page: TestResponse, text: str) -> TestResponse:
    """The page that the first link with this text leads to."""
    link = _html(page).find("a", string=re.compile(text))
    return service.http.get(link["href"], headers=AS_BROWSER)


def _form(page: TestResponse, action: str) -> Form:
    """The first form with this action, except the one for the moment, which has the action of its
    page."""
    forms = [form for form in page.forms.values() if "as_of" not in form.fields]
    return next(form for form in forms if form.action == action)


def _sent(form: Form) -> TestResponse:
    """The page after sending a form with its second button, or its only one."""
    answer = form.submit(headers=AS_BROWSER)
    return answer.follow(headers=AS_BROWSER) if answer.status_int == 303 else answer


def _imported(service: Service, page: TestResponse, file: tuple[str, bytes]) -> TestResponse:
    """The page of the import of a file, after it has ended."""
    form = _form(page, "/upload")
    form["file"] = [Upload(*file)]
    queued = _sent(form)
    service.work()
    return service.http.get(queued.request.path, headers=AS_BROWSER)


def _text(page: TestResponse) -> str:
    return " ".join(_html(page).get_text(" ").split())


def test_from_the_first_file_to_yesterday(service: Service) -> None:
    # 1. The first file, and the resulting market.
    home = service.http.get("/", headers=AS_BROWSER)
    sample = (SAMPLES / "scored_sample.csv").read_bytes()
    page = _imported(service, home, ("scored_sample.csv", sample))
    assert "24 rows imported." in _text(page)
    # 2. The two best offers of a model, the history of one, and its source row.
    listings = _form(_opened(service, page, "^Listings$"), "/listings")
    listings["q"], listings["min_score"] = "RTX_A6000", "0.8"
    best = _sent(listings)
    rows = _html(best).find("tbody").find_all("tr")
    assert len(rows) == 2
    listing = service.http.get(rows[0].find("a")["href"], headers=AS_BROWSER)
    assert "Over time" in _text(listing)
    assert "verified" in _text(listing)
    assert "RTX_A6000," in _html(listing).find_all("pre")[-1].get_text()
    # 3. A broken file, and its report to correct.
    broken = (SAMPLES / "broken_sample.csv").read_bytes()
    upload = _opened(service, page, "^Upload$")
    failed = _imported(service, upload, ("broken_sample.csv", broken))
    assert "3 errors in 20 rows; nothing was written." in _text(failed)
    fixed = mended(_opened(service, failed, "The file to fix").text)
    again = _opened(service, failed, "Send the fixed file")
    page = _imported(service, again, ("fixed.csv", fixed.encode()))
    assert "20 rows imported." in _text(page)
    # 4. Rolled back, and restored.
    preview = _opened(service, page, "Roll back …")
    form = _form(preview, f"{page.request.path}/rollback")
    form["reason"] = "it was only a try"
    _sent(form)
    service.work()
    page = service.http.get(page.request.path, headers=AS_BROWSER)
    assert "it was only a try" in _text(page)
    assert _html(page).find(class_="standing").find(class_="status").get_text() == "rolled back"
    preview = _opened(service, page, "Restore …")
    _sent(_form(preview, f"{page.request.path}/restore"))
    service.work()
    page = service.http.get(page.request.path, headers=AS_BROWSER)
    assert _html(page).find(class_="standing").find(class_="status").get_text() == "succeeded"
    # 5. Yesterday, when there was no data.
    home = service.http.get("/", headers=AS_BROWSER)
    (moment,) = (form for form in home.forms.values() if "as_of" in form.fields)
    moment["as_of"] = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert "There were no current offers." in _text(_sent(moment))
