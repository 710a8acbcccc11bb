"""A scrape of metrics reads only indexes, however many imports there are."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from glyphd.importing.import_figures import import_groups, waiting_imports
from glyphd.importing.job_queries import JobQueries
from glyphd.importing.registry import Registry


@pytest.mark.parametrize(
    ("read", "plan"),
    [
        (import_groups, "SEARCH t1 USING COVERING INDEX jobs_by_source (kind=?)"),
        (waiting_imports, "SCAN t1 USING INDEX jobs_unfinished"),
    ],
)
def test_no_row_is_read_for_its_number(
    sqlite_registry: Registry,
    caplog: pytest.LogCaptureFixture,
    read: Callable[[JobQueries], object],
    plan: str,
) -> None:
    with caplog.at_level(logging.DEBUG, "peewee"):
        read(sqlite_registry)
    logged: list[Any] = [record.msg for record in caplog.records]
    sql, parameters = next(message for message in logged if "FROM" in message[0])
    database = sqlite_registry.database
    with database.connection_context():
        found = database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
    assert [step[-1] for step in found] == [plan]
