"""Memory: flat in the API whatever the upload's size, flat in the worker whatever the number of rows."""

from pathlib import Path

from bench.data import write_offers
from bench.service import running_service

SMALL_ROWS = 10_000
LARGE_ROWS = 1_000_000
LARGE_BYTES = 1_000_000_000


def measure(folder: Path) -> list[tuple[str, str, str, str]]:
    """Rows of a table: what, small, large, ratio."""
    small = write_offers(folder / "small.csv", SMALL_ROWS)
    large = write_offers(folder / "large.csv", LARGE_ROWS)
    giant = _repeat(large, folder / "giant.csv", LARGE_BYTES)
    peaks = {path.name: _peaks(folder, path, wait=path != giant) for path in (small, large, giant)}
    api_small, worker_small = peaks[small.name]
    api_giant, _ = peaks[giant.name]
    _, worker_large = peaks[large.name]
    return [
        _row("API: upload of 1 MB, of 1 GB", api_small, api_giant),
        _row("worker: import of 10 000 rows, of 1 000 000", worker_small, worker_large),
    ]


def _peaks(folder: Path, path: Path, *, wait: bool) -> tuple[float, float]:
    """Peak MiB of API and worker of a service of its own that took this one file in."""
    with running_service(folder / f"data-{path.stem}") as service:
        import_id = service.upload(path)
        if wait:
            service.wait(import_id)
        return service.peak_mib(worker=False), service.peak_mib(worker=True)


def _repeat(source: Path, target: Path, size: int) -> Path:
    """The source's lines over and over, to this size at least."""
    header, rows = source.read_bytes().split(b"\n", 1)
    with target.open("wb") as file:
        file.write(header + b"\n")
        while file.tell() < size:
            file.write(rows)
    return target


def _row(what: str, small: float, large: float) -> tuple[str, str, str, str]:
    return what, f"{small:.0f} MiB", f"{large:.0f} MiB", f"{large / small:.2f}"
