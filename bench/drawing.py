"""Plots, drawn by a program that runs in the benchmarks' own environment."""

import json
import subprocess
from pathlib import Path
from typing import Any

from bench.peers import program

PROGRAM = Path(__file__).parent / "draw.py"


def draw(plot: str, values: dict[str, Any], target: Path) -> None:
    """Writes one of the plots that `draw.py` knows to `target`, as SVG."""
    target.parent.mkdir(exist_ok=True)
    command = [program("python"), str(PROGRAM), plot, str(target)]
    subprocess.run(command, input=json.dumps(values), text=True, check=True)
