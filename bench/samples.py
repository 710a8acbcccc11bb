"""What was measured, and whether it is good enough: samples, limits and results."""

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles

_HOLDS = {"≤": operator.le, "<": operator.lt, "≥": operator.ge}


@dataclass(frozen=True)
class Sample:
    """The values of one measurement, round by round."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        return median(self.values)

    def __str__(self) -> str:
        """The median, then the lowest and the highest value."""
        if len(self.values) == 1:
            return f"{_figure(self.median)} {self.unit}"
        return (
            f"{_figure(self.median)} {self.unit} "
            f"({_figure(min(self.values))}–{_figure(max(self.values))})"
        )


@dataclass(frozen=True)
class Limit:
    """The limit of a ratio: `≤`, `<` or `≥` a value."""

    sign: str
    value: float

    def holds(self, ratio: float) -> bool:
        return bool(_HOLDS[self.sign](ratio, self.value))

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}"


@dataclass(frozen=True)
class Result:
    """One row of a table: glyphd's sample, the peer's, and the limit of their ratio, if there is
    one."""

    what: str
    glyphd: Sample
    against: str
    peer: Sample
    limit: Limit | None = None

    @property
    def ratio(self) -> float:
        """glyphd's median divided by the peer's."""
        return self.glyphd.median / self.peer.median

    @property
    def ok(self) -> bool:
        return self.limit is None or self.limit.holds(self.ratio)

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "ok" if self.ok else "MISSED"


def at_most(value: float) -> Limit:
    return Limit("≤", value)


def below(value: float) -> Limit:
    return Limit("<", value)


def at_least(value: float) -> Limit:
    return Limit("≥", value)


def seconds(values: Iterable[float]) -> Sample:
    return Sample(tuple(values), "s")


def milliseconds(values: Iterable[float]) -> Sample:
    """A sample in milliseconds, from values in seconds."""
    return Sample(tuple(1000 * value for value in values), "ms")


def mebibytes(*values: float) -> Sample:
    return Sample(values, "MiB")


def per_second(values: Iterable[float], of: str) -> Sample:
    return Sample(tuple(values), f"{of}/s")


def percentile(values: Iterable[float], percent: int) -> float:
    """A percentile of at least two values."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def spaced(count: int) -> str:
    """The number with spaces between thousands: 1 000 000."""
    return f"{count:,}".replace(",", " ")


def _figure(value: float) -> str:
    """Three significant digits; from 100 on, a whole number."""
    return spaced(round(value)) if abs(value) >= 100 else f"{value:.3g}"
