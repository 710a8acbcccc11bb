"""The snapshot of the OpenAPI document, which makes changes visible in a review."""

import json
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).parents[2] / "docs/openapi.json"


def written(document: Any) -> str:
    """The document as text for the snapshot, with one item per line."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
