"""How prices are spread: bins with round edges, drawn on the server."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

from glyphd.listings.quantiles import quantile_of
from glyphd.web.charts import WIDTH, Writer
from glyphd.web.wording import counted

HEIGHT, LEFT, TOP, BOTTOM = 190, 16, 36, 34
MOST_BINS = 14
"""The most bins; their edges are round numbers, so there may be fewer."""
_FENCE = 1.5
"""Prices whose distance from the middle half is more than this many times its width are in the
outer bins."""
_LEAST_SPAN, _MOST_SPAN = 1e-9, 1e15
"""The smallest width, relative to the highest price: edges that are too close would be equal."""
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0)
_EDGE_LABELS = 5


@dataclass(frozen=True)
class Bin:
    """The prices from one edge, inclusive, to the next, exclusive; `lowest` and `highest` are the
    extremes among them. The first and the last bin also contain the prices beyond the edges."""

    start: float
    end: float
    count: int
    lowest: float
    highest: float


def bins_of(prices: Sequence[float]) -> list[Bin]:
    """The bins of sorted prices, including empty ones; none if all prices are equal, or differ too
    little for a chart."""
    if not prices or prices[0] == prices[-1]:
        return []
    low, high = _fences(prices)
    if not _LEAST_SPAN * max(high, 1) <= high - low <= _MOST_SPAN:
        return []
    step = _step(high - low)
    first = floor(low / step)
    edges = [round(place * step, 10) for place in range(first, first + MOST_BINS + 2)]
    count = max(1, min(bisect_left(edges, high), len(edges) - 1))
    places = [0, *(bisect_left(prices, edge) for edge in edges[1:count]), len(prices)]
    return [
        _bin(prices, edges[number : number + 2], places[number : number + 2])
        for number in range(count)
    ]


def histogram(label: str, bins: Sequence[Bin], prices: Sequence[float], write: Writer) -> Markup:
    """The bins as bars above the middle half of the prices and a line at their median. `label`
    describes it in a sentence."""
    parts = [*_middle(bins, prices, write), *_bars(bins, write), *_edges(bins, write)]
    opening = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return opening.format(WIDTH, HEIGHT, label) + Markup("").join(parts) + Markup("</svg>")


def words_of(bins: Sequence[Bin], number: int, write: Writer) -> str:
    """Which prices are in a bin."""
    one = bins[number]
    if number == 0 and one.lowest < one.start:
        return f"under {write(one.end)}"
    if number == len(bins) - 1 and one.highest > one.end:
        return f"{write(one.start)} and more"
    return f"{write(one.start)} to {write(one.end)}"


def _fences(prices: Sequence[float]) -> tuple[float, float]:
    """The range of the bins: outliers do not widen it."""
    p25, p75 = quantile_of("p25", prices), quantile_of("p75", prices)
    beyond = _FENCE * (p75 - p25)
    low = prices[bisect_left(prices, p25 - beyond)]
    high = prices[bisect_right(prices, p75 + beyond) - 1]
    return (low, high) if low < high else (prices[0], prices[-1])


def _step(span: float) -> float:
    """The width of a bin, a round number."""
    rough = span / (MOST_BINS - 2)
    power = 10.0 ** floor(log10(rough))
    return next(factor * power for factor in _ROUND if factor * power >= rough)


def _bin(prices: Sequence[float], edges: Sequence[float], places: Sequence[int]) -> Bin:
    start, end = edges
    first, behind = places
    if first == behind:
        return Bin(start, end, 0, start, end)
    return Bin(start, end, behind - first, prices[first], prices[behind - 1])


def _x(bins: Sequence[Bin], price: float) -> float:
    """The position of a price; one beyond the edges is in the middle of the outer bin."""
    share = (price - bins[0].start) / (bins[-1].end - bins[0].start)
    half = 0.5 / len(bins)
    if share < 0:
        share = half
    elif share > 1:
        share = 1 - half
    return round(LEFT + (WIDTH - 2 * LEFT) * share, 1)


def _middle(bins: Sequence[Bin], prices: Sequence[float], write: Writer) -> Iterator[Markup]:
    p25, median, p75 = (_x(bins, quantile_of(name, prices)) for name in ("p25", "median", "p75"))
    band = Markup('<rect class="band" x="{:g}" y="{}" width="{:g}" height="{}"/>')
    yield band.format(p25, TOP - 6, round(p75 - p25, 1), HEIGHT - TOP - BOTTOM + 6)
    line = Markup('<line class="hair" x1="{0:g}" x2="{0:g}" y1="{1}" y2="{2}"/>')
    yield line.format(median, TOP - 6, HEIGHT - BOTTOM)
    text = Markup('<text class="tick middle" x="{:g}" y="21">median {}</text>')
    inside = min(max(median, LEFT + 90), WIDTH - LEFT - 90)
    yield text.format(inside, write(quantile_of("median", prices)))


def _bars(bins: Sequence[Bin], write: Writer) -> Iterator[Markup]:
    most = max(one.count for one in bins)
    width = (WIDTH - 2 * LEFT) / len(bins)
    for number, one in enumerate(bins):
        height = round((HEIGHT - TOP - BOTTOM) * one.count / most, 1)
        bar = Markup('<rect class="bar" x="{:g}" y="{:g}" width="{:g}" height="{:g}">')
        title = f"{words_of(bins, number, write)}: {counted(one.count, 'offer')}"
        x = round(LEFT + width * number + 1, 1)
        yield bar.format(x, HEIGHT - BOTTOM - height, round(width - 2, 1), height)
        yield Markup("<title>{}</title></rect>").format(title)


def _edges(bins: Sequence[Bin], write: Writer) -> Iterator[Markup]:
    """A few of the edges, evenly spaced; below an outer bin with prices beyond its edge, what it
    contains."""
    y = HEIGHT - BOTTOM
    yield Markup('<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(
        LEFT, WIDTH - LEFT, y
    )
    edges = [*(one.start for one in bins), bins[-1].end]
    every = -(-len(edges) // _EDGE_LABELS)
    last = len(bins) - 1
    shown = {number: write(edges[number]) for number in range(0, len(edges), every)}
    if bins[0].lowest < bins[0].start:
        shown[0] = words_of(bins, 0, write)
    if bins[last].highest > bins[last].end:
        shown = {number: words for number, words in shown.items() if number <= last - every / 2}
        shown[len(bins)] = words_of(bins, last, write)
    for number, words in shown.items():
        x = round(LEFT + (WIDTH - 2 * LEFT) * number / len(bins), 1)
        place = "middle"
        if x < LEFT + 40:
            place = "start"
        elif x > WIDTH - LEFT - 40:
            place = "end"
        text = Markup('<text class="tick {}" x="{:g}" y="{}">{}</text>')
        yield text.format(place, x, HEIGHT - 10, words)
