"""The matches of a watch as an Atom feed (RFC 4287)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid5
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from bottle import HTTPResponse

from glyphd.api.answers import answer_bytes, require_changed
from glyphd.api.own_addresses import own_address, own_origin
from glyphd.db.watch_models import Watch

ATOM = "application/atom+xml"
_NAMESPACE = "http://www.w3.org/2005/Atom"
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

register_namespace("", _NAMESPACE)


def answer_feed(watch: Watch, path: str, matches: Iterable[Mapping[str, Any]]) -> HTTPResponse:
    """The feed at this path, an entry for each match. Raises 304 if the client already has it."""
    rows = [dict(match) for match in matches]
    headers = require_changed(watch.name, rows)
    feed = Element(_named("feed"))
    _add(feed, "id", f"urn:uuid:{watch.id}")
    _add(feed, "title", watch.name)
    _add(feed, "updated", rows[0]["matched_at"] if rows else watch.created_at)
    _add(SubElement(feed, _named("author")), "name", "glyphd")
    _link(feed, "self", path, ATOM)
    _link(feed, "alternate", f"/watches/{watch.id}", "text/html")
    for row in rows:
        _add_entry(feed, watch, row)
    body = tostring(feed, encoding="utf-8", xml_declaration=True)
    return answer_bytes(body, f"{ATOM}; charset=utf-8", **headers)


def _add_entry(feed: Element, watch: Watch, match: Mapping[str, Any]) -> None:
    """Its id is the same in every answer, and in no other feed."""
    entry = SubElement(feed, _named("entry"))
    name = f"{match['event_id']}/{match['listing_id']}"
    _add(entry, "id", f"urn:uuid:{uuid5(UUID(watch.id), name)}")
    _add(entry, "title", _headline(match))
    _add(entry, "updated", match["matched_at"])
    _link(entry, "alternate", f"/listings/{match['listing_id']}", "text/html")
    _add(entry, "summary", _summary(match))


def _headline(match: Mapping[str, Any]) -> str:
    shown = f"{match['model']}: ${match['price_usd']:,.2f}"
    if match["price_delta_pct"]:
        shown += f" ({match['price_delta_pct']:+.1f} %)"
    return shown


def _summary(match: Mapping[str, Any]) -> str:
    """The offer in one line, without values that are unknown."""
    before = match["previous_price_usd"]
    parts = [
        match["condition"],
        match["seller"],
        match["region"],
        f"seen {match['seen_at']}",
        None if before is None else f"before ${before:,.2f}",
        match["source_url"],
    ]
    return " · ".join(str(part) for part in parts if part is not None)


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, _named(name)).text = _NOT_IN_XML.sub("", text)


def _link(parent: Element, relation: str, path: str, kind: str) -> None:
    address = own_origin() + own_address(path)
    SubElement(parent, _named("link"), rel=relation, href=address, type=kind)


def _named(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"
