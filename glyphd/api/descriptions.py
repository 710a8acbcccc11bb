"""How a route describes itself: what it takes and what it answers.

The description is in the route's module; the OpenAPI document and the reference are made from it.
What follows from the parts of a description, such as the problem of a bad cursor where there are
pages, is not repeated in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pydantic import BaseModel

from glyphd.contracts.list_columns import rows_schema
from glyphd.contracts.queries import NoParameters
from glyphd.errors import (
    DatabaseDamaged,
    GlyphdError,
    NotReady,
    SchemaError,
    StorageFull,
    UploadsUnavailable,
)
from glyphd.importing.job_options import NDJSON
from glyphd.listings.parquet import CONTENT_TYPE as PARQUET

DATABASE_PROBLEMS = (DatabaseDamaged, NotReady, SchemaError, StorageFull)
"""Problems of every route that reads a database."""

UPLOAD_PROBLEMS = (*DATABASE_PROBLEMS, UploadsUnavailable)
"""Problems of every route that also stores or reads an upload."""

JSON, CSV = "application/json", "text/csv"


@dataclass(frozen=True)
class Named:
    """A JSON Schema that the document names; it is made when the document is."""

    name: str
    make: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Many:
    """A JSON array of these."""

    of: "Kind"


@dataclass(frozen=True)
class AnyOf:
    """One of several, depending on the request."""

    kinds: "tuple[Kind, ...]"


@dataclass(frozen=True)
class FormFields:
    """Parameters as the fields of a body, beside a file if there is one."""

    name: str
    contract: type[BaseModel]
    has_file: bool = False


Kind = type | Named | Many | AnyOf | FormFields | Mapping[str, Any]
"""What a content is: a contract, a JSON Schema with a name or without one, an array, a form,
one of several."""

TEXT: Mapping[str, Any] = {"type": "string"}
BYTES: Mapping[str, Any] = {"type": "string", "format": "binary"}


@dataclass(frozen=True)
class Content:
    """A body in one media type."""

    media_type: str
    kind: Kind
    example: Any = None


@dataclass(frozen=True)
class Answer:
    """One answer that is not a problem. `headers` are those that only some answers have;
    `in_parts`: a client may request some of its bytes."""

    status: int
    summary: str
    contents: tuple[Content, ...]
    headers: tuple[str, ...] = ()
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    in_parts: bool = False


@dataclass(frozen=True)
class RequestBody:
    """What a request may send."""

    contents: tuple[Content, ...]
    required: bool = True


@dataclass(frozen=True)
class Failure:
    """A problem without an exception class in glyphd."""

    status: int
    code: str
    title: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """What a route takes and answers. `operation` names it in programs, `group` in the reference.

    `columns` are those that the parameter `fields` may name; `headers` are those of the request.
    """

    operation: str
    group: str
    summary: str
    answers: tuple[Answer, ...]
    detail: str
    query: type[BaseModel] = NoParameters
    columns: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: RequestBody | None = None
    problems: tuple[type[GlyphdError] | Failure, ...] = ()

    def also(self, operation: str, path: str) -> "About":
        """The same for a second path to the same thing."""
        return replace(self, operation=operation, detail=f"The same as `{path}`. {self.detail}")


def rows(name: str, columns: tuple[str, ...], *, chosen: bool = False) -> Named:
    """The rows of a list by the names of its columns; `chosen`: a client may choose some."""
    return Named(name, partial(rows_schema, columns, chosen=chosen))


def json_answer(
    kind: Kind, summary: str, *headers: str, status: int = 200, example: Any = None
) -> Answer:
    """An answer that is JSON and nothing else."""
    return Answer(status, summary, (Content(JSON, kind, example),), headers)


def list_answer(
    row: Kind, summary: str, *headers: str, example: Any = None, csv_example: str | None = None
) -> Answer:
    """A list, whose whole result can be requested in parts."""
    contents = (Content(JSON, Many(row), example), *table_contents(csv_example))
    return Answer(200, summary, contents, ("ETag", *headers), in_parts=True)


def page_answer(row: Kind, summary: str, *headers: str) -> Answer:
    """A list that comes in pages only."""
    return replace(list_answer(row, summary, *headers), in_parts=False)


def table_contents(csv_example: str | None = None) -> tuple[Content, ...]:
    """A list in the formats that it has besides JSON."""
    return (Content(CSV, TEXT, csv_example), Content(NDJSON, TEXT), Content(PARQUET, BYTES))
