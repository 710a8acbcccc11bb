"""The filters of a list of imports, as conditions on the registry's rows."""

from collections.abc import Callable, Mapping
from typing import Any

from peewee import Database

from glyphd.db.dialects import equals_caseless
from glyphd.db.registry_models import Job

IMPORT_FILTERS: Mapping[str, Callable[[Database, Any], Any]] = {
    "status": lambda database, value: Job.status == value,
    "source": lambda database, value: equals_caseless(database, Job.source, value),
    "by": lambda database, value: Job.created_by == value,
    "sha256": lambda database, value: Job.sha256 == value.lower(),
    "received_after": lambda database, value: Job.received_at > value,
    "received_before": lambda database, value: Job.received_at < value,
}
"""The conditions by the name of their parameter."""


def conditions(database: Database, wanted: Mapping[str, Any]) -> list[Any]:
    """One condition for each parameter that has a value."""
    return [
        IMPORT_FILTERS[name](database, value) for name, value in wanted.items() if value is not None
    ]
