"""Column names: how a file's own names map to the canonical ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from unicodedata import normalize

from glyphd.contracts.texts import INVISIBLE

ALIASES = {
    "canonical_model": "model",
    "price": "price_usd",
    "final_score": "score",
    "geographic_region": "region",
    "mig_support": "mig_capable",
    "tdp_w": "tdp_watts",
    "slots": "slot_width",
    "listing_source": "seller",
}
"""Other names for a canonical column."""

PREFERRED = {"canonical_model": "model", "final_score": "score"}
"""Aliases that take precedence if a file also has the canonical name: the pipeline adds them
later."""

_LEFT_OUT = "_"
"""Columns whose name begins with this are left out, unless they are chosen."""
_IGNORED_CHARACTERS = re.compile(rf"[\s._\-{INVISIBLE}]+")
_NEAR = 0.6
_NEARLY_THE_SAME = 0.8
_MOST_LETTERS_MORE = 2
MOST_COMPARED = 100
"""How many unknown names are compared with the known ones: each comparison is slow, and a header
may have thousands."""


@dataclass(frozen=True)
class HeaderMap:
    """Where each canonical column is in a file.

    `names` are the file's own, in order; `positions` maps canonical names to indexes into them;
    `unknown` are the indexes of unknown names; `ignored` are these names, and those that another
    one replaces or that were left out; `conflicts` are pairs of names for one column; `beside` are
    the preferred aliases that replaced a canonical name.
    """

    names: tuple[str, ...]
    positions: dict[str, int]
    unknown: tuple[int, ...] = ()
    ignored: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def missing(self, required: Iterable[str]) -> list[str]:
        return [name for name in required if name not in self.positions]


def fold(name: str) -> str:
    """The name, ignoring case, spaces, dots, hyphens, underscores and invisible characters."""
    if not name.isascii():
        name = normalize("NFC", name)
    return _IGNORED_CHARACTERS.sub("", name.casefold())


def name_key(name: str) -> str:
    """What two of a file's names have in common if they mean the same column. A name that begins
    with `_` equals only such names, never one of ours."""
    return f"{_LEFT_OUT}{fold(name)}" if name.strip().startswith(_LEFT_OUT) else fold(name)


_folded = cache(fold)
"""Caches only our own names, because files can bring any number of others."""


def canonical_name(name: str, canonical: Iterable[str]) -> str | None:
    """The canonical column for a name or an alias."""
    known = {fold(alias): target for alias, target in ALIASES.items()} | {
        fold(known): known for known in canonical
    }
    return known.get(fold(name))


def map_headers(
    names: Sequence[str], canonical: Sequence[str], chosen: Mapping[str, str | None] | None = None
) -> HeaderMap:
    """Maps a file's names.

    It never raises: errors are in `conflicts`. `chosen` maps some names to a column, regardless of
    what they are called, or to None to leave the column out.
    """
    # 1. Repeated names.
    chosen = chosen or {}
    folded = [name_key(name) for name in names]
    wanted = {name_key(name): target for name, target in chosen.items()}
    conflicts = _repeated(
        names, [key if key in wanted or not key.startswith(_LEFT_OUT) else "" for key in folded]
    )
    # 2. Chosen columns.
    first = {key: at for at, key in reversed(list(enumerate(folded)))}
    settled = {first[key]: target for key, target in wanted.items() if key in first}
    positions = {target: at for at, target in settled.items() if target is not None}
    # 3. Canonical names, unless a preferred alias replaces one.
    free = {key: at for at, key in reversed(list(enumerate(folded))) if key and at not in settled}
    for name in canonical:
        if _folded(name) in free:
            positions.setdefault(name, free[_folded(name)])
    beside = _prefer(free, positions, frozenset(chosen.values()))
    # 4. Other aliases, in the order of the file.
    aliases = {alias: target for alias, target in ALIASES.items() if target in canonical}
    found = sorted(
        (free[_folded(alias)], to) for alias, to in aliases.items() if _folded(alias) in free
    )
    conflicts += _add_aliases(positions, found, names)
    # 5. Unknown columns.
    used = {*positions.values()}
    known = {*map(_folded, (*canonical, *aliases)), ""}
    taken = used | settled.keys()
    others = ((at, key) for at, key in enumerate(folded) if at not in taken and key not in known)
    return HeaderMap(
        names=tuple(names),
        positions=positions,
        unknown=tuple(at for at, key in others if not key.startswith(_LEFT_OUT)),
        ignored=tuple(name for at, name in enumerate(names) if at not in used),
        conflicts=tuple(conflicts),
        beside=beside,
    )


def _add_aliases(
    positions: dict[str, int], found: Sequence[tuple[int, str]], names: Sequence[str]
) -> list[str]:
    """Adds the columns that aliases mean and that have no position yet; returns the conflicts
    between two aliases of one column."""
    added: dict[str, int] = {}
    conflicts = []
    for at, target in found:
        if target in added:
            conflicts.append(f"{names[added[target]]!r} and {names[at]!r} both mean {target}")
        elif target not in positions:
            added[target] = at
    positions |= added
    return conflicts


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is most similar to the name, or None if none is similar."""
    return _closest(name, candidates, _NEAR)


def nearly_known(header: HeaderMap, canonical: Sequence[str]) -> dict[str, str]:
    """Unknown names of a file that are similar to a missing column, each with that column's
    name."""
    lacking = [name for name in canonical if name not in header.positions]
    aliases = [alias for alias, target in ALIASES.items() if target in lacking]
    unknown = [header.names[at] for at in header.unknown[:MOST_COMPARED]]
    found = {name: _closest(name, [*lacking, *aliases], _NEARLY_THE_SAME) for name in unknown}
    return {
        name: near
        for name, near in found.items()
        if near is not None and abs(len(fold(name)) - len(fold(near))) <= _MOST_LETTERS_MORE
    }


def _closest(name: str, candidates: Iterable[str], cutoff: float) -> str | None:
    by_fold = {fold(candidate): candidate for candidate in candidates}
    near = get_close_matches(fold(name), by_fold, n=1, cutoff=cutoff)
    return by_fold[near[0]] if near else None


def _repeated(names: Sequence[str], folded: Sequence[str]) -> list[str]:
    """In one pass: a malformed header may have ten thousand names, each of them twice."""
    given: dict[str, list[str]] = {}
    for name, key in zip(names, folded, strict=True):
        if key:
            given.setdefault(key, []).append(name)
    return [" and ".join(map(repr, same)) for same in given.values() if len(same) > 1]


def _prefer(
    free: Mapping[str, int], positions: dict[str, int], chosen: frozenset[str | None]
) -> tuple[str, ...]:
    """Uses the preferred alias for a column. The original model is then the seller's name for it,
    which becomes the title unless there is one."""
    displaced: list[str] = []
    for alias, target in PREFERRED.items():
        if _folded(alias) not in free or target not in positions or target in chosen:
            continue
        displaced.append(alias)
        raw = positions[target]
        positions[target] = free[_folded(alias)]
        if target == "model":
            positions.setdefault("title", raw)
    return tuple(displaced)
