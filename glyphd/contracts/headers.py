"""Column names: how a file's own names map to the canonical ones."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

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
"""Other names for a canonical column. `canonical_model` is special: beside a `model` column it wins."""

_SEPARATORS = re.compile(r"[\s._-]+")


@dataclass(frozen=True)
class HeaderMap:
    """Where each canonical column stands in a file.

    `names` are the file's own, in order; `positions` maps canonical names to indexes into them; `ignored` are the
    names nobody knows or that yielded to another; `conflicts` say which two names mean one column.
    """

    names: tuple[str, ...]
    positions: dict[str, int]
    ignored: tuple[str, ...]
    conflicts: tuple[str, ...]

    def missing(self, required: Iterable[str]) -> list[str]:
        return [name for name in required if name not in self.positions]


def fold(name: str) -> str:
    """The name without regard to case, spaces, dots, hyphens and underscores."""
    return _SEPARATORS.sub("", name.casefold())


def map_headers(names: Sequence[str], canonical: Sequence[str]) -> HeaderMap:
    """Maps a file's names; never raises: what is wrong stands in `conflicts`."""
    by_fold = {fold(name): name for name in canonical}
    alias_by_fold = {fold(alias): name for alias, name in ALIASES.items()}
    folded = ["" if name.strip().startswith("_") else fold(name) for name in names]
    positions = {by_fold[key]: at for at, key in reversed(list(enumerate(folded))) if key in by_fold}
    conflicts = _repeated(names, folded)
    _prefer_canonical_model(folded, positions)
    by_alias: dict[str, int] = {}
    for at, key in enumerate(folded):
        target = alias_by_fold.get(key)
        if target is None or target in positions:
            continue
        if target in by_alias and key != folded[by_alias[target]]:
            conflicts.append(f"{names[by_alias[target]]!r} and {names[at]!r} both mean {target}")
        by_alias.setdefault(target, at)
    positions |= by_alias
    used = set(positions.values())
    ignored = tuple(name for at, name in enumerate(names) if at not in used)
    return HeaderMap(tuple(names), positions, ignored, tuple(conflicts))


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that looks most like the name, or None when nothing does."""
    by_fold = {fold(candidate): candidate for candidate in candidates}
    near = get_close_matches(fold(name), by_fold, n=1, cutoff=0.6)
    return by_fold[near[0]] if near else None


def _repeated(names: Sequence[str], folded: Sequence[str]) -> list[str]:
    """In one pass: what calls itself a header may have ten thousand names, each of them twice."""
    given: dict[str, list[str]] = {}
    for name, key in zip(names, folded, strict=True):
        if key:
            given.setdefault(key, []).append(name)
    return [" and ".join(map(repr, same)) for same in given.values() if len(same) > 1]


def _prefer_canonical_model(folded: Sequence[str], positions: dict[str, int]) -> None:
    """Beside `canonical_model` the raw `model` is what the seller called it: the title, unless there is one."""
    special = fold("canonical_model")
    if special in folded and "model" in positions:
        raw = positions["model"]
        positions["model"] = folded.index(special)
        positions.setdefault("title", raw)
