"""Commands that look and change nothing: at the machine, and at the files of a run."""

from __future__ import annotations

from sfumato.cli import show
from sfumato.cli.options import Json, RunName
from sfumato.errors import DamagedFile


def doctor(*, json: Json = False) -> None:
    """Tell what this machine has, and what Sfumato will use and why."""
    from sfumato.verbs.doctor import examine

    show.doctor(examine(), json)


def verify(run: RunName, *, json: Json = False) -> None:
    """Check a run's files against what was written: what can be resumed, sampled, mended?"""
    from sfumato.runs.directory import locate
    from sfumato.runs.verify import verify

    found = verify(locate(run))
    show.verified(found, json)
    if found.problems:
        number = len(found.problems)
        raise DamagedFile(
            f"{number} {'file' if number == 1 else 'files'} of the run '{found.run}' "
            f"{'is' if number == 1 else 'are'} not what was written.",
            hint="what to do about each stands above.",
        )
