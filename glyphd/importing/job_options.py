"""The options of an import, as its job stores them."""

import json
from typing import Any

from glyphd.contracts.import_options import ImportOptions
from glyphd.db.registry_models import Job
from glyphd.importing.door import FirstBlock, check_door
from glyphd.request_errors import InvalidParameter

NDJSON = "application/x-ndjson"


def options_to_keep(
    block: FirstBlock, content_type: str, options: ImportOptions, max_columns: int
) -> dict[str, Any]:
    """The columns of the job: how the worker will read the file, and the client's other options.

    Raises FileRefused for a file that can never be imported.
    """
    asked = options.model_dump(include={"source", "description", "on_error", "dry_run"})
    asked |= {name: int(getattr(options, name)) or None for name in ("complete", "allow_shrink")}
    if content_type == NDJSON:
        return asked | {"encoding": "utf-8", "delimiter": None}
    layout = check_door(block, options, max_columns=max_columns).layout
    return asked | {
        "encoding": layout.encoding,
        "delimiter": layout.delimiter,
        "column_map": json.dumps(options.map, ensure_ascii=False) if options.map else None,
        "skip_lines": options.skip_lines,
        "decimal": options.decimal,
    }


def require_consistent(options: ImportOptions) -> None:
    """Raises InvalidParameter for a complete file without a source, or with bad rows left out: a
    mistyped row must not make an offer gone."""
    if not options.complete:
        return
    if options.source is None:
        raise InvalidParameter("complete=true: needs a source", parameter="source", value="")
    if options.on_error == "skip":
        raise InvalidParameter(
            "complete=true: a file with rows left out is not complete, send on_error=abort",
            parameter="on_error",
            value="skip",
            allowed=["abort"],
        )


def options_of(job: Job) -> dict[str, Any]:
    """The options of the import, and how its file is read."""
    kept = {
        name: getattr(job, name)
        for name in ImportOptions.model_fields.keys() & Job._meta.fields.keys()
    }
    kept |= {name: bool(kept[name]) for name in ("complete", "allow_shrink")}
    return kept | {"map": json.loads(job.column_map or "[]")}
