"""Every call on the page of questions gives the answer shown there."""

import re
import subprocess

import pytest

from tests.documents import ROOT, fenced
from tests.e2e.processes import data_in, readiness, serving, until

PAGE = "docs/QUESTIONS.md"
QUESTION = re.compile(r"^### (\d+)\. (.+)$", re.MULTILINE)
END = "-- end of an answer --"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The answers of all calls, from one shell as a reader would use it."""
    folder = tmp_path_factory.mktemp("questions") / "data"
    with serving(environment=data_in(folder)) as api:
        until(lambda: readiness(api.address)["status"] == "ready")
        (filling,) = fenced(PAGE, "sh")
        script = filling.replace("http://localhost:8080", api.address)
        script += "".join(f"{call}\necho; echo '{END}'\n" for call, _ in _calls())
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    return [answer.strip() for answer in done.stdout.split(END)[:-1]]


def _calls() -> list[tuple[str, str]]:
    """Each call on the page with the answer below it."""
    blocks = [block.removeprefix("$ ").partition("\n") for block in fenced(PAGE, "console")]
    return [(call, answer.strip()) for call, _, answer in blocks]


def test_there_are_twenty_questions_with_one_call_each() -> None:
    text = (ROOT / PAGE).read_text()
    assert [int(number) for number, _ in QUESTION.findall(text)] == list(range(1, 21))
    parts = QUESTION.split(text)[3::3]
    assert [part.count("$ curl ") for part in parts] == [1] * 20


@pytest.mark.parametrize("number", range(20), ids=lambda number: f"question {number + 1}")
def test_the_answer_is_the_one_shown(answers: list[str], number: int) -> None:
    shown = _calls()[number][1]
    assert shown, "no answer is shown"
    assert answers[number] == shown
