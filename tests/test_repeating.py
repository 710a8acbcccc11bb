"""What the API process repeats in the background."""

from threading import Event, enumerate as enumerate_threads

from glyphd.repeating import Repeating

PATIENCE_SECONDS = 10


def test_an_action_that_fails_is_called_again() -> None:
    calls: list[None] = []
    succeeded = Event()

    def action() -> None:
        calls.append(None)
        if len(calls) == 1:
            raise RuntimeError("the registry is away")
        succeeded.set()

    with Repeating(action, 0.01, failure="registry_unknown"):
        assert succeeded.wait(PATIENCE_SECONDS)


def test_the_first_call_does_not_wait() -> None:
    called = Event()
    with Repeating(called.set, 1000 * PATIENCE_SECONDS, failure="registry_unknown"):
        assert called.wait(PATIENCE_SECONDS)


def test_its_thread_ends_with_the_block() -> None:
    called = Event()
    with Repeating(called.set, 0.01, failure="registry_unknown"):
        assert called.wait(PATIENCE_SECONDS)
        assert "registry_unknown" in _threads()
    assert "registry_unknown" not in _threads()


def _threads() -> set[str]:
    return {thread.name for thread in enumerate_threads()}
