"""The command line. There is no command to import data: all data comes over HTTP."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from glyphd.application import create_app
from glyphd.db.drift import find_drift
from glyphd.db.migrations import initialise, migrate
from glyphd.db.pairing import require_no_mismatch
from glyphd.errors import GlyphdError
from glyphd.importing.audit import missing_batches
from glyphd.logs import configure_logs
from glyphd.scratch import use_scratch_folder
from glyphd.services import build_services
from glyphd.serving import serve
from glyphd.settings import PREFIX, Settings, load_settings

EXIT_WRONG = 1
EXIT_UNUSABLE = 2


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Every command takes these two, and says in one line what is wrong with a setting or a schema."""

    @click.option("--db-path", type=click.Path(path_type=Path), help="The archive (GLYPHD_DB_PATH).")
    @click.option("--data-dir", type=click.Path(path_type=Path), help="Folder for all data (GLYPHD_DATA_DIR).")
    @wraps(command)
    def run(**options: Any) -> None:
        try:
            command(**options)
        except GlyphdError as error:
            click.echo(f"glyphd: {error.detail}", err=True)
            sys.exit(EXIT_UNUSABLE)
        except OSError as error:
            click.echo(f"glyphd: {error.strerror}: {error.filename}", err=True)
            sys.exit(EXIT_UNUSABLE)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("glyphd"), prog_name="glyphd")
def main() -> None:
    """The ledger of the GPU market: scored listings in over HTTP, every scoring event kept for ever."""


@main.command("serve")
@click.option("--host", help="Address to listen on (GLYPHD_HOST, default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (GLYPHD_PORT, default 8080).")
@click.option("--no-worker", is_flag=True, help="Run the API alone; workers run elsewhere.")
@settings_options
def serve_command(no_worker: bool, **flags: Any) -> None:
    """Run the API and, as its child, a worker."""
    settings = load_settings(**flags)
    configure_logs(settings)
    use_scratch_folder(settings)
    serve(create_app(settings), settings, with_worker=not no_worker)


@main.command("worker")
@click.option("--once", is_flag=True, help="Run what is queued, then end.")
@settings_options
def worker_command(once: bool, **flags: Any) -> None:
    """Run a worker alone (the same as `python -m worker`)."""
    settings = load_settings(**flags)
    arguments = [sys.executable, "-m", "worker", *(["--once"] if once else [])]
    os.execve(sys.executable, arguments, settings.child_environment())


@main.command("migrate")
@click.option("--to", help="Go up or down to archive:N or registry:N.")
@click.option("--drop-data", is_flag=True, help="Allow a step down to drop tables that hold data.")
@settings_options
def migrate_command(to: str | None, drop_data: bool, **flags: Any) -> None:
    """Bring the databases to this version's schema, or to another step."""
    done = migrate(load_settings(**flags), to, drop_data=drop_data)
    click.echo("\n".join(done) if done else "nothing to do: the schema is as asked")


@main.command("init-db")
@settings_options
def init_command(**flags: Any) -> None:
    """Make archive and registry where there are none; `serve` and `worker` do so by themselves."""
    settings = load_settings(**flags)
    initialise(settings)
    click.echo(f"ready: {_place(settings)}")


@main.command("check")
@settings_options
def check_command(**flags: Any) -> None:
    """Compare the databases with this version's models, and the registry with the archive."""
    settings = load_settings(**flags)
    require_no_mismatch(settings)
    found = find_drift(settings)
    found = found or [f"import {import_id}: succeeded, but not in the archive" for import_id in _missing(settings)]
    for line in found:
        click.echo(line)
    if found:
        sys.exit(EXIT_WRONG)
    click.echo(f"no drift: {_place(settings)}")


@main.command("settings")
@settings_options
def settings_command(**flags: Any) -> None:
    """Show every setting as it is in force, and its environment variable."""
    shown = load_settings(**flags).shown()
    for name, value in shown.items():
        description = Settings.model_fields[name].description
        click.echo(f"{PREFIX + name.upper()}={value}\n    {description}")


def _missing(settings: Settings) -> list[str]:
    services = build_services(settings)
    return missing_batches(services.registry, services.archive)


def _place(settings: Settings) -> str:
    return settings.shown()["database_url"] if settings.database_url else str(settings.archive_path)
