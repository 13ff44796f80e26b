"""The house rules that an import can break: read from the source, not from memory."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import sfumato

SOURCE = Path(sfumato.__file__).parent

# Lowest first; rooms of one floor are strangers to each other.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"", "errors"}),
    frozenset({"registry", "regular", "escaping"}),
    frozenset({"storage", "dsp", "process", "conditions", "reading", "minilm"}),
    frozenset({"nets", "engine", "metrics", "data"}),
    frozenset({"denoiser", "imaging", "sound", "conditioning"}),
    frozenset({"oracle", "objective", "sampling", "guidance"}),
    frozenset({"likelihood", "restoration"}),
    frozenset({"recipes"}),
    frozenset({"media"}),
    frozenset({"catalogue", "parts"}),
    frozenset({"runs"}),
    frozenset({"model"}),
    frozenset({"training"}),
    frozenset({"evaluation"}),
    frozenset({"verbs"}),
    frozenset({"run"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# A backbone can be any torch module, so the waist knows no networks; and what is no diffusion
# does not know diffusion.
NEVER = {("denoiser", room) for room in ("nets", "media", "engine", "metrics")} | {
    (room, "process") for room in ("nets", "engine")
}

FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib", "cloudpickle"}
FORBIDDEN_ATTRIBUTES = {"torch.load", "torch.save", "os.system"}


def _module_of(file: Path) -> str:
    parts = ("sfumato", *file.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module_of(file): file for file in sorted(SOURCE.rglob("*.py"))}
TREES = {module: ast.parse(file.read_text("utf-8")) for module, file in MODULES.items()}


def _room(module: str) -> str:
    return [*module.split("."), ""][1]


def _named(module: str, node: ast.AST) -> Iterator[str]:
    """The modules of ours that an import statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in MODULES)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module} has a relative import"
        for alias in node.names:
            below = f"{node.module}.{alias.name}"
            if below in MODULES:
                yield below
            elif node.module in MODULES:
                yield node.module


def _imports(module: str) -> set[str]:
    """All imports of a module, those inside functions and for type checking among them."""
    return {name for node in ast.walk(TREES[module]) for name in _named(module, node)}


def _imports_at_once(tree: ast.Module) -> Iterator[ast.AST]:
    """Import statements that run when the module is imported."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if not is_typing and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += ast.iter_child_nodes(node)


def test_every_room_has_a_floor() -> None:
    assert {_room(module) for module in MODULES} == set(FLOOR_OF)


def test_imports_go_down() -> None:
    upward = set()
    for module in MODULES.keys() - {"sfumato"}:
        mine = _room(module)
        for name in _imports(module):
            other = _room(name)
            allowed = other == mine or FLOOR_OF[other] < FLOOR_OF[mine]
            if not allowed or (mine, other) in NEVER:
                upward.add((module.removeprefix("sfumato."), name.removeprefix("sfumato.")))
    assert not upward


def test_no_circles() -> None:
    # The face alone imports what is above it, and only for type checkers and on first use.
    graph = {module: _imports(module) - {module} for module in MODULES.keys() - {"sfumato"}}
    # A package's own __init__ gathers its parts, and `import a.b` names it too.
    for module, names in graph.items():
        names -= {m for m in names if module.startswith(f"{m}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {error.args[1]}")


def test_no_package_is_a_warren() -> None:
    lines = {module: file.read_text("utf-8").count("\n") for module, file in MODULES.items()}
    of_room: dict[str, int] = {}
    for module, count in lines.items():
        of_room[_room(module)] = of_room.get(_room(module), 0) + count
    largest = max(of_room, key=lambda room: of_room[room])
    assert of_room[largest] <= sum(lines.values()) / 5, f"{largest} has {of_room[largest]} lines"
    assert {module: count for module, count in lines.items() if count > 350} == {}


def _foreign_code(tree: ast.Module) -> Iterator[str]:
    """Statements that could run code which came with data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            if {name.split(".")[0] for name in names} & FORBIDDEN_IMPORTS:
                yield ast.unparse(node)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called in FORBIDDEN_CALLS | FORBIDDEN_ATTRIBUTES:
                yield ast.unparse(node)
            if called == "np.load" and keywords.get("allow_pickle") != "False":
                yield ast.unparse(node)


def test_nothing_runs_foreign_code() -> None:
    assert not {module: list(_foreign_code(tree)) for module, tree in TREES.items()
                if any(_foreign_code(tree))}  # fmt: skip


def test_the_checks_can_fail() -> None:
    tree = ast.parse("import pickle\nif x:\n  def f():\n    import dill\n  import json")
    assert {ast.unparse(node) for node in _imports_at_once(tree)} == {
        "import pickle",
        "import json",
    }
    assert list(_foreign_code(tree)) == ["import pickle", "import dill"]
    assert list(_foreign_code(ast.parse("np.load(f)\ntorch.load(f)\neval(s)"))) == [
        "np.load(f)", "torch.load(f)", "eval(s)",
    ]  # fmt: skip
    assert {"sfumato.denoiser", "sfumato.errors"} <= _imports("sfumato.guidance.guided")


def test_importing_the_package_costs_nothing() -> None:
    code = (
        "import sys, sfumato, sfumato.errors, sfumato.cli\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'PIL', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_face_is_what_it_says() -> None:
    for name in sfumato.__all__:
        assert getattr(sfumato, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        _ = sfumato.opne
