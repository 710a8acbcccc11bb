"""Builds the site from the Markdown files beside this one: `make docs`, then open
build/docs/index.html.

The files carry no directives, so that they read as well on a code host; the contents of the site
are listed here.
"""

from pathlib import Path

from sphinx.application import Sphinx

FOLDER = Path(__file__).parent

project = "glyphd"
project_copyright = "the glyphd authors"
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "glyphd"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"sidebar_hide_name": False, "navigation_with_keys": True}
# Examples are shortened with `…`, which is not JSON.
suppress_warnings = ["misc.highlighting_failure"]

CONTENTS = {
    "Start here": ["FIRST_STEPS", "OPERATOR", "ANALYST", "INTEGRATOR", "CONTRIBUTING"],
    "Reference": [
        "API",
        "QUESTIONS",
        "TOKENS",
        "CLIENT",
        "PRICE_INDEX",
        "PAGE",
        "SETTINGS",
        "DATA_MODEL",
    ],
    "Running it": ["OPERATIONS", "BUCKETS", "METRICS", "RELIABILITY", "BENCHMARKS", "PERFORMANCE"],
    "How it is built": ["ARCHITECTURE", "adr/README"],
}


def setup(app: Sphinx) -> None:
    app.connect("source-read", _add_contents)


def _add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Append the tables of contents to the two pages that have one."""
    if page == "index":
        source[0] += "".join(_toctree(caption, pages) for caption, pages in _contents().items())
    elif page == "adr/README":
        source[0] += _toctree("", sorted(path.stem for path in FOLDER.glob("adr/[0-9]*.md")))


def _contents() -> dict[str, list[str]]:
    """The pages by caption; one that no caption lists is about how it is built."""
    listed = {page for pages in CONTENTS.values() for page in pages}
    others = sorted({path.stem for path in FOLDER.glob("*.md")} - listed - {"index"})
    return CONTENTS | {"How it is built": CONTENTS["How it is built"] + others}


def _toctree(caption: str, pages: list[str]) -> str:
    head = f":caption: {caption}\n" if caption else ""
    return "\n\n```{toctree}\n:hidden:\n" + head + "\n" + "\n".join(pages) + "\n```\n"
