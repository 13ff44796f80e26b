"""Letting pip download a source archive without running it.

To learn what a source archive depends on, pip hands it to the build backend, whose first act is to
run ``setup.py``; no option prevents it. So pip is told to build without isolation (PEP 517), where
the backend is found by its name, and is shown a backend of that name that looks at nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from sfumato.catalogue.package import Package

OPTIONS = ("--use-pep517", "--no-build-isolation")

# Found as "setuptools.build_meta:__legacy__", in a process that pip starts in the unpacked archive.
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


def inert_environment(package: Package, folder: Path) -> dict[str, str]:
    """The variables of this process, with the stand-in first on the import path.

    Args:
        package: The package that pip is about to download.
        folder: An empty folder that will hold the stand-in.
    """
    stand_in = folder / "setuptools"
    stand_in.mkdir()
    (stand_in / "__init__.py").touch()
    # A dash in the folder of the metadata would end the name there.
    name = package.package.replace("-", "_")
    backend = _BACKEND.format(name=name, version=package.version)
    (stand_in / "build_meta.py").write_text(backend, encoding="utf-8")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
