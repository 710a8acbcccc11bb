"""The counts and findings of a chaos run, and their table."""

import signal
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class Findings:
    """Everything that was wrong, in sentences."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Valid files whose import failed."""

    def add(self, other: "Findings") -> None:
        self.lost += other.lost
        self.doubled += other.doubled
        self.wrong += other.wrong
        self.failed += other.failed

    def sentences(self) -> list[str]:
        named = {
            "LOST": self.lost,
            "DOUBLED": self.doubled,
            "WRONG": self.wrong,
            "FAILED": self.failed,
        }
        return [f"{name}: {sentence}" for name, found in named.items() for sentence in found]


ROWS = (
    "rounds",
    "archives begun empty",
    "files uploaded",
    "of them with rows that are refused",
    "tries that got no answer, sent again",
    "answers that were replays",
    "`kill -9` of an API",
    "`kill -9` of a worker",
    "`kill -9` of all processes",
    "an API frozen",
    "a worker frozen",
    "the primary frozen",
    "`kill -9` of the standby",
    "failover from a killed primary",
    "failover from a frozen primary",
    "`kill -9` of the bucket",
    "the bucket frozen",
    "`kill -9` of Redis",
    "Redis frozen",
    "uploads that a failover made orphans",
    "answers that a failover forgot, whose request became another import",
    "SIGTERM to an API",
    "SIGTERM to a worker",
    "trouble: readonly",
    "trouble: full",
    "trouble: queue",
    "trouble: registry",
    "trouble: settings",
    "trouble: terminate",
    "processes that could not start then, started again",
    "attempts lost with their worker",
    "most attempts of one import",
    "imports succeeded",
    "imports failed for rows in their file",
    "rows in the archives, each compared",
    "offers that watches found",
)


class Tally:
    """Counters that many threads may increase."""

    def __init__(self) -> None:
        self.findings = Findings()
        self.seconds = 0.0
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, name: str, number: int = 1) -> None:
        assert name in ROWS, name
        with self._lock:
            self._counts[name] += number

    def most(self, name: str, number: int) -> None:
        with self._lock:
            self._counts[name] = max(self._counts[name], number)

    def count_strike(self, is_api: bool, number: signal.Signals) -> None:
        who = "an API" if is_api else "a worker"
        self.count(f"`kill -9` of {who}" if number is signal.SIGKILL else f"SIGTERM to {who}")

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def table(self, head: str) -> str:
        """A Markdown table: what was done and seen, and at the end the counts that must be 0."""
        found = self.findings
        rows = [(name, self._counts[name]) for name in ROWS if self._counts[name]]
        rows += [
            ("**lost**", len(found.lost)),
            ("**doubled**", len(found.doubled)),
            ("**wrong**", len(found.wrong)),
        ]
        rows.append(("**sound files failed**", len(found.failed)))
        lines = [f"| {name} | {number} |" for name, number in rows]
        return "\n".join(
            [f"| {head} | |", "|---|--:|", *lines, f"| seconds | {self.seconds:.0f} |"]
        )
