"""Results as a table, on the screen and in docs/BENCHMARKS.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.samples import Result

HEAD = ("what", "glyphd", "against", "peer", "ratio", "limit", "")


@dataclass(frozen=True)
class Circumstances:
    """How, when and where the results in a table were measured."""

    command: str
    date: str
    machine: str


def as_text(results: Sequence[Result]) -> str:
    """A table for a terminal, with aligned columns."""
    lines = [HEAD, *map(_cells, results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(results: Sequence[Result]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *map(_cells, results)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_section(
    page: Path, name: str, results: Sequence[Result], circumstances: Circumstances
) -> None:
    """Replaces the text between the marks of this benchmark, and nothing else."""
    text, count = re.subn(
        rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)",
        lambda found: found[1] + _section(page, name, results, circumstances) + found[2],
        page.read_text(),
        flags=re.DOTALL,
    )
    assert count == 1, f"{page} has no section for {name}"
    page.write_text(text)


def _section(page: Path, name: str, results: Sequence[Result], circumstances: Circumstances) -> str:
    image = f"images/bench-{name}.svg"
    drawn = f"\n![{name}]({image})\n" if (page.parent / image).exists() else ""
    origin = f"`{circumstances.command}` on {circumstances.date}; {circumstances.machine}."
    return f"{as_markdown(results)}\n{origin}\n{drawn}"


def _cells(result: Result) -> tuple[str, ...]:
    limit = str(result.limit or "")
    return (
        result.what,
        str(result.glyphd),
        result.against,
        str(result.peer),
        f"{result.ratio:.3g}",
        limit,
        result.verdict,
    )
