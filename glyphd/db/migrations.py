"""Migrates the databases to the schema of this version, or step by step to another."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from peewee import Database, OperationalError
from peewee_migrate.logs import logger as step_logger

from glyphd.db.connections import open_for_migration
from glyphd.db.dialects import is_sqlite
from glyphd.db.losses import losses_of
from glyphd.db.migration_locks import migration_lock
from glyphd.db.migration_sets import (
    ARCHIVE,
    REGISTRY,
    SETS,
    MigrationSet,
    applied_of,
    open_to_look,
    require_current_schema,
    require_known,
)
from glyphd.db.pairing import (
    Ids,
    id_in,
    name_archive,
    pair,
    require_no_lost_registry,
    require_no_mismatch,
)
from glyphd.db.session_pooling import require_sessions
from glyphd.db.step_router import StepRouter
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.errors import DataWouldBeLost, InvalidSettings, SchemaError, Unavailable
from glyphd.private_files import make_folder
from glyphd.settings import Settings


def migrate(settings: Settings, to: str | None = None, *, drop_data: bool = False) -> list[str]:
    """Applies every missing step, or migrates up or down to `archive:N` or `registry:N`, N from 0.

    Returns what was done, such as `applied archive 001_events`. All steps of one database are one
    transaction.

    Raises DataWouldBeLost if a step down would drop data and `drop_data` is not given, SchemaError
    for a database of another version or another program, Unavailable if another process keeps
    writing, and InvalidSettings for a target that does not exist.
    """
    targets = {steps: len(steps.packaged()) for steps in SETS} if to is None else _read_target(to)
    _require_movable(settings, targets)
    done = []
    with migration_lock(settings):
        _require_movable(settings, targets)
        for steps, target in targets.items():
            done += _move(settings, steps, target, drop_data=drop_data)
    return done


def _require_movable(settings: Settings, targets: dict[MigrationSet, int]) -> None:
    """Refuses before anything is created. No new archive may take the place of a missing one."""
    for steps in targets:
        require_known(steps.name, applied_of(settings, steps), steps.packaged())
    if targets.get(ARCHIVE) and not ARCHIVE.is_there(settings):
        require_no_mismatch(settings)
    if targets.get(REGISTRY):
        require_no_lost_registry(settings)


def initialise(
    settings: Settings, *, registry_may_be_lost: bool = False, archive_id: str | None = None
) -> None:
    """Creates the archive and the registry if they do not exist, and pairs them; a new archive gets
    this id if one is given. Many processes can call it at the same time.

    Raises SchemaOutdated, SchemaError or ArchiveMismatch for databases that this version can't work
    with, and RegistryLost if there are kept uploads without a registry, unless that is allowed.
    """

    if settings.database_url is not None:
        require_sessions(settings)

    def require_fit() -> Ids:
        ids = _require_fit(settings)
        if not registry_may_be_lost:
            require_no_lost_registry(settings)
        return ids

    if not _is_ready(settings):
        require_fit()  # before any folder or file is created
        with migration_lock(settings):
            ids = require_fit()
            for steps in SETS:
                _make_if_fresh(settings, steps)
            pair(settings, ids, archive_id)


def begin_new_ledger(settings: Settings) -> Path | None:
    """`initialise` if the registry is lost: its uploads are moved to the folder that is returned.

    Raises SchemaError if there is a registry, and InvalidSettings for uploads in a bucket.
    """
    if settings.upload_url is not None:
        raise InvalidSettings(
            "a new ledger needs an empty prefix: choose another one in GLYPHD_UPLOAD_URL"
        )
    _require_fit(settings)
    if applied_of(settings, REGISTRY):
        raise SchemaError("a registry exists, so no new ledger was begun and nothing was changed")
    aside = None
    with migration_lock(settings):
        if settings.uploads_dir.exists():
            aside = settings.beside(f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            make_folder(aside)
            settings.uploads_dir.rename(aside / settings.uploads_dir.name)
    initialise(settings)
    return aside


def initialise_archive(settings: Settings, archive_id: str | None = None) -> None:
    """Creates only the archive if there is none, with this id or a new one: for callers that need
    no registry."""
    if applied_of(settings, ARCHIVE) != ARCHIVE.packaged():
        with migration_lock(settings):
            _make_if_fresh(settings, ARCHIVE)
            require_current_schema(settings, [ARCHIVE])
            name_archive(settings, archive_id)


def _is_ready(settings: Settings) -> bool:
    """Whether there is nothing to create or refuse, determined by opening each database once."""
    ids = set()
    for steps in SETS:
        if not steps.is_there(settings):
            return False
        with open_to_look(settings, steps) as database:
            if steps.applied_in(database) != steps.packaged():
                return False
            ids.add(id_in(database, steps))
    return len(ids) == 1 and None not in ids


def _require_fit(settings: Settings) -> Ids:
    """Refuses databases that can't be used. No new archive may take the place of a missing one."""
    ids = require_no_mismatch(settings)
    require_current_schema(settings, [steps for steps in SETS if applied_of(settings, steps)])
    return ids


def _make_if_fresh(settings: Settings, steps: MigrationSet) -> None:
    if not applied_of(settings, steps):
        _move(settings, steps, len(steps.packaged()))


def _read_target(to: str) -> dict[MigrationSet, int]:
    name, _, number = to.partition(":")
    for steps in SETS:
        if name == steps.name and number.isdecimal() and int(number) <= len(steps.packaged()):
            return {steps: int(number)}
    choices = " or ".join(
        f"{steps.name}:0 to {steps.name}:{len(steps.packaged())}" for steps in SETS
    )
    raise InvalidSettings(f"--to={to}: there is no such step; it is {choices}")


def _move(
    settings: Settings, steps: MigrationSet, target: int, *, drop_data: bool = False
) -> list[str]:
    """Migrates up or down to `target`, in one transaction: if anything fails, the schema is as it
    was before."""
    packaged = steps.packaged()
    before = applied_of(settings, steps)
    require_known(steps.name, before, packaged)
    if len(before) == target:
        return []
    database = open_for_migration(settings, steps.path(settings))
    with database.connection_context(), _alone(database, steps), _statements_unlogged():
        if not before:
            _require_ours(database, steps)
        router = StepRouter(database, steps)
        up = [
            f"applied {steps.name} {_apply(router, step)}"
            for step in packaged[len(before) : target]
        ]
        down = [
            f"reverted {steps.name} {_revert(database, router, step, drop_data)}"
            for step in reversed(before[target:])
        ]
        _require_sound(database, steps, packaged[:target])
    return up + down


@contextmanager
def _alone(database: Database, steps: MigrationSet) -> Iterator[None]:
    """The transaction itself, once no other process is writing."""
    if not is_sqlite(database):
        _require_utf8(database)
    try:
        with database.atomic():
            yield
    except OperationalError as error:
        if trouble_of(error) is not Trouble.BUSY:
            raise
        raise Unavailable(
            f"the {steps.name} is being written to: stop the worker, or try again later"
        ) from error


@contextmanager
def _statements_unlogged() -> Iterator[None]:
    """peewee-migrate logs every statement at INFO, also in programs that use the store as a
    library."""
    level = step_logger.level
    step_logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        step_logger.setLevel(level)


def _require_ours(database: Database, steps: MigrationSet) -> None:
    """A mistyped path must not fill another program's database with tables. On PostgreSQL sharing
    one is fine."""
    strangers = set(database.get_tables()) - {steps.history_table}
    if is_sqlite(database) and strangers:
        raise SchemaError(
            f"the database for the {steps.name} contains something else: "
            f"{', '.join(sorted(strangers))}"
        )


def _require_utf8(database: Database) -> None:
    (encoding,) = database.execute_sql("SHOW server_encoding").fetchone()
    if encoding != "UTF8":
        raise SchemaError(
            f"the database has the encoding {encoding}: glyphd needs one with ENCODING 'UTF8'"
        )


def _apply(router: StepRouter, step: str) -> str:
    return router.run_one(step, router.migrator, fake=False)


def _revert(database: Database, router: StepRouter, step: str, drop_data: bool) -> str:
    def revert() -> str:
        return router.run_one(step, router.migrator, fake=False, downgrade=True)

    losses = [] if drop_data else losses_of(database, revert)
    if losses:
        raise DataWouldBeLost(
            f"reverting {step} would drop the data in {', '.join(losses)}: use --drop-data to do so"
        )
    return revert()


def _require_sound(database: Database, steps: MigrationSet, expected: list[str]) -> None:
    if steps.applied_in(database) != expected:
        raise SchemaError(f"the migration history of the {steps.name} does not match its steps")
    if is_sqlite(database):
        broken = database.execute_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise SchemaError(
                f"a step left rows of {broken[0][0]} without the {broken[0][2]} they belong to"
            )
