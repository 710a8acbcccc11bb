"""The server's limits: sizes, numbers and times, fixed at the start."""

from dataclasses import dataclass
from pathlib import Path

from glyphd.api.body_limits import BodyLimits
from glyphd.descriptors import descriptor_limit
from glyphd.settings import MIB, Settings

# Up to this size a body needs neither a place nor reserved space; a larger one is an upload.
SMALL_BODY_BYTES = 256 * 1024
# Larger bodies are written to disk as they arrive, because one for each connection must fit into
# memory.
HELD_BODY_BYTES = 64 * 1024

# Each can have a small body in memory: with more connections, these alone could fill it.
MOST_CONNECTIONS = 500
_FEWEST_CONNECTIONS = 16
_DESCRIPTORS_OF_A_THREAD = (
    12  # three databases, with SQLite's logs beside them, and the files of an upload
)
_OTHER_DESCRIPTORS = 80  # among them those of kept results


@dataclass(frozen=True)
class ServerLimits:
    """Where to listen, and the limits; sizes are in bytes, durations in seconds.

    So many quick requests as `quick_at_once` are answered at the same time; one that takes longer
    than `quick_seconds` no longer counts.
    `max_json_bytes` is for JSON bodies, which are held in memory; None: like any other.
    `linger_timeout` is how long a client may go on sending after its last answer. An answer must be
    read at `min_read_rate`, and fast enough to be sent within `longest_answer_seconds`.
    `min_body_rate`, `longest_body_seconds` and `rate_rises_each` are explained at `due_body_bytes`.
    Transfers slower than `fair_rate` are closed when others have no room; uploads with a place, and
    answers, only after `fair_seconds`.
    """

    host: str
    port: int
    threads: int
    max_body_bytes: int
    scratch_dir: Path
    grace_seconds: float
    quick_at_once: int = 1
    quick_seconds: float = 0.02
    max_json_bytes: int | None = None
    max_uploads_in_flight: int = 64
    max_connections: int = MOST_CONNECTIONS
    header_timeout: float = 10
    idle_timeout: float = 30
    min_body_rate: int = 1024
    longest_body_seconds: float = 86400
    rate_rises_each: float = 1800
    fair_rate: int = 32 * 1024
    fair_seconds: float = 5
    linger_timeout: float = 5
    min_read_rate: int = 4096
    longest_answer_seconds: float = 7200
    disk_reserve_bytes: int = 128 * MIB

    @classmethod
    def from_settings(cls, settings: Settings, processes: int = 1) -> "ServerLimits":
        """The limits of one of this many processes. The connections of all processes share one
        limit, because each can take memory; descriptors are limited for each process."""
        connections = connections_within(descriptor_limit(), settings.threads)
        share = max(MOST_CONNECTIONS // processes, _FEWEST_CONNECTIONS)
        return cls(
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
            max_body_bytes=settings.max_upload_bytes,
            scratch_dir=settings.scratch_dir,
            grace_seconds=settings.grace_seconds,
            # Python runs one thread at a time, and threads that compete for it take longer together
            # than one after another. Those that wait for a database server don't compete.
            quick_at_once=settings.threads if settings.database_url else 1,
            max_json_bytes=settings.max_json_bytes,
            max_uploads_in_flight=settings.max_uploads_in_flight,
            max_connections=min(connections, share),
            disk_reserve_bytes=settings.disk_reserve_bytes,
        )

    @property
    def of_bodies(self) -> BodyLimits:
        return BodyLimits(self.max_body_bytes, self.max_json_bytes or self.max_body_bytes)

    def due_body_bytes(self, announced: int | None, seconds: float) -> float:
        """How much of a body must have arrived after this time.

        A larger body must be faster, so that it is complete within `longest_body_seconds`. For a
        chunked body the minimum rate is added once more with every `rate_rises_each`. With the
        defaults a client that sends 50 KiB/s is always fast enough, up to 4 GiB.
        """
        if announced is None:
            rate = self.min_body_rate * (1 + seconds / self.rate_rises_each)
        else:
            rate = max(self.min_body_rate, announced / self.longest_body_seconds)
        return rate * seconds

    def is_slow(self, count: int, seconds: float) -> bool:
        """Whether a body or an answer that moved this many bytes can be closed for others."""
        return count < self.fair_rate * seconds


def connections_within(descriptors: int | None, threads: int) -> int:
    """How many connections fit; each can need another descriptor for a file with its body or its
    answer."""
    if descriptors is None:
        return MOST_CONNECTIONS
    left = descriptors - _OTHER_DESCRIPTORS - threads * _DESCRIPTORS_OF_A_THREAD
    return min(MOST_CONNECTIONS, max(left // 2, _FEWEST_CONNECTIONS))
