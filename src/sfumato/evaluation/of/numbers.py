"""Evaluating a model of any medium of numbers."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.conditioning.condition import Value
from sfumato.data.locating import Located, locate
from sfumato.evaluation.display import Display, Images
from sfumato.evaluation.features import evenly_spaced
from sfumato.evaluation.likelihood import (
    ItemBits,
    Likelihood,
    bits_of_items,
    conditions_of,
    likelihood_section,
)
from sfumato.evaluation.of.view import Found, Samples, Scorer, SetAside, View
from sfumato.evaluation.real import Real, real_numbers
from sfumato.evaluation.result import Section
from sfumato.likelihood import flow_likelihood, gaussian_bound
from sfumato.likelihood.ode import default_divergence
from sfumato.media.display import png
from sfumato.media.image.sheet import sheet
from sfumato.media.number_data import NumberData
from sfumato.metrics.custom_extractor import OnnxExtractor
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.memorisation import Memorisation
from sfumato.metrics.patch_components import PatchComponents
from sfumato.metrics.random_features import RandomFeatures
from sfumato.model.conditioned import named_values
from sfumato.model.options import ScoreOptions
from sfumato.model.provenance import Made, Provenance
from sfumato.runs.progress import Progress
from sfumato.training.data import reopened

_SHOWN = 64
_COMPARED = 12
# Images that the extractors of images take.
_CHANNELS, _LEAST_SIDE = (1, 3, 4), 8
Numbers = NDArray[Any]


class NumberScorer(Scorer[Numbers]):
    """Scores items of numbers in bits per number.

    The estimates of an item are made in one batch of their own, so that not even rounding depends
    on what else is scored.
    """

    unit = "bits per dimension"

    def __init__(self, model: Any, options: ScoreOptions, draws: int, steps: int) -> None:
        super().__init__(model, options, draws, steps)
        name = model.directory.name
        self.values = named_values(name, model.spec, options.prompt, options.conditions)

    def find(self, place: Path) -> Iterator[Found[Numbers] | SetAside]:
        """See :meth:`Scorer.find`."""
        medium = self.model.medium
        medium.require()
        for item in locate(place, medium.kind, medium.divided):
            if isinstance(item, Located):
                key = f"{item.path.resolve()}#{item.part}"
                yield Found(item.name, key, partial(medium.read, item.path, item.part))
            else:
                yield SetAside(*item)

    def held_out(self, most: int) -> Generator[Progress, None, Sequence[Numbers]]:
        """See :meth:`Scorer.held_out`; only items of the class of the options."""
        data = yield from reopened(
            self.model.directory, self.model.spec, NumberData, self.options.data
        )
        ids = data.held_out
        if self.label is not None and data.dataset.labels is not None:
            ids = ids[data.dataset.labels[ids] == self.label]
        items, _ = data.dataset.gather(ids[evenly_spaced(len(ids), most).numpy()])
        return list(items)

    def bits(self, item: Numbers) -> NDArray[np.float64]:
        """See :meth:`Scorer.bits`."""
        encoded = self.model.medium.examples(np.repeat(item[None], self.draws, 0))
        labels = None if self.label is None else torch.full((self.draws,), self.label)
        cond = conditions_of(self.model, encoded, labels, [self.values] * self.draws)
        x0 = encoded.x0.to(self.model.device)
        nats = self._nats(x0, cond).numpy()
        bits: NDArray[np.float64] = nats / (x0[0].numel() * math.log(2))
        return bits

    def _nats(self, x0: Tensor, cond: Mapping[str, Any]) -> Tensor:
        """Nats of each row, shape (draws,)."""
        model, end = self.model, self.model.medium.reconstruction
        steps, seed = self.steps, self.options.seed
        # In float32 whatever the format of the run: a bound at little noise, and derivatives, are
        # more sensitive to rounding than samples are.
        if self.options.method == "bound":
            denoiser = model.evaluated(model.denoiser, "fp32")
            return gaussian_bound(denoiser, x0, end, steps, seed, **cond).nats
        divergence = default_divergence(x0[0].numel(), self.options.probes)
        return flow_likelihood(model.denoiser, x0, end, divergence, steps, seed, **cond).nats


class NumberView(View):
    """Any medium of numbers: its items are viewed as images if they have the shape of images.

    The extractors are random features and the principal components of patches. Items of a shape
    that these do not take need an extractor in the options.
    """

    n, rows, draws, batch = 1000, 256, 16, 64
    recorded = ("sampler", "steps", "label", "scale")
    scorer = NumberScorer
    about_likelihood: ClassVar[str] = (
        "Bits per number of what the network sees, as a density: only differences between sets of "
        "items, or between models of one representation, mean anything."
    )

    def extractor(self, name: str) -> Extractor[Any]:
        """An extractor in an ONNX file of images."""
        return OnnxExtractor.of_images(Path(name))

    def real(self) -> Generator[Progress, None, Real[Numbers]]:
        """See :meth:`View.real`."""
        return (yield from real_numbers(self.model, self.options.data))

    def collected(self, batches: Sequence[Made]) -> Samples:
        """See :meth:`View.collected`."""
        provenance = tuple(origin for batch in batches for origin in batch.provenance)
        items = np.concatenate([np.asarray(batch.items) for batch in batches])
        labels = None
        if self.model.spec.classes:
            classes = self.model.spec.data.classes
            numbers = {name: number for number, name in enumerate(classes)}
            labels = torch.tensor([numbers.get(str(origin.label), -1) for origin in provenance])
        return Samples(self.finished(items, provenance), labels, provenance)

    def finished(self, items: Numbers, provenance: Sequence[Provenance]) -> Numbers:
        """Decoded samples in the layout of real items: images are decoded with channels last."""
        if items.shape[1:] == tuple(self.model.medium.shape):
            return items
        return np.ascontiguousarray(np.moveaxis(items, -1, 1))

    def extractors(self, real: Real[Numbers]) -> Sequence[Extractor[Any]]:
        """See :meth:`View.extractors`."""
        if not self.are_images:
            return []
        training = self.prepare(real.training)
        return [RandomFeatures(training.shape[1]), PatchComponents.of(training)]

    def prepare(self, items: Numbers) -> Any:
        """Images, uint8 (B, C, H, W); other numbers are scaled from [-1, 1] as the network does."""
        if items.dtype == np.uint8 or not self.are_images:
            return items
        x0 = self.model.medium.examples(items).x0
        return x0.add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8).numpy()

    def likelihood(self, real: Real[Numbers]) -> Generator[Progress, None, Likelihood]:
        """See :meth:`View.likelihood`."""
        unseen = None
        if len(real.held_out):
            labels = real.held_out_labels
            values = real.held_out_values
            unseen = yield from self._bits(real.held_out, labels, values, "held-out items")
        labels, values = real.training_labels, real.training_values
        known = yield from self._bits(real.training, labels, values, "training items")
        section = likelihood_section(
            "bits per dimension",
            self.about_likelihood,
            None if unseen is None else unseen.bits_per_dimension,
            known.bits_per_dimension,
            (0 if unseen is None else unseen.items, known.items),
        )
        return Likelihood(section, None if unseen is None else torch.from_numpy(unseen.of_each))

    def displays(
        self, samples: Samples, real: Real[Numbers], copies: Memorisation
    ) -> Iterator[Display]:
        """The first samples, real images, and the samples that are nearest to training images."""
        if not self.are_images:
            return
        items = samples.items
        yield Images(
            "samples",
            f"the first {min(len(items), _SHOWN)}, in order",
            (("samples", self.sheet(items[:_SHOWN])),),
        )
        places = np.linspace(0, len(real.training) - 1, _SHOWN).astype(np.int64)
        yield Images(
            "real images",
            "training images at even intervals",
            (("training images", self.sheet(real.training[np.unique(places)])),),
        )
        nearest = np.argsort(copies.distances, kind="stable")[:_COMPARED]
        pairs = np.concatenate([items[nearest], real.training[copies.nearest[nearest]]])
        yield Images(
            "samples that are nearest to a training image",
            "the samples in the upper row, and the nearest training image below each of them",
            (("samples over training images", self.sheet(pairs, columns=len(nearest))),),
        )

    def sheet(self, items: Numbers, columns: int | None = None) -> bytes:
        """Items on one contact sheet, as PNG."""
        return png(sheet(self.prepare(items).transpose(0, 2, 3, 1), columns))

    def notes(self, real: Real[Numbers], own: Sequence[Section]) -> Iterator[str]:
        """See :meth:`View.notes`."""
        if self.options.label is not None:
            yield (
                f"all samples are of the class '{self.options.label}', and the real items are of "
                "all classes: distances are large"
            )
        if real.left_out:
            yield (
                f"{real.split.training:,} training items were used; copies of the other "
                f"{real.left_out:,} are not found"
            )
        if not real.split.held_out:
            yield "no items were held out, so copies cannot be distinguished from good samples"
        if real.split.held_out_source is not None:
            yield f"the held-out items are those of {real.split.held_out_source}"

    def _bits(
        self,
        items: Numbers,
        labels: Tensor | None,
        values: Sequence[Mapping[str, Value]],
        what: str,
    ) -> Generator[Progress, None, ItemBits]:
        ids = evenly_spaced(len(items), self.size("rows")).numpy()
        known = None if labels is None else labels[ids]
        own = [values[number] for number in ids.tolist()] if values else ()
        draws, seed = self.size("draws"), self.options.seed
        return (
            yield from bits_of_items(
                self.model, items[ids], known, own, draws=draws, seed=seed, what=what
            )
        )

    @property
    def are_images(self) -> bool:
        """Whether extractors of images take the items."""
        channels, *sides = self.model.medium.signal_shape
        return channels in _CHANNELS and len(sides) == 2 and min(sides) >= _LEAST_SIDE
