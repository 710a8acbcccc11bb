"""A service on a block device that is copied at the moment of each promise. A service is then
started on each copy."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from glyphd.settings import MIB, Settings
from tests.chaos.checks import Checker
from tests.chaos.clients import Sent
from tests.chaos.clusters import Cluster, environment_of, running_cluster, until
from tests.chaos.files import GivenFile, make_file
from tests.chaos.keeping import outside_environment
from tests.chaos.tallies import Tally
from tests.power.devices import Device, make_blocks, mounted

DEVICE_BYTES = 64 * MIB
RESERVE = str(MIB)
SIZES = (2000, 50, 6000, 400)


@dataclass(frozen=True)
class Image:
    """The blocks at one moment, and what had been promised to clients by then."""

    moment: str
    blocks: Path
    sent: list[Sent]
    succeeded: list[str]


@dataclass
class Recorder:
    """Sends files and takes an image at each 202, and whenever an import has succeeded."""

    cluster: Cluster
    device: Device
    folder: Path
    sent: list[Sent] = field(default_factory=list)
    succeeded: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)

    def send(self, file: GivenFile) -> None:
        headers = {
            "Content_Type": "text/csv",
            "Idempotency_Key": file.key,
            "Prefer": "respond-async",
        }
        answer = self.cluster.request("POST", f"/api/import?{file.query}", file.body, **headers)
        with stopped():
            assert answer.status == 202, answer
            self.sent.append(Sent(file, answer.json["import_id"], 1, is_replayed=False))
            self._take(f"the 202 of {file.filename}")

    def look(self) -> bool:
        """Takes an image for each import that has succeeded since the last call. Returns whether
        all have."""
        for one in self.sent:
            if one.import_id in self.succeeded:
                continue
            status = self.cluster.get(f"/api/imports/{one.import_id}")["status"]
            if status == "succeeded":
                with stopped():
                    self.succeeded.append(one.import_id)
                    self._take(f"the end of {one.file.filename}")
        return len(self.succeeded) == len(self.sent)

    def _take(self, moment: str) -> None:
        blocks = self.folder / f"image-{len(self.images)}"
        self.device.copy(blocks)
        self.images.append(Image(moment, blocks, list(self.sent), list(self.succeeded)))


def record(folder: Path, count: int, runner: tuple[str, ...] = ()) -> list[Image]:
    """Runs a service on a device of its own with `count` uploads, and returns all images."""
    blocks = folder / "blocks"
    make_blocks(blocks, DEVICE_BYTES)
    with mounted(blocks, folder / "device") as device:
        settings = Settings(data_dir=device.folder / "data")
        with running_cluster(
            settings, folder, runner=runner, GLYPHD_DISK_RESERVE_BYTES=RESERVE
        ) as cluster:
            until(cluster.answers)
            recorder = Recorder(cluster, device, folder)
            for number in range(count):
                recorder.send(_sound_file(number))
                recorder.look()
            until(recorder.look)
    blocks.unlink()
    return recorder.images


def lost_uploads(image: Image, folder: Path) -> list[str]:
    """Uploads that were answered with 202 and are not complete in the image."""
    with mounted(image.blocks, folder / "again") as device:
        return _missing_uploads(Settings(data_dir=device.folder / "data"), image.sent)


def faults_after(image: Image, folder: Path) -> list[str]:
    """What was promised before the image was taken but does not hold after a service has started on
    it."""
    with mounted(image.blocks, folder / "again") as device:
        settings = Settings(data_dir=device.folder / "data")
        found = _missing_uploads(settings, image.sent) + _missing_batches(settings, image.succeeded)
        with running_cluster(settings, folder, GLYPHD_DISK_RESERVE_BYTES=RESERVE) as cluster:
            until(cluster.answers)
            found += (
                Checker(cluster, Tally())
                .check([one.file for one in image.sent], image.sent)
                .sentences()
            )
        found += _verify(settings)
    return [f"after {image.moment}: {fault}" for fault in found]


@contextmanager
def stopped() -> Iterator[None]:
    """Stops all processes of the service with SIGSTOP, so that nothing is synced after this
    moment."""
    processes = psutil.Process().children(recursive=True)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def _sound_file(number: int) -> GivenFile:
    """A file without bad rows, so that its import has to succeed."""
    random = Random(number)
    while True:
        file = make_file(f"power-{number}", random, SIZES[number % len(SIZES)])
        if not file.bad_rows:
            return file


def _missing_uploads(settings: Settings, sent: list[Sent]) -> list[str]:
    return [f"LOST: the upload {one.file.filename}" for one in sent if not _is_kept(settings, one)]


def _is_kept(settings: Settings, one: Sent) -> bool:
    kept = settings.uploads_dir.glob(f"{one.import_id}*")
    return any(path.read_bytes() == one.file.body for path in kept)


def _missing_batches(settings: Settings, succeeded: list[str]) -> list[str]:
    """Imports that succeeded for a client but are not in the archive, before a service is started
    on it."""
    if not settings.archive_path.exists():
        return ["LOST: the archive"]
    with closing(sqlite3.connect(settings.archive_path)) as archive:
        kept = {row[0] for row in archive.execute("SELECT import_id FROM import_batches")}
    return [f"LOST: {import_id} had succeeded" for import_id in succeeded if import_id not in kept]


def _verify(settings: Settings) -> list[str]:
    command = [sys.executable, "-m", "glyphd", "verify", "--all"]
    environment = outside_environment() | environment_of(settings)
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return [] if run.returncode == 0 else [f"glyphd verify --all: {run.stdout}{run.stderr}"]
