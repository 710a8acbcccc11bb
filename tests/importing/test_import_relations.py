"""What the registry knows about the relations of an import, on both databases."""

from glyphd.db.registry_models import Job
from glyphd.importing.import_relations import (
    changes_of,
    import_before,
    imports_after,
    recent_sources,
)
from glyphd.importing.registry import Registry
from tests.importing.jobs import add_job

DONE = {"status": "succeeded"}


def _before(registry: Registry, job: Job) -> str | None:
    with registry.database.connection_context():
        found = import_before(registry.database, job)
        return found.import_id if found else None


def test_the_import_before_is_of_the_same_source_and_counts(registry: Registry) -> None:
    add_job(registry, import_id="counts", source="Daily", **DONE)
    add_job(registry, import_id="other", source="weekly", **DONE)
    add_job(registry, import_id="check", source="daily", dry_run=True, **DONE)
    add_job(
        registry,
        import_id="rolled back",
        source="daily",
        rolled_back_at="2026-01-01T00:00:00.000000Z",
        **DONE,
    )
    add_job(registry, import_id="failed", source="daily", status="failed")
    assert (
        _before(registry, add_job(registry, import_id="this", source="daily", **DONE)) == "counts"
    )


def test_what_names_no_source_follows_what_names_none(registry: Registry) -> None:
    add_job(registry, import_id="none", **DONE)
    add_job(registry, import_id="daily", source="daily", **DONE)
    assert _before(registry, add_job(registry, import_id="this", **DONE)) == "none"


def test_the_changes_of_an_import_come_latest_first(registry: Registry) -> None:
    job = add_job(registry, import_id="a", **DONE)
    add_job(registry, import_id="a", kind="rollback", **DONE)
    add_job(registry, import_id="b", kind="rollback", **DONE)
    add_job(registry, import_id="a", kind="restore")
    with registry.database.connection_context():
        assert [change.kind for change in changes_of(registry.database, job)] == [
            "restore",
            "rollback",
        ]


def test_only_unfinished_jobs_are_ahead(registry: Registry) -> None:
    add_job(registry, import_id="a", **DONE)
    add_job(registry, import_id="b")
    job = add_job(registry, import_id="c")
    add_job(registry, import_id="d")
    assert registry.count_unfinished(job) == 1


def test_later_imports_are_those_that_fit_the_nearest_first(registry: Registry) -> None:
    jobs = [add_job(registry, import_id=name, source=name[0]) for name in ("a1", "b1", "a2", "a3")]
    with registry.database.connection_context():
        found = imports_after(registry.database, {"source": "A"}, jobs[0].id, 5)
    assert found == [jobs[2].id, jobs[3].id]


def test_recent_sources_come_once_each_the_latest_first(registry: Registry) -> None:
    with registry.database.connection_context():
        assert recent_sources(registry.database, 5) == []
    for number, source in enumerate(("daily", "weekly", None, "Daily", "shop")):
        add_job(registry, import_id=str(number), source=source)
    with registry.database.connection_context():
        found = recent_sources(registry.database, 5)
        assert recent_sources(registry.database, 1) == ["shop"]
    assert [source.lower() for source in found] == ["shop", "daily", "weekly"]
