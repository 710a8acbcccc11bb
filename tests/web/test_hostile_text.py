"""Whatever a file or an address contains is shown as text on every page."""

import csv
import io
import re
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import assume, given, strategies as st

from glyphd.web.wording import visible
from tests.examples import examples
from tests.http.forms import Part, form
from tests.service import Service
from tests.web.browsing import Browser

FRAGMENTS = [
    "<script>alert(1)</script>", "</td></table><h1>", '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }}", "{% raw %}", "&lt;b&gt;", "&#x3c;script>", "javascript:alert(1)", "-->", "<!--",
    "]]>", "</title>",
    "\u202egnp.exe", "\u0645\u0631\u062d\u0628\u0627", "\x07\x1b[31m", "\u2028", "x" * 150,
    "e\u0301", "\U0001f600",
]  # fmt: skip
COLUMNS = (
    "model",
    "seller",
    "region",
    "condition",
    "source_url",
    "source_type",
    "title",
    "availability",
    "heuristics",
)
HEADER = (*COLUMNS, "price_usd", "score")

texts = st.lists(
    st.one_of(
        st.sampled_from(FRAGMENTS),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    ),
    min_size=1,
    max_size=3,
).map(lambda parts: "".join(parts)[:190])
visible_texts = texts.filter(
    lambda text: re.search(r"\w", text) is not None and not re.match(r'\s*="', text)
)
rows = st.lists(visible_texts, min_size=len(COLUMNS), max_size=len(COLUMNS))


@examples(6)
@given(first=rows, source=visible_texts)
def test_hostile_text_of_a_file_is_text_on_every_page(
    shared_service: Service, first: list[str], source: str
) -> None:
    imports = [_imported(shared_service, first, price, source) for price in (100, 90)]
    # Not refused, for example for a text instead of a number: then it would be on no page.
    assume(all(status["status"] == "succeeded" for status in imports))
    browser = Browser(shared_service)
    (row,) = shared_service.listings(f"?import_id={imports[1]['import_id']}")
    fields = ",".join((*COLUMNS, "source", "extra", "import_id"))
    own = f"import_id={imports[1]['import_id']}"
    for path in (
        "/",
        f"/listings?{own}&fields={fields}",
        f"/listings/{row['listing_id']}",
        (
            f"/models/{quote(row['model'], safe='')}"
            if row["model"].strip("./") == row["model"]
            else "/"
        ),
        "/changes",
        f"/compare?a={imports[0]['import_id']}&b={imports[1]['import_id']}&kind=changed",
        "/imports",
        f"/imports/{imports[1]['import_id']}",
        f"/imports/{imports[1]['import_id']}/rollback",
        "/upload",
        "/status",
    ):
        page = browser.page(path)
        _assert_unharmed(page)
        if own in path:
            shown = " ".join(page.tbody.get_text().split())
            for name in ("model", "seller", "region", "condition", "source_type"):
                if row[name] is not None and len(row[name]) <= 120:
                    assert " ".join(visible(row[name]).split()) in shown, name


@examples(12)
@given(value=texts)
def test_hostile_text_of_an_address_is_text_on_every_page(archive: Service, value: str) -> None:
    browser = Browser(archive)
    for path, name in (
        ("/", "q"),
        ("/", value[:20]),
        ("/listings", "q"),
        ("/listings", "model_contains"),
        ("/listings", "min_price"),
        ("/listings", "fields"),
        ("/listings", "as_of"),
        ("/changes", "region"),
        ("/compare", "a"),
        ("/imports", "source"),
        ("/imports", "cursor"),
        ("/upload", "source"),
        ("/upload", "map"),
        ("/upload", "description"),
        ("/watches", "model"),
        ("/watches", "min_price"),
        ("/status", "as_of"),
    ):
        answer = browser.get(f"{path}?{urlencode({name: value})}", "*")  # type: ignore[arg-type]
        assert answer.status_int in (200, 303, 400)
        if answer.status_int != 303:
            _assert_unharmed(answer.html)
    for path in (
        f"/models/{quote(value, safe='')}",
        f"/listings/{quote(value, safe='')}",
        f"/imports/{quote(value, safe='')}",
        f"/watches/{quote(value, safe='')}",
        f"/{quote(value, safe='')}",
    ):
        answer = browser.get(path, "*")  # type: ignore[arg-type]
        assert answer.status_int in (200, 400, 404)
        if answer.content_type == "text/html":
            _assert_unharmed(answer.html)


@examples(6)
@given(names=st.lists(texts, min_size=4, max_size=4), cell=texts, filename=texts)
def test_hostile_text_of_a_file_that_is_checked_or_refused_is_text(
    shared_service: Service, names: list[str], cell: str, filename: str
) -> None:
    browser = Browser(shared_service)
    for header in (["model", "price_usd", "score", *names], names):
        written = io.StringIO()
        csv.writer(written).writerows([header, *([cell] * len(header) for _ in range(2))])
        name = re.sub(
            r"[^\x20-\x7e]", "", filename
        )  # how a browser quotes other characters is not tested
        sent = form(
            Part("file", written.getvalue().encode(), name.replace('"', "%22")),
            Part("dry_run", b"true"),
        )
        headers = {"Content-Type": sent.content_type, "Accept": "text/html"}
        answer = shared_service.post("/upload", sent.body, headers, "*")  # type: ignore[arg-type]
        assert answer.status_int in (303, 400, 422)
        if answer.status_int == 303:
            shared_service.work()
            _assert_unharmed(browser.page(answer.headers["Location"]))
            _assert_unharmed(browser.page("/imports"))
        else:
            _assert_unharmed(answer.html)


@examples(6)
@given(value=texts)
def test_hostile_text_of_a_form_is_text(shared_service: Service, value: str) -> None:
    import_id = shared_service.upload("model,price_usd,score\nL4,1,1\n", "?dry_run=true").json[
        "import_id"
    ]
    shared_service.work()
    for name in (
        "source",
        "description",
        "encoding",
        "delimiter",
        "column-0",
        "column-99",
        value[:20],
    ):
        fields = {name: value, "dry_run": "true"}
        path = f"/imports/{import_id}/retry"
        answer = shared_service.http.post(path, fields, {"Accept": "text/html"}, status="*")
        assert answer.status_int in (303, 400, 422), name
        shared_service.work()
        shown = (
            Browser(shared_service).page(answer.headers["Location"])
            if answer.status_int == 303
            else answer.html
        )
        _assert_unharmed(shown)


@examples(6)
@given(reason=texts)
def test_hostile_text_of_a_reason_is_text(shared_service: Service, reason: str) -> None:
    import_id = shared_service.import_csv("model,price_usd,score\nL4,1,1\n")["import_id"]
    for kind in ("rollback", "restore"):
        fields = {"reason": reason}
        shared_service.http.post(
            f"/imports/{import_id}/{kind}", fields, {"Accept": "text/html"}, status=303
        )
        shared_service.work()
        _assert_unharmed(Browser(shared_service).page(f"/imports/{import_id}"))


def _assert_unharmed(page: Any) -> None:
    """The page has only the elements and attributes of its template."""
    assert len(page.find_all("script")) == 1
    assert len(page.find_all("h1")) == 1
    assert len(page.find_all("title", recursive=True)) == 1 + len(page.select("svg title"))
    assert all(image["src"].startswith("/static/") for image in page.find_all("img"))
    assert not [
        name for element in page.find_all(True) for name in element.attrs if name.startswith("on")
    ]
    assert not [
        link
        for link in page.find_all("a", href=True)
        if link["href"].lower().startswith(("javascript:", "data:"))
    ]
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", page.get_text())


def _imported(service: Service, texts: list[str], price: int, source: str) -> dict[str, Any]:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([*HEADER, "<b>other</b>"])
    writer.writerow([*texts, price, 0.5, texts[0]])
    named = urlencode({"source": source[:100], "filename": "<i>.csv", "description": texts[0]})
    sent: Any = written.getvalue().encode()  # webtest accepts bytes, its type hints do not
    answer = service.http.post(
        f"/api/import?{named}", sent, {"Content-Type": "text/csv"}, expect_errors=True
    )
    if answer.status_int != 202:
        return {"status": "refused"}
    service.work()
    return service.status(answer.json["import_id"])
