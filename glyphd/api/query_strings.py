"""Query strings and the Idempotency-Key header."""

import re
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl

from bottle import request
from pydantic import BaseModel

from glyphd.api.request_headers import header
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.request_errors import InvalidIdempotencyKey, InvalidParameter, InvalidRequest

MAX_PARAMETERS = 200
_KEPT_QUERIES = 1024
_MOST_KEPT_CHARACTERS = 1024
"""The longest query string that is cached: a client that polls sends the same query repeatedly.
Parsing is about a fifth of the cost of an unchanged answer."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

AnyModel = TypeVar("AnyModel", bound=BaseModel)
Pairs = tuple[tuple[str, str], ...]


def read_query_string(text: str) -> list[tuple[str, str]]:
    """Names and values, decoded as UTF-8. Raises InvalidRequest for an invalid query."""
    try:
        return parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except UnicodeDecodeError:
        raise InvalidRequest("the query is not UTF-8") from None
    except ValueError:
        raise InvalidRequest(f"the query has more than {MAX_PARAMETERS} parameters") from None


def query_pairs() -> Pairs:
    """The names and values of this request's query."""
    text = _query_string()
    return _kept_pairs(text) if len(text) <= _MOST_KEPT_CHARACTERS else _parsed(text)


def query(contract: type[AnyModel]) -> AnyModel:
    """This request's query as a contract. Its values are shared with other requests."""
    text = _query_string()
    if len(text) > _MOST_KEPT_CHARACTERS:
        return read_parameters(contract, _parsed(text))
    found: AnyModel = _kept_query(contract, text)
    return found


def _query_string() -> str:
    text: str = request.environ.get("QUERY_STRING", "")
    return text


def _parsed(text: str) -> Pairs:
    return tuple(read_query_string(text))


_kept_pairs = lru_cache(_KEPT_QUERIES)(_parsed)


@lru_cache(_KEPT_QUERIES)
def _kept_query(contract: type[AnyModel], text: str) -> AnyModel:
    return read_parameters(contract, _kept_pairs(text))


def require_limit(limit: int | None, cursor: str | None) -> None:
    """Raises InvalidParameter for a cursor without a limit."""
    if cursor is not None and limit is None:
        raise InvalidParameter("cursor needs limit", parameter="cursor")


def idempotency_key() -> str | None:
    """This request's Idempotency-Key. Raises InvalidIdempotencyKey for one that can't be kept."""
    if "HTTP_IDEMPOTENCY_KEY" not in request.environ:
        return None
    key = header("Idempotency-Key")
    if not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey("an Idempotency-Key has 1 to 255 visible ASCII characters")
    return key
