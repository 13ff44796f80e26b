"""Type-check the Python examples of the documentation with ``mypy --strict``.

    python docs/site/examples.py

A page becomes one module, in which every line of code keeps its number, so that an error names the
line of the page. Names that a page does not define itself are declared in a comment above its
first example, which no reader sees::

    <!-- Declarations for the type check of the examples:
    x0: torch.Tensor
    -->
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "build" / "examples"
# These quote single lines of the source; a test compares them with it.
QUOTATIONS = {"training-step.md"}
CODE = re.compile(
    r"^(?:```python|<!-- Declarations for the type check of the examples:)\n(.*?)^(?:```|-->)$",
    re.MULTILINE | re.DOTALL,
)
# On the line of the title. A page may use one name for several things; in torch, the results of
# modules are Any and Tensor.backward has no declared types.
OPTIONS = "# mypy: allow-redefinition, disallow-untyped-calls=False, warn-return-any=False"


def main() -> int:
    """Check all pages; returns mypy's exit code."""
    MODULES.mkdir(parents=True, exist_ok=True)
    pages = {}
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if page.name in QUOTATIONS:
            continue
        if code := code_of(page.read_text("utf-8")):
            name = "overview" if page.parent == ROOT else page.stem.replace("-", "_")
            pages[f"build/examples/example_{name}.py"] = page.relative_to(ROOT).as_posix()
            (MODULES / f"example_{name}.py").write_text(code, "utf-8")
    environment = os.environ | {"MYPYPATH": os.pathsep.join(["docs", "src"])}
    checked = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mypy", "--strict", *pages],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    report = checked.stdout + checked.stderr
    for module, shown in pages.items():
        report = report.replace(module, shown)
    print(report, end="")
    return checked.returncode


def code_of(markdown: str) -> str:
    """The examples of a page at the lines where they stand; empty where there are none."""
    if "\n```python\n" not in markdown:
        return ""
    lines = [OPTIONS, *[""] * markdown.count("\n")]
    for block in CODE.finditer(markdown):
        first = markdown.count("\n", 0, block.start(1))
        for offset, line in enumerate(block[1].splitlines()):
            lines[first + offset] = line
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
