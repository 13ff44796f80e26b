"""The options of each verb, declared once.

Each verb has one frozen class of options for all media. It defines the keyword arguments of the
Python method and the flags of the command with their help. None stands for the default of the run
or of the medium. This module does not import torch, so that ``sfumato --help`` stays quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from sfumato.model.edit_options import EditOptions
from sfumato.model.option import LARGEST, Options, Part, Settings
from sfumato.model.sample_options import SampleOptions

__all__ = [
    "LARGEST",
    "CheckOptions",
    "CompareOptions",
    "EditOptions",
    "EvaluateOptions",
    "FillOptions",
    "Options",
    "Part",
    "ResumeOptions",
    "SampleOptions",
    "ScoreOptions",
    "Settings",
    "TrainOptions",
    "TuneOptions",
]


@dataclass(frozen=True)
class FillOptions(Options):
    """How to fill the gaps of a text.

    Attributes:
        n: Number of different fillings to return.
        candidates: Number of fillings to try. The most likely ones are returned.
        marker: The characters that mark a gap. The default matches four or more underscores.
        length: Number of tokens in a gap: one number, or a range such as 3-8.
        pattern: Regular expression that each gap matches as a whole. Repeated, one for each gap.
        words: Words that a gap may hold, such as red,green; or @FILE with one word on every line.
        particles: Number of particles for each candidate under a pattern or words; more are more
            exact and slower.
        seed: Seed of all noise. Candidate i of a seed is always the same.
        steps: Number of network evaluations. The default is one for each token to fill.
        sampler: Name of the sampler; see `sfumato samplers`.
        label: Class of the text.
        scale: Strength of guidance towards the label; 1 turns it off.
        temperature: Below 1 makes tokens safer; 1 turns it off.
        top_p: Draw from the most likely tokens with this total share; 1 turns it off.
    """

    verb: ClassVar[str] = "fill"

    n: int = 5
    _: KW_ONLY
    candidates: int = 16
    marker: str = "____"
    length: int | str | tuple[int, int] | None = None
    pattern: Sequence[str] = ()
    words: Sequence[str] = ()
    particles: int = 8
    seed: int = 0
    steps: int | None = None
    sampler: str | Part | None = None
    label: str | None = None
    scale: float | None = None
    temperature: float = 1.0
    top_p: float = 1.0


@dataclass(frozen=True)
class EvaluateOptions(Options):
    """How to evaluate a run.

    Attributes:
        n: Number of samples. The default is 1,000 images, 200 audio clips or 64 texts.
        seed: Seed of everything drawn. The same seed gives the same report.
        steps: Number of network evaluations for each sample.
        sampler: Name of the sampler; see `sfumato samplers`.
        data: Compare with these real items instead of the held-out items of the run's data; or
            where the run's data are, if they were moved.
        extractors: Also measure by these features: ONNX files, or efficientnet-lite0 or a .pth of
            Inception for images, sentence-embedding for text. Can be repeated.
        rows: Number of items whose likelihood is measured. The default is 256, or 512 for text.
        draws: Number of times and noises for each of these items. The default is 16, or 8 for text.
        label: Image, audio: class of all samples.
        scale: Image, audio: strength of guidance; 1 turns it off.
        scales: Image, audio: also measure agreement with words and variety at these strengths of
            guidance. Can be repeated.
        speech: Audio: the classes are words; measure how many of them a recogniser understands.
        temperature: Text: below 1 makes tokens safer; 1 turns it off.
        top_p: Text: draw from the most likely tokens with this total share; 1 turns it off.
        molecules: Text: the texts are SMILES strings; measure them as molecules.
        restore: Image, audio: measure instead how well n held-out items (default: 8) are restored:
            inpaint, outpaint, super-resolve, deblur, denoise, colourise, gap or bandwidth. Can be
            repeated.
        restore_samples: Image, audio: number of restorations of each item. The default is 8.
    """

    verb: ClassVar[str] = "evaluate"

    n: int | None = None
    _: KW_ONLY
    seed: int = 0
    steps: int | None = None
    sampler: str | Part | None = None
    data: str | None = None
    extractors: Sequence[Any] = ()
    rows: int | None = None
    draws: int | None = None
    label: str | None = None
    scale: float | None = None
    scales: Sequence[float] = ()
    speech: bool = False
    temperature: float | None = None
    top_p: float | None = None
    molecules: bool = False
    restore: Sequence[str] = ()
    restore_samples: int | None = None


@dataclass(frozen=True)
class CompareOptions(Options):
    """How to compare two runs.

    Attributes:
        n: Number of samples of each run. The defaults are those of `sfumato evaluate`.
        at: Also measure quality at these numbers of network evaluations. Can be repeated.
        data: Compare with these real items instead of the held-out items of the runs' data; or
            where the runs' data are, if they were moved.
        extractors: Also measure by these features, as in `sfumato evaluate`. Can be repeated.
        seed: Seed of everything drawn. The same seed gives the same comparison.
        steps: Number of network evaluations for each sample.
        sampler: Name of the sampler; see `sfumato samplers`.
        scale: Image, audio: strength of guidance; 1 turns it off.
    """

    verb: ClassVar[str] = "compare"

    n: int | None = None
    _: KW_ONLY
    at: Sequence[int] = (5, 8, 12, 20, 35, 50)
    data: str | None = None
    extractors: Sequence[Any] = ()
    seed: int = 0
    steps: int | None = None
    sampler: str | Part | None = None
    scale: float | None = None


@dataclass(frozen=True)
class ScoreOptions(Options):
    """How to score files by their likelihood.

    Attributes:
        method: The variational bound, or the density along the probability-flow ODE (not for text).
        draws: Number of estimates for each item. The default is 8 of the bound, or 4 of the ODE.
        seed: Seed of the noise, which is the same for all items.
        label: Class that the model assumes for all items.
        prompt: Image, audio: words that the model assumes for all items.
        conditions: Image, audio: values of other conditions, such as species=cat. Can be repeated.
        steps: Number of network evaluations for an estimate. The default is 16, or 64 of the ODE.
        probes: ODE: number of random probes of the divergence in an estimate.
        held_out: Number of held-out items of the run's data to compare with; 0 for none.
        data: Where the run's data are, if they were moved.
    """

    verb: ClassVar[str] = "score"

    _: KW_ONLY
    method: Literal["bound", "ode"] = "bound"
    draws: int | None = None
    seed: int = 0
    label: str | None = None
    prompt: str | None = None
    conditions: Settings = ()
    steps: int | None = None
    probes: int | None = None
    held_out: int = 64
    data: str | Path | None = None


@dataclass(frozen=True)
class TuneOptions(Options):
    """How to fit a sampler to a run.

    Attributes:
        steps: Number of network evaluations to fit the sampler for.
        scale: Image, audio: strength of guidance to fit the sampler for.
        examples: Number of samples to fit to. The default is 48, or 32 rows of text. As many
            others decide whether the fitted sampler is better.
        rounds: Largest number of rounds of the fit. Text needs none.
        seed: Seed of the noise that the sampler is fitted on.
        data: Text: where the run's data are, if they were moved.
    """

    verb: ClassVar[str] = "tune"

    steps: int = 8
    _: KW_ONLY
    scale: float | None = None
    examples: int | None = None
    rounds: int = 4
    seed: int = 0
    data: str | Path | None = None


@dataclass(frozen=True)
class TrainOptions(Options):
    """How to train a run.

    Attributes:
        recipe: Name of the recipe; see `sfumato recipes`. By default one that suits the data.
        name: Name of the run. By default made from the data and the recipe.
        steps: Length of the run in optimiser steps.
        minutes: Length of the run in minutes.
        label_field: Text records: the field that holds the class.
        include: Look only at files that match this pattern, such as cats/*.png. Can be repeated.
        exclude: Do not look at files that match this pattern. Can be repeated.
        from_run: Name or path of a run whose weights and settings the new run begins with.
        settings: Settings of the recipe to change, for example engine.batch=32. Can be repeated.
        tensorboard: Also write curves for TensorBoard.
    """

    verb: ClassVar[str] = "train"

    _: KW_ONLY
    recipe: str | None = None
    name: str | None = None
    steps: int | None = None
    minutes: float | None = None
    label_field: str | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    from_run: str | Path | None = None
    settings: Settings = ()
    tensorboard: bool = False


@dataclass(frozen=True)
class ResumeOptions(Options):
    """How to resume a run.

    Attributes:
        steps: New total length of the run in optimiser steps.
        minutes: New total length of the run in minutes.
        data: Where the data of the run are, if they were moved; the run remembers it.
        tensorboard: Also write curves for TensorBoard.
    """

    _: KW_ONLY
    steps: int | None = None
    minutes: float | None = None
    data: str | Path | None = None
    tensorboard: bool = False


@dataclass(frozen=True)
class CheckOptions(Options):
    """How to check a data set before training.

    Attributes:
        recipe: Name of the recipe; see `sfumato recipes`. By default one that suits the data.
        size: Image: size of the images as a run would see them, in pixels: a side, such as 64, or
            width x height, such as 48x32.
        label_field: Text records: the field that holds the class.
        include: Look only at files that match this pattern, such as cats/*.png. Can be repeated.
        exclude: Do not look at files that match this pattern. Can be repeated.
        settings: Settings of the recipe to change, for example medium.rate=8000. Can be repeated.
    """

    verb: ClassVar[str] = "check"

    _: KW_ONLY
    recipe: str | None = None
    size: int | str | None = None
    label_field: str | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    settings: Settings = ()
