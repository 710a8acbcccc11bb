"""A separate process that runs the queued imports like a worker, and records how much memory each
of them needed."""

import json
import sys
from pathlib import Path
from threading import Event

from glyphd.db.connections import open_archive
from glyphd.services import build_services
from glyphd.settings import load_settings
from worker.context import WorkerContext
from worker.run_job import run_job

_STATUS = Path("/proc/self/status")


def main() -> None:
    services = build_services(load_settings())
    context = WorkerContext(services, open_archive(services.settings, read_only=False), Event())
    growth = {}
    for job in services.registry.unfinished():
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before = _kib("VmRSS")
        run_job(context, job.id)
        growth[job.import_id] = (_kib("VmHWM") - before) * 1024
    Path(sys.argv[1]).write_text(json.dumps(growth))


def _kib(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
