"""Limits the memory of answers that wait for their clients, over all connections."""

from collections.abc import Iterable

from glyphd.server.channels import Channel

MOST_PENDING_BYTES = 64 << 20
"""Eight of the largest pages, or one small page for each connection."""


def slowest_beyond(most: int, channels: Iterable[Channel]) -> set[Channel]:
    """The connections to close so that the answers of the others stay within the limit: those with
    the slowest clients."""
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
