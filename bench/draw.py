"""`draw.py PLOT TARGET < values.json`: draws a plot as SVG. Runs in the benchmarks' own
environment, which has matplotlib."""

import json
import sys
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update(
    {"svg.hashsalt": "glyphd", "svg.fonttype": "none", "font.size": 9, "axes.grid": True}
)

from matplotlib import pyplot as plt  # noqa: E402  (after the backend is chosen)

MILLION = 1_000_000


def draw_growth(values: dict[str, Any], target: str) -> None:
    figure, (speed, memory) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    _line(speed, values["speed"], "million events in the archive before", "rows a second")
    _line(memory, values["memory"], "million rows in the file", "worker's peak memory, MiB")
    figure.savefig(target, metadata={"Date": None})


def _line(axes: Any, points: list[tuple[int, float]], below: str, beside: str) -> None:
    axes.plot(
        [events / MILLION for events, _ in points],
        [value for _, value in points],
        marker="o",
        color="#2a6f97",
    )
    axes.set(xlabel=below, ylabel=beside, xlim=(0, None), ylim=(0, None))


PLOTS = {"growth": draw_growth}


if __name__ == "__main__":
    PLOTS[sys.argv[1]](json.load(sys.stdin), sys.argv[2])
