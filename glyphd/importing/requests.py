"""A request for an import, and its sender."""

from dataclasses import dataclass

from glyphd.contracts.import_options import ImportOptions


@dataclass(frozen=True)
class Caller:
    """The sender of a request, as far as it is known. The job's row has columns of these names.

    Address and User-Agent are never trusted; `created_by` is the name of a token that was checked,
    `traceparent` the trace that the request belongs to.
    """

    client: str | None
    user_agent: str | None
    created_by: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True)
class Asked:
    """The options of an import, the idempotency key of its request, and its sender."""

    options: ImportOptions
    key: str | None
    caller: Caller
