"""`python -m bench.measures [FOLDER]`: measures how readable the code is, and shows the figures
beside those of projects that read well.

Only the code itself is measured. Lines of code are those that are not blank, not a comment and not
in a docstring. The models' figures are those of healthchecks, checkmate, scout, sqlite-utils,
datasette, starlette and uvicorn, measured in November 2026.
"""

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGES = ("glyphd", "worker")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, its syntax tree, its lines of code and its number of comments."""

    name: str
    tree: ast.Module
    code: list[str]
    comments: int

    def imports(self) -> Iterator[str]:
        """The modules that it imports, and the names that it imports from them, which may be
        modules too."""
        for node in _executed(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@dataclass
class Measures:
    """The figures for the table, added up over the modules."""

    lengths: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    uses: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    modules: Counter[str] = field(default_factory=Counter)
    conditionals: int = 0
    comments: int = 0
    typed: int = 0

    def add(self, module: Module) -> None:
        self.widths += map(len, module.code)
        self.comments += module.comments
        self.modules[module.name.rpartition(".")[2]] += 1
        self.classes.update(
            {node.name for node in module.tree.body if isinstance(node, ast.ClassDef)}
        )
        for node in ast.walk(module.tree):
            self._add_node(node)

    def _add_node(self, node: ast.AST) -> None:
        if isinstance(node, _FUNCTIONS):
            self.lengths.append((node.end_lineno or node.lineno) - node.lineno + 1)
            self.typed += _is_typed(node)
            if node.name.startswith("_") and not node.name.endswith("__"):
                self.private.append(node.name)
        elif isinstance(node, ast.IfExp):
            self.conditionals += 1
        elif isinstance(node, ast.Name):
            self.uses[node.id] += 1
        elif isinstance(node, ast.Attribute):
            self.uses[node.attr] += 1

    def per(self, count: int, lines: int) -> str:
        return f"{count * lines / len(self.widths):.1f}"


def table(folder: Path) -> str:
    """A table in Markdown: each measure, its value here, and its value in the models."""
    modules = list(_modules(folder))
    found = Measures()
    for module in modules:
        found.add(module)
    functions = len(found.lengths)
    once = sum(found.uses[name] == 1 for name in found.private)
    rows = [
        ("lines of code", f"{len(found.widths):,}".replace(",", " "), ""),
        ("function median / p90 / longest, lines", _spread(found.lengths), "5–13 / 21–74 / 66–492"),
        ("import cycles", str(_cycles(modules)), "some"),
        ("typed functions", f"{100 * found.typed / functions:.0f} %", "0–99 %"),
        ("private functions used once, of all", f"{100 * once / functions:.0f} %", "1–15 %"),
        ("conditional expressions per 1 000 lines", found.per(found.conditionals, 1000), "2–10"),
        ("line width, 95th percentile", str(_quantile(found.widths, 0.95)), "71–85"),
        ("comments per 100 lines", found.per(found.comments, 100), "3–17"),
        ("module names used twice", str(_twice(found.modules)), ""),
        ("class names used twice", str(_twice(found.classes)), ""),
    ]
    lines = ["| | here | models |", "|---|--:|--:|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _modules(folder: Path) -> Iterator[Module]:
    for package in PACKAGES:
        for path in sorted((folder / package).rglob("*.py")):
            text = path.read_text()
            tree = ast.parse(text)
            tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
            comments = [token for token in tokens if token.type == tokenize.COMMENT]
            name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(
                ".__init__"
            )
            yield Module(name, tree, _code(text.splitlines(), tree, comments), len(comments))


def _code(lines: list[str], tree: ast.Module, comments: list[tokenize.TokenInfo]) -> list[str]:
    left_out = {comment.start[0] for comment in comments if comment.line.lstrip().startswith("#")}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return [line for number, line in enumerate(lines, 1) if line.strip() and number not in left_out]


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes except those that only a type checker reads."""
    left = [tree]
    while left:
        node = left.pop()
        if (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        ):
            continue
        yield node
        left.extend(ast.iter_child_nodes(node))


def _is_typed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = function.args
    arguments = [
        *given.posonlyargs,
        *given.args,
        *given.kwonlyargs,
        *filter(None, (given.vararg, given.kwarg)),
    ]
    if arguments and arguments[0].arg in ("self", "cls"):
        del arguments[0]
    return function.returns is not None and all(argument.annotation for argument in arguments)


def _cycles(modules: list[Module]) -> int:
    """1 if modules import each other in a cycle, else 0. A package's `__init__` counts as a module
    of its own."""
    names = {module.name for module in modules}
    graph = {module.name: set(module.imports()) & names - {module.name} for module in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return 1
    return 0


def _spread(lengths: list[int]) -> str:
    return f"{_quantile(lengths, 0.5)} / {_quantile(lengths, 0.9)} / {max(lengths)}"


def _quantile(values: Sequence[int], share: float) -> int:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _twice(names: Counter[str]) -> int:
    return sum(count > 1 for name, count in names.items() if not name.startswith("__"))


if __name__ == "__main__":
    print(table(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
