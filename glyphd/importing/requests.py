"""What a request asks of an import, and who asks."""

from dataclasses import asdict, dataclass

from glyphd.contracts.import_options import ImportOptions


@dataclass(frozen=True)
class Caller:
    """Who asked, as far as is known: the address, and the User-Agent. Kept with the job; never
    trusted."""

    client: str | None
    user_agent: str | None

    def columns(self) -> dict[str, str | None]:
        """What the job's row keeps of it."""
        return asdict(self)


@dataclass(frozen=True)
class Asked:
    """The options of an import, the key that makes its request repeatable, and who asks for it."""

    options: ImportOptions
    key: str | None
    caller: Caller
