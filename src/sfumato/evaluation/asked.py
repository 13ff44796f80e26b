"""What a user may ask to be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sfumato.errors import SettingError
from sfumato.metrics.kernel_distance import LEAST
from sfumato.model.model import LAST, require_within

_MOST = 1_000_000

# Settings that some media have nothing for, and whose they are.
_OWNERS = {
    "label": ("pictures", "sounds"),
    "scale": ("pictures", "sounds"),
    "speech": ("sounds",),
    "temperature": ("text",),
    "top_p": ("text",),
    "molecules": ("text",),
}


@dataclass(frozen=True)
class Asked:
    """What to measure; None stands for the medium's own default.

    Attributes:
        n: Samples: by default 1,000 pictures, 200 sounds or 64 texts.
        seed: Of all that is drawn.
        steps: Network evaluations per sample; the run's default if None.
        sampler: The rule for one step; the run's default if None.
        data: Folder, or name in the catalogue, of real items to compare with instead of those
            held out; the run must never have seen them.
        extractors: ONNX files whose features are measured as well.
        rows: Items whose likelihood is measured: by default 256, or 512 rows of text.
        draws: Times and noises for each of them: by default 16, or 8 for text.
        label: Pictures and sounds: class of all samples; drawn as often as in the data if None.
        scale: Pictures and sounds: guidance, 1 = off; the run's default if None.
        speech: Sounds: let a recogniser write down samples whose classes are words; done anyway
            for the catalogue's spoken numbers where it is installed.
        temperature: Texts: below 1 = safer tokens, 1 = off; the run's default if None.
        top_p: Texts: draw from the likeliest tokens that make up this share, 1 = off; the run's
            default if None.
        molecules: Texts: measure samples as SMILES strings; done anyway where they were learnt from
            the catalogue's molecules and rdkit is there.
    """

    n: int | None = None
    seed: int = 0
    steps: int | None = None
    sampler: str | None = None
    data: str | None = None
    extractors: tuple[str, ...] = ()
    rows: int | None = None
    draws: int | None = None
    label: str | None = None
    scale: float | None = None
    speech: bool = False
    temperature: float | None = None
    top_p: float | None = None
    molecules: bool = False

    def of(self, medium: str, n: int, rows: int, draws: int) -> Wanted:
        """With a medium's defaults filled in.

        Args:
            medium: ``pictures``, ``sounds`` or ``text``.
            n, rows, draws: Its defaults.

        Raises:
            SettingError: A value is out of range, or of another medium.
        """
        for name, owners in _OWNERS.items():
            value = getattr(self, name)
            # By identity: zero is a value that someone asked for.
            if medium not in owners and value is not None and value is not False:
                raise SettingError(
                    f"--{name.replace('_', '-')} is not for a run on {medium}.",
                    why=f"it is a setting of {' and '.join(owners)}",
                )
        wanted = Wanted(
            n if self.n is None else self.n,
            rows if self.rows is None else self.rows,
            draws if self.draws is None else self.draws,
        )
        require_within("n", wanted.n, LEAST, _MOST)
        require_within("rows", wanted.rows, 1, _MOST)
        require_within("draws", wanted.draws, 1, _MOST)
        require_within("seed", self.seed, 0, LAST)
        return wanted

    def request(self, *names: str) -> dict[str, Any]:
        """Settings of sampling, as keyword arguments of a model's ``request``."""
        return {name: getattr(self, name) for name in ("seed", "steps", "sampler", *names)}


@dataclass(frozen=True)
class Wanted:
    """The sizes of a measurement.

    Attributes:
        n: Samples.
        rows: Items whose likelihood is measured, at most.
        draws: Times and noises for each of them.
    """

    n: int
    rows: int
    draws: int
