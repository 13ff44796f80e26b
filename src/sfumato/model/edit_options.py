"""The options of editing and restoring, see ``model.options``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar

from sfumato.model.option import Options, Part, Settings


@dataclass(frozen=True)
class EditOptions(Options):
    """How to edit or restore a file; one of the operations is needed, or strength alone.

    Attributes:
        n: Number of different results for each file. The default is 4.
        mask: Image: an image of the part to make anew: white is made anew, black stays.
        box: Image: the part to make anew: left,top,width,height in pixels.
        outpaint: Image: pixels to add at the sides, such as left=64,right=64.
        super_resolve: Image: how many times as many pixels along each side.
        deblur: Image: standard deviation of the blur in pixels, or an image of its kernel.
        colourise: Image: give colours to a grey image.
        dejpeg: Image: undo the compression of a JPEG file.
        bits: Image: the image has only this many bits for each value.
        denoise: Standard deviation of the noise as a share of the full range, or auto to estimate
            it.
        declip: Audio: restore peaks that were cut off.
        gap: Audio: the part to make anew, as begin-end in seconds, such as 1.2-1.5.
        bandwidth: Audio: the file has nothing above this frequency, in Hz; more is added.
        extend: Audio: seconds to add at the end, such as 2s.
        noise: Standard deviation of the noise in the file, as a share of the full range.
        feather: Image: width of the transition at the edge of a mask, in pixels.
        resize: Image: read the file at the size of the model, as for training.
        strength: How far the result may move from the file, in (0, 1]; 1 uses only what is known.
        method: Method of restoration; see `sfumato methods`.
        particles: Number of particles of each result: more are more correct and take more time.
        steps: Number of network evaluations of each particle.
        seed: Seed of all noise. Result i of a seed is always the same.
        first: Index of the first result.
        sampler: Name of the sampler, for one particle; see `sfumato samplers`.
        label: Class of the results. By default it is unknown.
        prompt: Image, audio: what the result shows, in words.
        negative: Image, audio: what to lead away from, in words.
        conditions: Image, audio: values of other conditions, such as species=cat or sketch=FILE.
            Can be repeated.
        scale: Strength of guidance; 1 turns it off. One for each condition: words=4,label=2.
        guidance: Rule of guidance: line (default), rescaled, apg, cfg-zero, auto or auto-label.
        interval: Lowest and highest time at which guidance acts, for example 0.1 0.8.
        batch: Number of results made at a time. It changes memory and speed, not the results.
        precision: Number format of the network: fp32, bf16, or auto for bf16 where it is fast.
        pattern: Text: regular expression that each gap matches as a whole. Repeated, one for each
            gap.
        words: Text: words that a gap may hold, such as red,green; or @FILE with one on every line.
        length: Text: number of tokens in a gap: one number, or a range such as 3-8.
    """

    verb: ClassVar[str] = "edit"

    n: int | None = None
    _: KW_ONLY
    mask: str | Path | None = None
    box: str | Sequence[int] | None = None
    outpaint: str | Mapping[str, int] | None = None
    super_resolve: int | None = None
    deblur: float | str | Path | None = None
    colourise: bool = False
    dejpeg: bool = False
    bits: int | None = None
    denoise: float | str | None = None
    declip: bool = False
    gap: str | Sequence[float] | None = None
    bandwidth: float | str | None = None
    extend: float | str | None = None
    noise: float | None = None
    feather: int | None = None
    resize: bool = False
    strength: float | None = None
    method: str | Part | None = None
    particles: int | None = None
    steps: int | None = None
    seed: int = 0
    first: int = 0
    sampler: str | Part | None = None
    label: str | None = None
    prompt: str | None = None
    negative: str | None = None
    conditions: Settings = ()
    scale: float | str | None = None
    guidance: str | None = None
    interval: tuple[float, float] | None = None
    batch: int | None = None
    precision: str | None = None
    pattern: Sequence[str] = ()
    words: Sequence[str] = ()
    length: int | str | tuple[int, int] | None = None


@dataclass(frozen=True)
class OperatorOptions(EditOptions):
    """How to edit from Python.

    Attributes:
        operator: What is observed of the data: an operator of `sfumato.restoration`, or any
            differentiable function of batches, such as (B, C, H, W) for images in [-1, 1].
    """

    _: KW_ONLY
    operator: Any = None
