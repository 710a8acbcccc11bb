"""The memory of answers that wait for their readers, over all connections."""

from collections.abc import Iterable

from glyphd.server.channels import Channel

MOST_PENDING_BYTES = 64 << 20
"""Eight of the largest pages, or as many small ones as there may be connections."""


def slowest_beyond(most: int, channels: Iterable[Channel]) -> set[Channel]:
    """The connections without which the answers of all others take so many bytes: those with the
    slowest readers."""
    held = {channel: channel.held_bytes for channel in channels}
    excess = sum(held.values()) - most
    slowest: set[Channel] = set()
    if excess > 0:
        for channel in sorted(filter(held.get, held), key=lambda one: one.pace):
            slowest.add(channel)
            excess -= held[channel]
            if excess <= 0:
                break
    return slowest
