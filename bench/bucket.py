"""A large upload into a bucket, against the same object sent by obstore alone, and the API's memory
during the upload."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import obstore
from obstore.store import from_url

from bench.data import write_repeated
from bench.plan import Plan
from bench.samples import Result, at_most, mebibytes, seconds, spaced
from bench.service import ASYNC, running_service
from glyphd.uploads.bucket_client import PARALLEL_PARTS, PART_BYTES
from tests.bucket_server import BUCKET, running_bucket_server

SIZE = 300_000_000
LARGE_SIZE = 1_000_000_000
LEAST = 1_000_000
SOURCE_ROWS = 100_000
ROUNDS = 3
MOST_MEMORY_BYTES = 150_000_000


def measure(plan: Plan) -> list[Result]:
    through: list[float] = []
    alone: list[float] = []
    with plan.scratch() as folder, _bucket():
        file, large = (_file(plan, folder, size) for size in (SIZE, LARGE_SIZE))
        for _ in plan.rounds(ROUNDS):
            through.append(_upload(plan, file)[0])
            alone.append(_put(file))
        peak = _upload(plan, large)[1]
    sizes = [f"{spaced(path_size // 1_000_000)} MB" for path_size in _sizes(plan)]
    return [
        Result(
            f"{sizes[0]} into a bucket, to its 202",
            seconds(through),
            "obstore alone",
            seconds(alone),
            at_most(2.0),
        ),
        Result(
            f"API's peak memory, {sizes[1]} into a bucket",
            mebibytes(peak),
            "150 MB",
            mebibytes(MOST_MEMORY_BYTES / (1 << 20)),
            at_most(1),
        ),
    ]


def _sizes(plan: Plan) -> list[int]:
    return [plan.size(size, least=LEAST) for size in (SIZE, LARGE_SIZE)]


def _file(plan: Plan, folder: Path, size: int) -> Path:
    source = plan.offers(SOURCE_ROWS)
    return write_repeated(source, folder / f"{size}.csv", plan.size(size, least=LEAST))


@contextmanager
def _bucket() -> Iterator[None]:
    """A bucket server. Its variables are set in this process and in those that it starts."""
    with running_bucket_server() as server:
        os.environ.update(server.environment)
        try:
            yield
        finally:
            for name in server.environment:
                del os.environ[name]
            os.environ.pop("GLYPHD_UPLOAD_URL", None)


def _upload(plan: Plan, file: Path) -> tuple[float, float]:
    """Seconds until the 202, and the API's peak memory in MiB."""
    os.environ["GLYPHD_UPLOAD_URL"] = f"s3://{BUCKET}/{uuid4().hex}"
    with (
        plan.scratch() as folder,
        running_service(folder / "data", worker=False) as service,
        service.client() as client,
    ):
        began = perf_counter()
        client.post_file("/api/import", file, ASYNC)
        return perf_counter() - began, service.peak_mib(worker=False)


def _put(file: Path) -> float:
    store = from_url(f"s3://{BUCKET}/{uuid4().hex}", client_options={"allow_http": True})
    began = perf_counter()
    obstore.put(store, "file", file, chunk_size=PART_BYTES, max_concurrency=PARALLEL_PARTS)
    return perf_counter() - began
