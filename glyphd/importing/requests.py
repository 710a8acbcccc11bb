"""A request for an import, and its sender."""

from dataclasses import asdict, dataclass

from glyphd.contracts.import_options import ImportOptions


@dataclass(frozen=True)
class Caller:
    """The sender of a request, as far as known: the address, and the User-Agent. Stored with the
    job, but never trusted."""

    client: str | None
    user_agent: str | None

    def columns(self) -> dict[str, str | None]:
        """Its columns in the job's row."""
        return asdict(self)


@dataclass(frozen=True)
class Asked:
    """The options of an import, the idempotency key of its request, and its sender."""

    options: ImportOptions
    key: str | None
    caller: Caller
