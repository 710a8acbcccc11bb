"""Which `traceparent` headers are valid under W3C Trace Context."""

import pytest

from glyphd.importing.traces import read_traceparent

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE_ID}-{PARENT_ID}-01"


def test_a_valid_one_is_taken_as_it_is() -> None:
    assert read_traceparent(VALID) == VALID


def test_what_a_later_version_adds_is_left_out() -> None:
    later = f"01-{TRACE_ID}-{PARENT_ID}-01"
    assert read_traceparent(f"{later}-more") == later


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "nonsense",
        VALID.upper(),
        f" {VALID}",
        f"{VALID}\n",
        f"{VALID}-more",
        f"{VALID}0",
        f"{VALID},{VALID}",
        f"01-{TRACE_ID}-{PARENT_ID}-01more",
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID[1:]}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID}-١٢",
    ],
)
def test_a_malformed_one_counts_as_none(sent: str) -> None:
    assert read_traceparent(sent) is None
