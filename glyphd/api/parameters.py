"""Query strings and the Prefer header."""

import re
from typing import TypeVar
from urllib.parse import parse_qsl

from bottle import request
from pydantic import BaseModel

from glyphd.contracts.queries import read_parameters
from glyphd.errors import InvalidRequest, NotSupported

MAX_PARAMETERS = 200
MAX_WAIT_SECONDS = 60
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\"?(?=$|[,;\s])", re.IGNORECASE)
_ASYNC = re.compile(r"(?:^|[,;\s])respond-async(?=$|[,;\s])", re.IGNORECASE)

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def read_query_string(text: str) -> list[tuple[str, str]]:
    """Names and values, decoded as UTF-8. Raises InvalidRequest for anything that isn't."""
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise InvalidRequest("the query is not UTF-8") from None
    except ValueError:
        raise InvalidRequest(f"the query has more than {MAX_PARAMETERS} parameters") from None


def query_pairs() -> list[tuple[str, str]]:
    """The names and values of this request's query."""
    return read_query_string(request.environ.get("QUERY_STRING", ""))


def query(contract: type[AnyModel]) -> AnyModel:
    """This request's query as the contract has it."""
    return read_parameters(contract, query_pairs())


def wait_asked() -> float | None:
    """Seconds the client is ready to wait (`Prefer: wait=N`, at most 60): 0 for `respond-async`, None unasked."""
    prefer = request.get_header("Prefer", "")
    if _ASYNC.search(prefer):
        return 0
    wait = _WAIT.search(prefer)
    return min(int(wait[1]), MAX_WAIT_SECONDS) if wait else None


def refuse_idempotency_key() -> None:
    """A key that were ignored would promise a safe retry that is not there."""
    if request.get_header("Idempotency-Key") is not None:
        raise NotSupported("the Idempotency-Key header is not supported yet", header="Idempotency-Key")
