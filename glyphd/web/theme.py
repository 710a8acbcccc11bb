"""Turns templates into answers: one environment, the policy of every page, and 304 for unchanged
pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bottle import HTTPResponse, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from glyphd.api.answers import answer_bytes, media_types, require_changed
from glyphd.api.needs import CHANGE_ITS_IMPORTS, Need
from glyphd.api.own_addresses import own_address, own_origin, own_prefix
from glyphd.api.query_strings import query_pairs
from glyphd.api.request_headers import header
from glyphd.api.visitors import Visitor, shown_visitor
from glyphd.listings.parquet import is_installed
from glyphd.web import import_wording
from glyphd.web.addresses import Address, Pairs, address
from glyphd.web.assets import Assets
from glyphd.web.wording import FILTERS, is_numeric_column, picker_value, visible

HTML = "text/html; charset=utf-8"
MOST_PAGE_BYTES = 100_000
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content_Security_Policy": POLICY,
    "Referrer_Policy": "same-origin",
    "Cross_Origin_Opener_Policy": "same-origin",
    "Vary": "Accept, Accept-Encoding",
}
Headers = dict[str, str]


@dataclass(frozen=True)
class Entry:
    """An entry of the navigation."""

    path: str
    title: str


NAVIGATION = (
    Entry("/", "Market"),
    Entry("/listings", "Listings"),
    Entry("/changes", "Changes"),
    Entry("/compare", "Compare"),
    Entry("/watches", "Watches"),
    Entry("/imports", "Imports"),
    Entry("/upload", "Upload"),
    Entry("/status", "Status"),
    Entry("/docs", "API"),
)


_FORMATS = {"csv": "CSV", "json": "JSON", "ndjson": "NDJSON"}
_PARQUET = {"parquet": "Parquet"}

_CURL_WITH_TOKEN = 'curl -H "Authorization: Bearer $TOKEN"'


class Theme:
    """Renders pages. `needs` are the existing screens with the scopes that they need; no page links
    to other screens."""

    def __init__(self, assets: Assets) -> None:
        self.needs: Mapping[str, Need] = {}
        self._assets = assets
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=visible,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= FILTERS | import_wording.FILTERS
        self._templates.tests["numeric_column"] = is_numeric_column
        self._templates.tests["choosable"] = import_wording.is_choosable
        self._templates.globals |= {
            "asset": assets.path,
            "picker_value": picker_value,
            "data_formats": _FORMATS | (_PARQUET if is_installed() else {}),
        }

    def has(self, who: Visitor, path: str) -> bool:
        """Whether the visitor may see this screen."""
        return path in self.needs and who.may(self.needs[path])

    def require_changed(self, *version: Any) -> Headers:
        """The headers of this page in this version of its data. Raises 304 if the client already
        has it."""
        try:
            who = shown_visitor()
            reader = (who.name, who.scope, who.source)
            return require_changed("page", self._assets.version, reader, *version)
        except HTTPResponse as unchanged:
            raise _dress(unchanged) from None

    def fitted(
        self,
        template: str,
        values: Callable[[int], dict[str, Any]],
        limit: int,
        headers: Headers | None = None,
    ) -> HTTPResponse:
        """A page of at most `limit` rows, or fewer if long texts would make it too large.

        `values` returns the template's values for a number of rows."""
        body = self.render(template, values(limit))
        while (size := len(body.encode())) > MOST_PAGE_BYTES and limit > 1:
            limit = max(1, min(limit - 1, int(0.9 * limit * MOST_PAGE_BYTES / size)))
            body = self.render(template, values(limit))
        return self._answer(body, headers)

    def page(
        self,
        template: str,
        values: dict[str, Any],
        headers: Headers | None = None,
        status: int = 200,
    ) -> HTTPResponse:
        """A page. If no tag is given, its tag is computed from its text."""
        body = self.render(template, values)
        if status == 200:
            return self._answer(body, headers)
        return _dress(answer_bytes(body.encode(), HTML, status, Cache_Control="no-store"))

    def _answer(self, body: str, headers: Headers | None) -> HTTPResponse:
        headers = headers or self.require_changed(body)
        return _dress(answer_bytes(body.encode(), HTML, **headers))

    def render(self, template: str, values: dict[str, Any]) -> str:
        who = values.get("who") or shown_visitor()
        shown = {
            "who": who,
            "has": partial(self.has, who),
            "may_change": who.may(CHANGE_ITS_IMPORTS),
            "navigation": [entry for entry in NAVIGATION if self.has(who, entry.path)],
            "at": values.get("at") or here(),
            "curl": "curl" if who.name is None else _CURL_WITH_TOKEN,
        }
        return self._templates.get_template(template).render(**values | shown)


def here() -> Address:
    """The current address; a query that can't be parsed is ignored."""
    filled = [(name, value) for name, value in query_pairs() if value.strip()]
    return Address(request.path, filled, own_origin(), own_prefix())


def moved_to(path: str, pairs: Pairs) -> HTTPResponse:
    """Redirects to a path of this service, for saving and sharing. It must be quoted already."""
    return to_address(address(own_address(path), pairs))


def to_address(location: str) -> HTTPResponse:
    """Redirects to an address that a GET can follow."""
    return HTTPResponse("", 303, {"Location": location})


def wants_page() -> bool:
    """Whether the request asks for HTML, as browsers do and programs don't."""
    return accepts_html(header("Accept"))


def accepts_html(accept: str) -> bool:
    return "text/html" in media_types(accept)


def _dress(answer: HTTPResponse) -> HTTPResponse:
    for name, value in HEADERS.items():
        answer.set_header(name.replace("_", "-"), value)
    return answer
