"""The recipe that every text carries on its line, read back without trust in the file."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sfumato.engine.precision import NumberFormat
from sfumato.errors import DataError
from sfumato.guidance import GuidanceSpec
from sfumato.sampling.tokens import AnyTokenSampler

MOST_STEPS = 100_000
MOST_TOKENS = 1_000_000
_LAST = 2**63 - 1
_LINE_LIMIT = 16 << 20


class StoredText(BaseModel):
    """How one text was made: all that is needed to make it again.

    Attributes:
        sfumato: Version of the package.
        run: Name of the run.
        model: Fingerprint of the weights.
        seed: Of the request.
        index: Of the sample; the sample is a function of (seed, index).
        sampler: The rule for one step.
        steps: Network evaluations, at most.
        label: Name of its class; None if the run is unconditional.
        scale: Guidance, 1 = off.
        guidance: What it is guided by, and how.
        early: Fingerprint of the early weights that it is guided away from; None if of none.
        temperature: 1 = off.
        top_p: 1 = off.
        length: Tokens of the text.
        tile: Rows per network evaluation, see ``sampling.tiles``.
        precision: Number format of the network; None in files of before it was stored, which were
            made in the run's own.
        compiled: Whether the network was compiled, which changes the last bits.
    """

    # A later version may add fields that this one can do without.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    sfumato: str
    run: str
    model: str
    seed: int = Field(ge=0, le=_LAST)
    index: int = Field(ge=0, le=_LAST)
    sampler: AnyTokenSampler
    steps: int = Field(ge=1, le=MOST_STEPS)
    label: str | None
    scale: float
    guidance: GuidanceSpec = GuidanceSpec()
    early: str | None = None
    temperature: float = Field(gt=0, le=1000)
    top_p: float = Field(gt=0, le=1)
    length: int = Field(ge=0, le=MOST_TOKENS)
    tile: int = Field(ge=1, le=4096)
    precision: NumberFormat | None = None
    compiled: bool = False


def read_stored_text(place: Path) -> StoredText:
    """Read the recipe of a text: of the first line of a JSONL file, or of line N of ``FILE:N``.

    Raises:
        DataError: There is no such line, or it carries no recipe, or one that no text has.
    """
    path, number = _split(place)
    try:
        with path.open("rb") as file:
            line = b""
            for _ in range(number):
                if not (line := file.readline(_LINE_LIMIT)):
                    break
        return StoredText.model_validate(json.loads(line)["recipe"])
    except OSError as error:
        raise DataError(f"'{path}' cannot be read.", why=error.strerror or str(error)) from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise DataError(
            f"The recipe in line {number} of '{path}' is damaged.",
            why=f"{where}: {problem['msg']}",
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"Line {number} of '{path}' carries no recipe of a text.",
            hint="give a samples.jsonl of sfumato, or samples.jsonl:N for its line N.",
        ) from error


def _split(place: Path) -> tuple[Path, int]:
    name, colon, number = place.name.rpartition(":")
    if colon and number.isascii() and number.isdigit() and int(number) > 0 and not place.exists():
        return place.with_name(name), int(number)
    return place, 1
