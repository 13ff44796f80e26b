"""Coverage-guided fuzzing of everything that reads files from strangers.

    pip install '.[fuzz]'
    python fuzz/readers.py TARGET [-max_total_time=60] [CORPUS]     # make fuzz: each for a minute

An error of ours is an answer; any other exception, a crash or more than 2 GB of memory stops it,
and leaves the input in ``crash-*``. The targets are the cases of tests/faults/readers.py, whose
sound files are the first inputs. What is found belongs into the tests of the reader.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["sfumato", "PIL", "json", "zipfile", "tarfile", "csv"]):
    from sfumato.errors import SfumatoError
    from tests.faults.readers import CASES


def main() -> None:
    """Fuzz one target until told otherwise; ``--list`` names them."""
    if sys.argv[1:] == ["--list"]:
        print(*CASES)
        return
    if len(sys.argv) < 2 or sys.argv[1] not in CASES:
        known = ", ".join(CASES)
        sys.exit(f"usage: python fuzz/readers.py TARGET [options of libFuzzer]\ntargets: {known}")
    target = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        case = CASES[target](root)
        corpus, place = root / "corpus", root / "input"
        for directory in (corpus, place):
            directory.mkdir()
        for number, seed in enumerate(case.seeds):
            (corpus / str(number)).write_bytes(seed)

        def one(content: bytes) -> None:
            path = place / case.file
            path.write_bytes(content)
            try:
                case.read(path)
            except SfumatoError:
                return

        options = ["-rss_limit_mb=2048", "-timeout=20", "-max_len=65536"]
        atheris.Setup([*sys.argv[:1], *options, *sys.argv[1:], str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
