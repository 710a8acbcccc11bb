"""The worker as a process: `glyphd worker`."""

from glyphd.db.migration_sets import ARCHIVE, is_anything_there
from glyphd.errors import NotReady
from glyphd.logs import configure_logs
from glyphd.scratch import use_scratch_folder
from glyphd.services import build_services
from glyphd.settings import Settings
from glyphd.uploads.opening import prepare_ledger
from worker.consumer import run_worker
from worker.pending import run_pending


def run(settings: Settings, *, once: bool, stop_with_parent: bool) -> None:
    """Runs jobs until it is stopped; with `once` only those that are queued. Call it in the main
    thread.

    A fresh folder is initialised, unless a parent process has done so: then a missing archive may
    reappear with its disk. Raises what `prepare_ledger` raises, and NotReady.
    """
    configure_logs(settings)
    if stop_with_parent and not is_anything_there(settings, ARCHIVE):
        raise NotReady("the archive is missing")
    prepare_ledger(settings)
    use_scratch_folder(settings)
    services = build_services(settings)
    if once:
        run_pending(services)
    else:
        run_worker(services, stop_with_parent=stop_with_parent)
