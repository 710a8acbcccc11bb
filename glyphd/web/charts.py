"""Charts as SVG, drawn on the server: they need no script, can be printed, and take their colours
from the style sheet."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from math import floor, isfinite, log10

from markupsafe import Markup

WIDTH, HEIGHT = 720, 260
RIGHT, TOP, BOTTOM = 20, 16, 38
CHARACTER = 13
"""The width of a character at the style sheet's largest size, which is used on phones."""
BARS, WIDEST_BAR = 44, 24
"""The height of the strip of bars, and the width of one."""
DATE_WIDTH = 10 * CHARACTER
TICKS, DATES = 4, 4
MOST_POINTS = 80
"""The most points of a line: others are left out, but never the first, the last and the
extremes."""

Writer = Callable[[float], str]
"""Formats a value for a chart."""


@dataclass(frozen=True)
class Point:
    """One mark: its time, its value and its tooltip; `kind` is a class of the style sheet."""

    at: datetime
    value: float
    title: str
    link: str | None = None
    kind: str = ""


@dataclass(frozen=True)
class Line:
    """Points in order of time, connected by a line; `kind` is a class of the style sheet."""

    kind: str
    points: Sequence[Point]
    has_marks: bool = True


@dataclass(frozen=True)
class Band:
    """The area between the values of two lines at the same moments."""

    kind: str
    low: Sequence[Point]
    high: Sequence[Point]


@dataclass(frozen=True)
class Picture:
    """What a chart draws. `bars` are counts at the same moments, in a separate strip below the
    lines."""

    lines: Sequence[Line]
    bands: Sequence[Band] = ()
    bars: Sequence[Point] = ()

    def points(self) -> list[Point]:
        """All values on the scale of the lines."""
        found = [point for line in self.lines for point in line.points]
        return found + [point for band in self.bands for point in (*band.low, *band.high)]


@dataclass(frozen=True)
class Scale:
    """The positions of moments and values in the picture."""

    first: datetime
    last: datetime
    lowest: float
    highest: float
    left: float
    bottom: float

    def x(self, at: datetime) -> float:
        span = (self.last - self.first).total_seconds()
        share = (at - self.first).total_seconds() / span if span else 0.5
        return round(self.left + share * (WIDTH - self.left - RIGHT), 1)

    def y(self, value: float) -> float:
        span = self.highest - self.lowest
        share = (value - self.lowest) / span if span else 0.5
        return round(self.bottom - share * (self.bottom - TOP), 1)


def chart(label: str, picture: Picture, *, write: Writer) -> Markup:
    """A picture of lines over time. `label` describes it in a sentence; `write` formats a value."""
    scale = scale_of(picture, write)
    parts = [*_grid(scale, write), *_dates(scale), *_bars(scale, picture.bars)]
    parts += [_band(scale, band) for band in picture.bands]
    for line in picture.lines:
        parts += _line(scale, line)
    # Links inside an image can't be reached by keyboard, so with links it is a group.
    role = "group" if any(point.link for point in picture.points()) else "img"
    opening = Markup('<svg class="chart" viewBox="0 0 {} {}" role="{}" aria-label="{}">')
    return opening.format(WIDTH, HEIGHT, role, label) + Markup("").join(parts) + Markup("</svg>")


def scale_of(picture: Picture, write: Writer) -> Scale:
    """Wide enough for all points, with some space above and below, and for the labels of the
    ticks."""
    points = picture.points()
    values = [point.value for point in points]
    low, high = min(values), max(values)
    air = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    lowest, highest = low - air if low < 0 or low > air else 0.0, high + air
    moments = [point.at for point in points]
    left = 20 + CHARACTER * max(len(write(value)) for value in ticks(lowest, highest))
    bottom = HEIGHT - BOTTOM - (BARS if picture.bars else 0)
    return Scale(min(moments), max(moments), lowest, highest, left, bottom)


def ticks(low: float, high: float) -> list[float]:
    """A few round numbers in a range."""
    rough = (high - low) / TICKS
    if not rough or not isfinite(rough):
        return [low]
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first = -floor(-low / step)
    return [round(count * step, 10) for count in range(first, floor(high / step) + 1)] or [low]


def spread_bar(label: str, prices: Sequence[float]) -> Markup:
    """Lower quartile, median and upper quartile between the lowest and the highest, for a row of a
    table, with a tooltip. `prices` are these five, in ascending order."""
    p25, median, p75 = (round(2 + 100 * share, 1) for share in _shares(prices)[1:-1])
    return Markup(
        '<svg class="spread" viewBox="0 0 104 16" role="img"><title>{}</title>'
        '<line class="rail" x1="2" x2="102" y1="8" y2="8"/>'
        '<line class="range" x1="{}" x2="{}" y1="8" y2="8"/><circle class="median" cx="{}" '
        'cy="8" r="4"/></svg>'
    ).format(label, p25, p75, median)


def sparkline(label: str, points: Sequence[tuple[float, float]]) -> Markup:
    """A line for a row of a table, with a tooltip. A point is a place from 0 to 1 and a value; the
    scale is from the lowest value to the highest."""
    shares = _shares([value for _, value in points])
    places = [
        (round(2 + 100 * place, 1), round(14 - 12 * share, 1))
        for (place, _), share in zip(points, shares, strict=True)
    ]
    last = Markup('<circle class="median" cx="{:g}" cy="{:g}" r="2"/>').format(*places[-1])
    drawn = Markup('<polyline class="line" points="{}"/>').format(_places(places)) + last
    opening = Markup('<svg class="spread" viewBox="0 0 104 16" role="img"><title>{}</title>')
    return opening.format(label) + drawn + Markup("</svg>")


def _shares(values: Sequence[float]) -> list[float]:
    """Where each value is between the lowest (0) and the highest (1)."""
    low, span = min(values), max(values) - min(values)
    return [(value - low) / span if span else 0.5 for value in values]


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most about this many points: the lowest and the highest of each section, and both ends."""
    if len(points) <= most:
        return list(points)
    stretch = -(-len(points) // (most // 2))
    kept = {0, len(points) - 1}
    for start in range(0, len(points), stretch):
        places = range(start, min(start + stretch, len(points)))
        kept |= {
            min(places, key=lambda at: points[at].value),
            max(places, key=lambda at: points[at].value),
        }
    return [points[at] for at in sorted(kept)]


def _grid(scale: Scale, write: Writer) -> Iterable[Markup]:
    for value in ticks(scale.lowest, scale.highest):
        y = scale.y(value)
        line = Markup('<line class="grid" x1="{:g}" x2="{:g}" y1="{:g}" y2="{:g}"/>')
        yield line.format(scale.left - 6, WIDTH - 6, y, y)
        yield Markup('<text class="tick n" x="{:g}" y="{:g}">{}</text>').format(
            scale.left - 12, y + 5, write(value)
        )


def _dates(scale: Scale) -> Iterable[Markup]:
    """A few whole days, evenly spaced, each below a short line."""
    for day in days_between(scale.first.astimezone(UTC).date(), scale.last.astimezone(UTC).date()):
        x = scale.x(
            min(max(datetime(day.year, day.month, day.day, tzinfo=UTC), scale.first), scale.last)
        )
        place = "middle"
        if x < DATE_WIDTH / 2:
            place = "start"
        elif x > WIDTH - DATE_WIDTH / 2:
            place = "end"
        yield Markup('<line class="grid" x1="{0:g}" x2="{0:g}" y1="{1}" y2="{2}"/>').format(
            x, HEIGHT - BOTTOM + 4, HEIGHT - BOTTOM + 10
        )
        at = {"start": scale.left - 6, "middle": x, "end": WIDTH - 6}[place]
        yield Markup('<text class="tick {}" x="{:g}" y="{}">{}</text>').format(
            place, at, HEIGHT - 8, day.isoformat()
        )


def _bars(scale: Scale, points: Sequence[Point]) -> Iterable[Markup]:
    if not points:
        return
    most = max(point.value for point in points)
    middles = [scale.x(point.at) for point in points]
    gaps = [after - before for before, after in pairwise(middles)]
    width = round(max(1.5, min(0.7 * min(gaps, default=WIDEST_BAR), WIDEST_BAR)), 1)
    for point, x in zip(points, middles, strict=True):
        height = round((BARS - 12) * point.value / most, 1)
        bar = Markup('<rect class="bar" x="{:g}" y="{:g}" width="{:g}" height="{:g}"/>')
        yield bar.format(x - width / 2, HEIGHT - BOTTOM - height, width, height)


def days_between(first: date, last: date) -> list[date]:
    """Both ends, and a few days between them, evenly spaced."""
    span = (last - first).days
    steps = min(span, DATES - 1)
    return [
        first,
        *(
            date.fromordinal(first.toordinal() + round(span * step / steps))
            for step in range(1, steps + 1)
        ),
    ]


def _band(scale: Scale, band: Band) -> Markup:
    there = [(scale.x(point.at), scale.y(point.value)) for point in band.high]
    back = [(scale.x(point.at), scale.y(point.value)) for point in reversed(band.low)]
    return Markup('<polygon class="band {}" points="{}"/>').format(band.kind, _places(there + back))


def _line(scale: Scale, line: Line) -> Iterable[Markup]:
    places = [(scale.x(point.at), scale.y(point.value)) for point in line.points]
    yield Markup('<polyline class="line {}" points="{}"/>').format(line.kind, _places(places))
    if not line.has_marks:
        return
    for point, (x, y) in zip(line.points, places, strict=True):
        mark = Markup('<circle class="mark {} {}" cx="{}" cy="{}" r="4"><title>{}</title></circle>')
        drawn = mark.format(line.kind, point.kind, x, y, point.title)
        link = Markup('<a href="{}" aria-label="{}">{}</a>')
        yield drawn if point.link is None else link.format(point.link, point.title, drawn)


def _places(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)
