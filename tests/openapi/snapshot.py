"""The document as it was last agreed on, so that a change of it shows in a review."""

import json
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).parents[2] / "docs/openapi.json"


def written(document: Any) -> str:
    """The document as the snapshot has it: a line for each thing."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
