"""The options of sampling, see ``model.options``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from sfumato.model.option import Options, Part, Settings


@dataclass(frozen=True)
class SampleOptions(Options):
    """How to make samples.

    Attributes:
        n: Number of samples. The default is 16, or 4 for text.
        seed: Seed of all noise. Sample i of a seed is always the same.
        first: Index of the first sample.
        steps: Number of network evaluations for each sample.
        sampler: Name of the sampler; see `sfumato samplers`.
        label: Class of all samples. By default each sample draws one, as often as in the data.
        prompt: Image, audio: what to make, in words.
        negative: Image, audio: what to lead away from, in words; guidance has to be on.
        prompts: Image, audio: a file with a prompt on every line, or a list; sample i has prompt i.
        conditions: Image, audio: values of other conditions, such as species=cat or sketch=FILE.
            Can be repeated.
        to: Image, audio: a second prompt, for steps_between or region.
        steps_between: Image, audio: make a series of this many samples from prompt to the second.
        region: Image: an image whose white part gets the second prompt.
        scale: Strength of guidance; 1 turns it off. One for each condition: words=4,label=2.
        guidance: Rule of guidance: line (default), rescaled, apg, cfg-zero, auto or auto-label.
        interval: Lowest and highest time at which guidance acts, for example 0.1 0.8.
        batch: Number of samples made at a time. It changes memory and speed, not the samples.
        precision: Number format of the network: fp32, bf16, or auto for bf16 where it is fast.
        compiled: Compile the network first. This pays off for many samples.
        temperature: Text: below 1 makes tokens safer; 1 turns it off.
        top_p: Text: draw from the most likely tokens with this total share; 1 turns it off.
        length: Text: number of tokens in each sample.
        start: Image, audio: make variations of this file.
        strength: Image, audio: how far a variation may move from its start, in (0, 1].
        seconds: Audio: length of each sample in seconds.
    """

    verb: ClassVar[str] = "sample"

    n: int | None = None
    _: KW_ONLY
    seed: int = 0
    first: int = 0
    steps: int | None = None
    sampler: str | Part | None = None
    label: str | None = None
    prompt: str | None = None
    negative: str | None = None
    prompts: str | Path | Sequence[str] | None = None
    conditions: Settings = ()
    to: str | None = None
    steps_between: int | None = None
    region: str | Path | None = None
    scale: float | str | None = None
    guidance: str | None = None
    interval: tuple[float, float] | None = None
    batch: int | None = None
    precision: str | None = None
    compiled: bool = False
    temperature: float | None = None
    top_p: float | None = None
    length: int | None = None
    start: str | Path | None = None
    strength: float | None = None
    seconds: float | None = None
