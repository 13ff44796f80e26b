"""The recipe that every sample carries in its file, read back without trust in the file."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sfumato.engine.precision import NumberFormat
from sfumato.errors import DataError
from sfumato.guidance import GuidanceSpec
from sfumato.media.audio.provenance import SOUNDS
from sfumato.media.audio.provenance import read_recipe as read_from_sound
from sfumato.media.image.provenance import read_recipe as read_from_picture
from sfumato.sampling import AnySampler

MOST_STEPS = 10_000
_LAST = 2**63 - 1


class Start(BaseModel):
    """What a variation starts from.

    Attributes:
        path: Of the file.
        sha256: Of its bytes.
        strength: Share of noise mixed into it, in (0, 1]: ``sigma / (alpha + sigma)``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    path: str
    sha256: str
    strength: float = Field(gt=0, le=1)


class Stored(BaseModel):
    """How one sample was made: all that is needed to make it again.

    Attributes:
        sfumato: Version of the package.
        run: Name of the run.
        model: Fingerprint of the weights.
        seed: Of the request.
        index: Of the sample; the sample is a function of (seed, index).
        sampler: The rule for one step.
        steps: Network evaluations.
        label: Name of its class; None if the run is unconditional.
        scale: Guidance, 1 = off.
        guidance: What it is guided by, and how.
        early: Fingerprint of the early weights that it is guided away from; None if of none.
        tile: Rows per network evaluation, see ``sampling.tiles``.
        precision: Number format of the network; None in files of before it was stored, which were
            made in the run's own.
        compiled: Whether the network was compiled, which changes the last bits.
        start: The file it is a variation of; None if it was made from noise alone.
        seconds: Sounds: how long it is; None where all fill the window.
    """

    # A later version may add fields that this one can do without.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    sfumato: str
    run: str
    model: str
    seed: int = Field(ge=0, le=_LAST)
    index: int = Field(ge=0, le=_LAST)
    sampler: AnySampler
    steps: int = Field(ge=1, le=MOST_STEPS)
    label: str | None
    scale: float
    guidance: GuidanceSpec = GuidanceSpec()
    early: str | None = None
    tile: int = Field(ge=1, le=4096)
    precision: NumberFormat | None = None
    compiled: bool = False
    start: Start | None = None
    seconds: float | None = Field(None, gt=0)


def read_stored(path: Path) -> Stored:
    """Read the recipe of a sample, a picture or a sound.

    Raises:
        DataError: The file carries none, or one that no sample has.
    """
    read = read_from_sound if path.suffix.lower() in SOUNDS else read_from_picture
    try:
        return Stored.model_validate(read(path))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise DataError(
            f"The recipe in '{path}' is damaged.", why=f"{place}: {problem['msg']}"
        ) from error
