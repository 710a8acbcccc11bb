"""`python -m worker`: the worker on its own."""

import socket
import sys
from pathlib import Path

import click

from glyphd.db.migrations import initialise
from glyphd.errors import GlyphdError
from glyphd.logs import configure_logs
from glyphd.scratch import use_scratch_folder
from glyphd.services import build_services
from glyphd.settings import load_settings
from worker.consumer import run_worker
from worker.pending import run_pending

EXIT_UNUSABLE = 2


@click.command()
@click.option("--db-path", type=click.Path(path_type=Path), help="The archive (GLYPHD_DB_PATH).")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder for all data (GLYPHD_DATA_DIR).")
@click.option("--once", is_flag=True, help="Run what is queued, then end.")
@click.option("--ping", is_flag=True, help="Only tell whether a worker is alive on this host: exit code 0, else 1.")
@click.option("--stop-with-parent", is_flag=True, help="End when stdin is closed.")
def main(db_path: Path | None, data_dir: Path | None, once: bool, ping: bool, stop_with_parent: bool) -> None:
    """Take queued imports up and write them into the archive."""
    try:
        settings = load_settings(db_path=db_path, data_dir=data_dir)
        services = build_services(settings)
        if ping:
            sys.exit(0 if services.registry.workers_alive(socket.gethostname()) else 1)
        configure_logs(settings)
        initialise(settings)
        use_scratch_folder(settings)
        if once:
            run_pending(services)
        else:
            run_worker(services, stop_with_parent=stop_with_parent)
    except GlyphdError as error:
        click.echo(f"glyphd worker: {error.detail}", err=True)
        sys.exit(EXIT_UNUSABLE)


if __name__ == "__main__":
    main()
