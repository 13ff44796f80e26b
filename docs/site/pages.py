"""Hooks of MkDocs: the navigation, the API reference, and the pages that lie outside ``docs/``.

The navigation follows the headings and links of the index, ``docs/README.md``. The reference has a
page for every package of ``src/sfumato`` and for every module that belongs to none, so new modules
appear by themselves. Links are written for a reader of the repository. Those that leave ``docs/``
are rewritten: to the reference for a module, and to a copy in the site for other files. Files and
modules that a page names have to exist.
"""

from __future__ import annotations

import ast
import logging
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LOG = logging.getLogger("mkdocs.hooks.pages")

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "sfumato"
# The command line documents itself by --help, and `run` is shown as the face, `sfumato`.
WITHOUT_PAGE = {"__main__", "cli", "run"}
OUTSIDE = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/**/*.md"]
NAMED = re.compile(r"`((?:tests|benchmarks|src|docs)/[\w./-]+|sfumato(?:\.\w+)+)`")
ESCAPED = re.compile(r"`[^`\n]*\\\|[^`\n]*`")
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation from the index and the packages."""
    groups: list[object] = ["README.md"]
    for heading, body in re.findall(r"^## (.+)\n([^#]+)", (DOCS / "README.md").read_text(), re.M):
        links = [_in_site(_target(DOCS / "README.md", link)) for link in LINK.findall(body)]
        groups.append({heading: [page for page in links if page.endswith(".md")]})
    groups.append({"API reference": ["reference/README.md", *map(_page, _packages())]})
    config.nav = groups
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference and the pages outside ``docs/``, with the files that those link to."""
    added = {"reference/README.md": _reference_index()}
    added |= {_page(package): _reference_page(package) for package in _packages()}
    for page, content in added.items():
        files.append(File.generated(config, page, content=content))
    pages = [page for pattern in OUTSIDE for page in sorted(ROOT.glob(pattern))]
    readers = [*pages, *DOCS.glob("*.md")]
    linked = {_target(page, link) for page in readers for link in LINK.findall(page.read_text())}
    for path in sorted({*pages, *linked}):
        if path.is_file() and not path.is_relative_to(DOCS) and not _in_reference(path):
            files.append(File.generated(config, _in_site(path), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of pages to where their targets are in the site, and check names."""
    here = page.file.src_uri
    source = Path(page.file.abs_src_path or "")
    if not source.is_file():  # A page of the reference; its links are those of the site already.
        return markdown
    for name in NAMED.findall(markdown):
        if source.name != "CHANGELOG.md" and not _exists(name):
            LOG.warning("Doc file '%s' names '%s', which does not exist.", here, name)

    def rewritten(match: re.Match[str]) -> str:
        path = _target(source, match[1])
        target = _in_reference(path) or _in_site(path)
        return posixpath.relpath(target, posixpath.dirname(here) or ".")

    # GitHub wants bars in the code of a table escaped; Python-Markdown would show the backslash.
    unescaped = ESCAPED.sub(lambda match: match[0].replace("\\|", "|"), markdown)
    return LINK.sub(rewritten, unescaped)


def _exists(name: str) -> bool:
    """Whether there is such a file, or such a module with at most two names inside it."""
    if "/" in name:
        return (ROOT / name).exists()
    parts = name.split(".")
    modules = (".".join(parts[:length]) for length in range(len(parts), len(parts) - 3, -1))
    return len(parts) == 2 or any(len(m.split(".")) > 1 and _file(m).is_file() for m in modules)


def _target(page: Path, link: str) -> Path:
    return Path(posixpath.normpath(page.parent / link))


def _in_site(path: Path) -> str:
    """The path in the site of a file of the repository."""
    if path == ROOT / "README.md":
        return "overview.md"
    root = DOCS if path.is_relative_to(DOCS) else ROOT
    return path.relative_to(root).as_posix()


def _in_reference(path: Path) -> str | None:
    """The section of the reference about a module; None for all other files."""
    if not path.is_relative_to(PACKAGE) or path.suffix != ".py":
        return None
    module = _module(path)
    if module in _packages():
        return _page(module)
    package = module.rpartition(".")[0]
    return f"{_page(package)}#{module}" if package in _packages()[1:] else None


@cache
def _packages() -> list[str]:
    """Packages, and modules at the top that are no package, by their dotted names."""
    folders = {file.parent for file in PACKAGE.rglob("*.py")}
    files = [*PACKAGE.glob("*.py"), *(folder / "__init__.py" for folder in folders)]
    names = sorted({_module(file) for file in files})
    return [name for name in names if [*name.split("."), ""][1] not in WITHOUT_PAGE]


def _module(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _page(package: str) -> str:
    return f"reference/{package}.md"


def _summary(module: str) -> str:
    docstring = ast.get_docstring(ast.parse(_file(module).read_text("utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ")


def _reference_index() -> str:
    rows = [f"| [{name}]({name}.md) | {_summary(name)} |" for name in _packages()]
    return (
        "# API reference\n\nThese pages are generated from the docstrings, one for each package. "
        "Packages further down\nin the [architecture](../architecture.md) do not know those above "
        "them.\n\n| package | contents |\n|---|---|\n" + "\n".join(rows) + "\n"
    )


def _reference_page(package: str) -> str:
    return "".join([f"# {package}\n", *_sections(package)])


def _sections(package: str) -> Iterator[str]:
    yield _section(package, _own_names(package))
    if package != PACKAGE.name and _file(package).name == "__init__.py":
        for file in sorted(_file(package).parent.glob("*.py")):
            if file.name != "__init__.py":
                yield _section(_module(file), None)


def _section(module: str, members: list[str] | None) -> str:
    heading = "" if members is None else "      show_root_heading: false\n"
    listed = "" if members is None else f"      members: {members}\n"
    options = f"    options:\n{heading}{listed}" if heading else ""
    return f"\n::: {module}\n{options}"


def _own_names(package: str) -> list[str]:
    """Public names that a package defines itself; for the face, those that it offers."""
    tree = ast.parse(_file(package).read_text("utf-8"))
    if package == PACKAGE.name:
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                return [name for name in ast.literal_eval(node.value) if name[0] != "_"]
    definitions = (ast.FunctionDef, ast.ClassDef)
    names = [node.name for node in tree.body if isinstance(node, definitions)]
    return [name for name in names if not name.startswith("_")]
