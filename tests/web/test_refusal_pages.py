"""Requests that the server refuses before they reach the application: a page for browsers, a
problem document for programs."""

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from glyphd.token_text import new_token
from tests.e2e.processes import PATIENCE_SECONDS, data_in, serving
from tests.http.forms import Part, form
from tests.web.browsing import ACCEPT
from tests.web.test_every_page import POLICY

SENT = form(Part("file", b"model,price_usd,score\n" + b"L4,1,1\n" * 20_000, "offers.csv"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that accepts only small uploads."""
    folder: Path = tmp_path_factory.mktemp("refusing") / "data"
    limits = {"GLYPHD_MAX_UPLOAD_BYTES": "1000", "GLYPHD_TRUSTED_PROXIES": "127.0.0.1"}
    with serving("--no-worker", environment=data_in(folder) | limits) as api:
        yield urlsplit(api.address).netloc


def _asked(address: str, method: str, path: str, **headers: str) -> tuple[HTTPResponse, str]:
    connection = HTTPConnection(address, timeout=PATIENCE_SECONDS)
    body = SENT.body if method == "POST" else None
    usual = {"Content-Type": SENT.content_type} if body else {}
    connection.request(
        method,
        path,
        body,
        usual | {name.replace("_", "-"): value for name, value in headers.items()},
    )
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def test_a_file_that_is_too_large_is_refused_by_a_page(address: str) -> None:
    answer, text = _asked(address, "POST", "/upload", Accept=ACCEPT, X_Request_Id="mine")
    assert (answer.status, answer.headers.get_content_type()) == (413, "text/html")
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "An upload may have at most" in text
    assert "Send a smaller file" in text
    assert "<code>mine</code>" in text


@pytest.mark.parametrize(("prefix", "shown"), [("/gpu", "/gpu"), ("//evil.example", "")])
def test_its_links_are_below_the_prefix_of_the_proxy(address: str, prefix: str, shown: str) -> None:
    _, text = _asked(address, "POST", "/upload", Accept=ACCEPT, X_Forwarded_Prefix=prefix)
    assert f'href="{shown}/listings"' in text
    assert f'href="{shown}/static/' in text
    assert "evil" not in text


def test_without_a_session_a_file_leads_to_the_sign_in(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann write {new_token()}\n")
    environment = data_in(tmp_path / "data") | {
        "GLYPHD_TOKENS_FILE": str(tokens),
        "GLYPHD_TRUSTED_PROXIES": "127.0.0.1",
    }
    with serving("--no-worker", environment=environment) as api:
        for prefix in ("", "/gpu"):
            address = urlsplit(api.address).netloc
            headers = {"Accept": ACCEPT, "X_Forwarded_Prefix": prefix}
            answer, _ = _asked(address, "POST", "/upload", **headers)
            assert answer.status == 303
            assert answer.headers["Location"] == f"{prefix}/login?next=%2Fupload"


def test_another_host_is_refused_by_a_page(address: str) -> None:
    answer, text = _asked(address, "GET", "/listings", Accept=ACCEPT, Host="evil.example")
    assert (answer.status, answer.headers.get_content_type()) == (421, "text/html")
    assert "evil.example is not a name of this service" in text.lower()


@pytest.mark.parametrize(("path", "accept"), [("/upload", "*/*"), ("/api/import", ACCEPT)])
def test_programs_and_the_api_are_answered_in_the_apis_words(
    address: str, path: str, accept: str
) -> None:
    answer, text = _asked(address, "POST", path, Accept=accept)
    assert (answer.status, answer.headers.get_content_type()) == (413, "application/problem+json")
    assert '"code":"too_large"' in text
