"""Media of numbers: items are arrays of one shape, modelled by Gaussian diffusion.

Images and audio are such media. A new one defines its settings, a reader, an encoding to tensors
and back, and a recipe; data, training, sampling, variations, scores and reports then work for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

import torch

from sfumato.conditioning.registry import inputs
from sfumato.data.building import entries_now, open_or_build, opened
from sfumato.data.dataset import Dataset
from sfumato.data.digests import Entry
from sfumato.data.index import Index, scan
from sfumato.denoiser import NetworkDenoiser
from sfumato.media.coding import Coding
from sfumato.media.editing import Editable
from sfumato.media.facts import DataFacts
from sfumato.media.medium import (
    Data,
    Description,
    Reading,
    Reporter,
    Source,
    finished,
    readings,
)
from sfumato.media.number_data import number_data, settled_with
from sfumato.media.pairs import apart, pairing
from sfumato.media.report import Contents, NumberReport, Report
from sfumato.process.gaussian import Gaussian
from sfumato.recipes import GaussianRecipe

_WORDS = frozenset({"prompt", "negative", "conditions"})
"""The options about conditions, which texts do not have."""


class NumberMedium(Editable, Coding):
    """Base of media whose items are arrays of one shape."""

    options: ClassVar[Mapping[str, frozenset[str]]] = {
        "sample": frozenset({"start", "strength", "prompts", "to", "steps_between"}) | _WORDS,
        "edit": frozenset({"denoise", "noise", "strength", "method"}) | _WORDS,
        "evaluate": frozenset({"label", "scale", "scales", "restore", "restore_samples"}),
        "score": frozenset({"prompt", "conditions"}),
        "tune": frozenset({"scale"}),
    }

    @classmethod
    def of_run(cls, recipe: GaussianRecipe, folder: Path) -> Self:
        """See :meth:`Medium.of_run`."""
        return cls(recipe.medium)

    @classmethod
    def open(
        cls, source: Source, recipe: GaussianRecipe, stored: Path | None = None
    ) -> Iterator[Reading | Data]:
        """See :meth:`Medium.open`."""
        cls.require()
        index = cls.listed(source.path, recipe)
        medium = cls((yield from readings(cls.resolving(recipe.medium, index))))
        for event in opened(medium.divided(index), medium):
            if isinstance(event, Dataset):
                outputs = recipe.data.outputs
                found = pairing(event, source.path, recipe.conditions, medium, outputs)
                dataset, pairs = yield from readings(found)
                yield number_data(dataset, medium, source, recipe, pairs)
            else:
                yield Reading(step=0, **event._asdict())

    @classmethod
    def entries(cls, source: Path, recipe: GaussianRecipe) -> Iterator[Entry]:
        """See :meth:`Medium.entries`; items whose files did not change are not read."""
        medium = cls(recipe.medium)
        index = medium.divided(cls.listed(source, recipe))
        return entries_now(index, medium, labels=recipe.data.labels)

    @classmethod
    def listed(cls, folder: Path, recipe: GaussianRecipe) -> Index:
        """The files of a folder that a run looks at.

        Raises:
            DataError: There are none.
        """
        selection = apart(recipe.conditions, recipe.data.selection)
        return scan(folder, cls.kind._replace(unread=cls.unread), selection)

    @classmethod
    def denoiser(cls, recipe: GaussianRecipe, facts: DataFacts) -> NetworkDenoiser:
        """See :meth:`Medium.denoiser`."""
        medium = cls(recipe.medium)
        channels, *sides = medium.signal_shape
        classes = len(facts.classes) if recipe.data.labels else 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            backbone = recipe.backbone.build(
                channels, sides, classes, bool(facts.seconds), inputs=inputs(recipe.conditions)
            )
        if recipe.sigma_data is None:
            raise ValueError("the recipe has to be settled on its data first")
        process = Gaussian(recipe.schedule)
        return NetworkDenoiser(backbone, process, recipe.prediction, recipe.sigma_data)

    @classmethod
    def describe(cls, recipe: GaussianRecipe, facts: DataFacts) -> Description:
        """See :meth:`Medium.describe`."""
        medium = cls(recipe.medium)
        shape = " x ".join(map(str, medium.shape))
        return Description(
            subject=f"{cls.plural} of {shape} numbers",
            rows={"prediction, schedule": f"{recipe.prediction.kind}, {recipe.schedule.kind}"},
            facts={cls.plural.replace(" ", "_"): facts.count, "shape": list(medium.shape)},
        )

    @classmethod
    def check(
        cls,
        folder: Path,
        recipe: GaussianRecipe,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Report:
        """See :meth:`Medium.check`. The cache that it fills is the one that a run uses."""
        cls.require()
        files = cls.listed(folder, recipe)
        report = Reporter(progress)
        medium = cls(finished(cls.resolving(recipe.medium, files), report))
        dataset = open_or_build(medium.divided(files), medium, progress=report)
        dataset = (Dataset.open(medium.divided(files), medium) if report.used else None) or dataset
        found = pairing(dataset, folder, recipe.conditions, medium, recipe.data.outputs)
        dataset, pairs = finished(found, report)
        training, held_out = dataset.split(recipe.data.held_out)
        dataset = dataset.with_used_labels(training, recipe.data.labels)
        conditions = settled_with(pairs, recipe, medium, dataset, training)
        own = medium.report(files, dataset)
        if isinstance(own, NumberReport):
            counted = Contents.counted(dataset, held_out, cls.unread, conditions)
            return replace(own, **counted)
        return own

    def report(self, files: Index, dataset: Dataset) -> Report:
        """A report on files and their items."""
        return NumberReport.of(files.root, self.settings, dataset)
