"""The command line. There is no command to import data: all data comes over HTTP."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from glyphd.db.connections import close_all, open_archive_to_verify, open_registry_to_look
from glyphd.db.migration_sets import (
    ARCHIVE,
    REGISTRY,
    applied_of,
    is_anything_there,
    place_of,
    require_current_schema,
    require_there,
)
from glyphd.db.migrations import begin_new_ledger, initialise, migrate
from glyphd.db.troubles import is_database_error
from glyphd.errors import GlyphdError, InvalidSettings, SchemaError
from glyphd.importing.registry import Registry
from glyphd.logs import configure_logs
from glyphd.scratch import use_scratch_folder
from glyphd.serving import serve
from glyphd.settings import PREFIX, Settings, load_settings
from glyphd.upkeep.backup import back_up
from glyphd.upkeep.checkup import find_faults, uploads_without_registry
from glyphd.upkeep.registry_rebuild import rebuild_registry
from glyphd.upkeep.replacing import rebuild_elsewhere, rebuild_in_place
from glyphd.upkeep.replacing_tables import rebuild_tables
from glyphd.upkeep.verification import Verifier
from glyphd.uploads import LocalUploads
from glyphd.worker_package import load

EXIT_WRONG = 1
EXIT_UNUSABLE = 2
EXIT_TRY_AGAIN = 75
"""`EX_TEMPFAIL` of sysexits.h."""


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Every command takes these two, and says in one line what is wrong with a setting or a
    schema."""

    @click.option(
        "--db-path", type=click.Path(path_type=Path), help="The archive (GLYPHD_DB_PATH)."
    )
    @click.option(
        "--data-dir", type=click.Path(path_type=Path), help="Folder for all data (GLYPHD_DATA_DIR)."
    )
    @wraps(command)
    def run(**options: Any) -> None:
        try:
            command(**options)
        except Exception as error:
            line = _unusable(error)
            if line is None:
                raise
            click.echo(f"glyphd: {line}", err=True)
            sys.exit(_exit_code(error, is_supervised=bool(options.get("stop_with_parent"))))

    return run


def _exit_code(error: Exception, *, is_supervised: bool) -> int:
    """`glyphd serve` starts its worker again unless a setting or the schema is wrong, which does
    not pass by itself."""
    is_final = isinstance(error, InvalidSettings | SchemaError)
    return EXIT_TRY_AGAIN if is_supervised and not is_final else EXIT_UNUSABLE


def _unusable(error: Exception) -> str | None:
    """What is wrong with the settings or the environment, in one line; None for a bug of ours."""
    if isinstance(error, GlyphdError):
        return error.detail if error.reason is None else f"{error.detail}: {error.reason}"
    if isinstance(error, OSError):
        return ": ".join(
            str(part) for part in (error.strerror or str(error), error.filename) if part
        )
    said = next(iter(str(error).splitlines()), type(error).__name__)
    if is_database_error(error):
        return f"a database can't be used: {said}"
    return None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("glyphd"), prog_name="glyphd")
def main() -> None:
    """The ledger of the GPU market: scored listings in over HTTP, every scoring event kept for
    ever."""


@main.command("serve")
@click.option("--host", help="Address to listen on (GLYPHD_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (GLYPHD_PORT, default 8080).")
@click.option("--allowed-hosts", help="Further host names to serve (GLYPHD_ALLOWED_HOSTS).")
@click.option(
    "--trusted-proxies", help="Proxies whose X-Forwarded-Host is trusted (GLYPHD_TRUSTED_PROXIES)."
)
@click.option("--no-worker", is_flag=True, help="Run only the API; workers run elsewhere.")
@settings_options
def serve_command(no_worker: bool, **flags: Any) -> None:
    """Run the API and a worker."""
    settings = load_settings(**flags)
    configure_logs(settings)
    serve(settings, with_worker=not no_worker)


@main.command("worker")
@click.option("--once", is_flag=True, help="Run what is queued, then exit.")
@click.option(
    "--ping",
    is_flag=True,
    help="Only check whether a worker on this host is alive: exit code 0, else 1.",
)
@click.option("--stop-with-parent", is_flag=True, help="Exit when stdin is closed.")
@settings_options
def worker_command(once: bool, ping: bool, stop_with_parent: bool, **flags: Any) -> None:
    """Run only a worker: it writes queued imports into the archive."""
    settings = load_settings(**flags)
    process = load("process")
    if ping:
        require_there(settings)
        sys.exit(0 if process.is_alive(settings) else EXIT_WRONG)
    process.run(settings, once=once, stop_with_parent=stop_with_parent)


@main.command("migrate")
@click.option("--to", help="Go up or down to archive:N or registry:N.")
@click.option("--drop-data", is_flag=True, help="Allow a step down to drop tables that have data.")
@settings_options
def migrate_command(to: str | None, drop_data: bool, **flags: Any) -> None:
    """Upgrade the databases to this version's schema, or go to another step."""
    settings = load_settings(**flags)
    is_new = not applied_of(settings, ARCHIVE)
    done = migrate(settings, to, drop_data=drop_data)
    if is_new and applied_of(settings, ARCHIVE):
        click.echo(f"created a new archive: {place_of(settings)}")
    click.echo("\n".join(done) if done else "nothing to do: the schema is already at that step")


@main.command("init-db")
@click.option(
    "--new-ledger",
    is_flag=True,
    help="If the registry is lost: move the kept uploads away and start empty.",
)
@settings_options
def init_command(new_ledger: bool, **flags: Any) -> None:
    """Create archive and registry; `serve` and `worker` do so automatically."""
    settings = load_settings(**flags)
    if new_ledger:
        aside = begin_new_ledger(settings)
        if aside is not None:
            click.echo(f"the uploads that were kept are in {aside.absolute()}")
    else:
        initialise(settings)
    click.echo(f"ready: {place_of(settings)}")


@main.command("check")
@settings_options
def check_command(**flags: Any) -> None:
    """Check databases and kept files for damage, and compare schema, registry and archive."""
    settings = load_settings(**flags)
    _require_registry_of_uploads(settings)
    require_there(settings)
    registry, found = Registry(open_registry_to_look(settings)), False
    for line in find_faults(
        settings, registry, LocalUploads(settings.uploads_dir), partial(_progress, "checking")
    ):
        found = True
        _tell(line)
    close_all(registry.database)
    if found:
        sys.exit(EXIT_WRONG)
    click.echo(f"no drift: {place_of(settings)}")


def _require_registry_of_uploads(settings: Settings) -> None:
    """Ends with a line for each kept upload where there is no registry that could know it."""
    if is_anything_there(settings, REGISTRY):
        return
    found = list(uploads_without_registry(LocalUploads(settings.uploads_dir)))
    for line in found:
        _tell(line)
    if found:
        sys.exit(EXIT_WRONG)


@main.command("verify")
@click.argument("import_ids", nargs=-1, metavar="[IMPORT_ID]...")
@click.option(
    "--all", "everything", is_flag=True, help="Verify every import, and the archive as a whole."
)
@settings_options
def verify_command(import_ids: tuple[str, ...], everything: bool, **flags: Any) -> None:
    """Compare the kept files with the archive, row by row."""
    settings = load_settings(**flags)
    if everything == bool(import_ids):
        raise click.UsageError("name the imports to verify, or use --all")
    require_there(settings)
    require_current_schema(settings)
    use_scratch_folder(settings, make=False)
    found = False
    with _verifier(settings, import_ids) as verifier:
        for line in verifier.verify_all() if everything else verifier.verify(import_ids):
            found = True
            _tell(line)
    if found:
        sys.exit(EXIT_WRONG)
    click.echo(f"no difference: {verifier.tally}")


@main.command("rebuild")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Path of the new archive; default: its own place.",
)
@click.option(
    "--registry", is_flag=True, help="Instead, recover the kept uploads that the registry lacks."
)
@settings_options
def rebuild_command(into: Path | None, registry: bool, **flags: Any) -> None:
    """Rebuild the archive from the kept uploads and the registry; the old one is moved away."""
    settings = load_settings(**flags)
    if registry and into is not None:
        raise click.UsageError("--registry and --into can't be combined")
    if registry:
        _rebuild_registry(settings)
        return
    progress, aside = partial(_progress, "rebuilding"), []
    if into is not None:
        rebuilt = rebuild_elsewhere(settings, into, progress)
    elif settings.database_url is not None:
        rebuilt, schema = rebuild_tables(settings, progress)
        aside = [f"the schema {schema}"] if schema else []
    else:
        rebuilt, folders = rebuild_in_place(settings, progress)
        aside = [str(folder.absolute()) for folder in folders]
    click.echo(f"{into or place_of(settings)}: {rebuilt}")
    for place in aside:
        click.echo(f"what it replaced is in {place}")
    for note in rebuilt.notes:
        click.echo(note)


def _rebuild_registry(settings: Settings) -> None:
    recovered = rebuild_registry(settings, partial(_progress, "reading"))
    click.echo(f"{place_of(settings, REGISTRY)}: {recovered}")
    for note in recovered.notes:
        click.echo(note)


@main.command("backup")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@settings_options
def backup_command(folder: Path, **flags: Any) -> None:
    """Copy archive, registry and uploads into an empty FOLDER, while the service runs."""
    settings = load_settings(**flags)
    require_there(settings)
    require_current_schema(settings)
    made = back_up(settings, folder, partial(_progress, "copying"))
    click.echo(
        f"{folder}: {made.imports} imports, {made.files} files, {made.bytes} bytes of uploads"
    )


@main.command("settings")
@settings_options
def settings_command(**flags: Any) -> None:
    """Show every setting with its environment variable and value."""
    settings = load_settings(**flags)
    for name, value in settings.shown().items():
        description = Settings.model_fields[name].description
        click.echo(f"{PREFIX + name.upper()}={value}\n    {description}")
    if settings.database_url is None and not settings.archive_path.exists():
        click.echo(
            f"there is no archive at {place_of(settings)} yet: `glyphd serve` creates one", err=True
        )


@contextmanager
def _progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Shows on stderr, if that is a terminal, how much of the length is done; returns the function
    to report it to."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update


@contextmanager
def _verifier(settings: Settings, import_ids: tuple[str, ...]) -> Iterator[Verifier]:
    """A running verifier, with its progress on stderr if that is a terminal."""
    archive, registry = open_archive_to_verify(settings), Registry(open_registry_to_look(settings))
    verifier = Verifier(archive, registry, LocalUploads(settings.uploads_dir), settings)
    try:
        length = verifier.total_bytes(import_ids or None)
        with archive.connection_context(), _progress("verifying", length) as verifier.tick:
            yield verifier
    finally:
        for database in (archive, registry.database):
            close_all(database)


def _tell(line: str) -> None:
    """One line on stdout. A terminal's progress bar is wiped off first; it is drawn again with the
    next bytes.

    What is stored where text should be need not be text.
    """
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    click.echo(line.encode(errors="backslashreplace"))
