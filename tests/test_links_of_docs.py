"""The links of the documents work, and none points outside the repository."""

import re
from pathlib import Path

import pytest

from tests.documents import ROOT

DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    ROOT / "clients/python/README.md",
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=_relative)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def _anchors(document: Path) -> set[str]:
    """The anchors of the headings, as GitHub generates them."""
    titles = (title for _, title in HEADING.findall(document.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=_relative)
def test_no_document_points_outside_the_repository(document: Path) -> None:
    assert not re.search(r"\.\./shared|/work/|/tmp/|/root/", document.read_text())


def test_every_record_of_a_decision_is_in_the_index() -> None:
    index = ROOT / "docs/adr/README.md"
    records = {path.name for path in index.parent.glob("[0-9]*.md")}
    assert set(LINK.findall(index.read_text())) == records
    assert {
        Path(link).name for link in LINK.findall((ROOT / "docs/ARCHITECTURE.md").read_text())
    } >= records
