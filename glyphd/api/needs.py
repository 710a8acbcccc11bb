"""What each route needs from its visitors: a scope, and what it allows for a token that is bound to
one source."""

from dataclasses import dataclass
from enum import Enum

from glyphd.tokens.grants import Scope


class Bound(Enum):
    """What a token that is bound to a source may do."""

    NOTHING = "refused"
    ALL = "what any other token may"
    AS_ITS_SOURCE = "only for its source; the route itself sees to that"
    ITS_IMPORTS = "only with imports of its source"


@dataclass(frozen=True)
class Need:
    """The scope that is needed; None if no token is needed. `shows_more`: without a token, some of
    the answer is left out."""

    scope: Scope | None
    bound: Bound = Bound.NOTHING
    shows_more: bool = False


OPEN = Need(None, Bound.ALL)
OPEN_WITH_MORE = Need(None, Bound.ALL, shows_more=True)
READ = Need(Scope.READ)
READ_BY_ALL = Need(Scope.READ, Bound.ALL)
READ_ITS_SOURCE = Need(Scope.READ, Bound.AS_ITS_SOURCE)
READ_ITS_IMPORTS = Need(Scope.READ, Bound.ITS_IMPORTS)
SEND = Need(Scope.WRITE, Bound.AS_ITS_SOURCE)
CHANGE_ITS_IMPORTS = Need(Scope.WRITE, Bound.ITS_IMPORTS)
WRITE = Need(Scope.WRITE)
ADMIN = Need(Scope.ADMIN)
