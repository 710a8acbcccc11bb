"""How many examples a property is tried with: as many as a run of all tests has time for, and more
where they are asked for, as with `make test EXAMPLES=20 ARGS=tests/history`."""

import os

from hypothesis import HealthCheck, settings

FACTOR = int(os.environ.get("GLYPHD_TEST_EXAMPLES", "1"))


def examples(count: int) -> settings:
    """So many, or as many times more as were asked for. They may share what a test's fixtures
    made."""
    return settings(
        max_examples=count * FACTOR,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
