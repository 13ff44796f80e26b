"""The training task of models of images, audio and other numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sfumato.denoiser import NetworkDenoiser
from sfumato.engine.batch import split, to_device
from sfumato.media.captions import in_words
from sfumato.media.number_data import NumberData
from sfumato.model.sources import sources_of
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.sampling import KeyedNoise, Wiener, sample
from sfumato.training.batches import Batch, Batches
from sfumato.training.task import Measures, Task

_HELD_OUT, _AT_ONCE = 256, 32
# Few evaluations without added noise: quick, and steady from one preview to the next.
_SHOWN = 16
_STEPS = 12


class NumberTask(Task[Batch]):
    """The objective of a recipe on a medium of numbers.

    Args:
        data: The data of the run.
        spec: The run's spec.
        denoiser: The denoiser to train, on its device.
    """

    def __init__(self, data: NumberData, spec: Spec, denoiser: NetworkDenoiser) -> None:
        self._medium = data.medium
        self._denoiser = denoiser
        self._objective = data.recipe.objective
        self._batches = Batches(
            data, data.recipe, spec.classes, spec.lengths, sources_of(spec.conditions, data)
        )
        self._held_out = self._batches.held_out(_HELD_OUT)

    def batch(self, step: int) -> Batch:
        """See :meth:`Task.batch`."""
        return self._batches(step)

    def names(self, step: int, places: Sequence[int]) -> list[str]:
        """See :meth:`Task.names`."""
        return self._batches.names(step, places)

    def loss(self, batch: Batch) -> Tensor:
        """See :meth:`Task.loss`."""
        # Dropout draws from torch's generator, which is seeded by step so that runs resume exactly.
        with torch.random.fork_rng():
            torch.manual_seed(batch.dropout_seed)
            return self._objective(self._denoiser, batch.x0, batch.t, batch.noise, **batch.cond)

    def measures(self) -> Measures | None:
        """The loss on held-out items, and on as many training items."""
        if self._held_out is None:
            return None
        self._denoiser.train(False)
        training = self._batches.typical(len(self._held_out.x0))
        return Measures("loss", self._losses(self._held_out), self._losses(training))

    @torch.no_grad()
    def _losses(self, batch: Batch) -> Tensor:
        """The loss of each item, float64 on the CPU."""
        found = [
            self._objective(self._denoiser, part.x0, part.t, part.noise, **part.cond)
            for piece in split(batch, -(-len(batch.x0) // _AT_ONCE))
            for part in (to_device(piece, self._device),)
        ]
        return torch.cat(found).double().cpu()

    def preview(self, directory: RunDirectory, step: int) -> None:
        """Write ``previews/step-N`` and ``previews/latest``: sixteen samples of seed 0.

        Their classes, lengths and further conditions are those of sixteen training items; words
        are shown below each.
        """
        self._denoiser.train(False)
        noise = KeyedNoise(0, range(_SHOWN), self._device)
        cond = self._batches.typical(_SHOWN).cond.to(self._device)
        shape = self._medium.signal_shape
        x0 = sample(self._denoiser, Wiener(), noise, shape, _STEPS, cond)
        items = self._medium.decode(x0)
        if "length" in cond:
            lengths = [self._medium.seconds(filled) for filled in cond["length"].tolist()]
            items = self._medium.ended(items, lengths)
        names = f"step-{step:07d}", "latest"
        captions = [in_words(values) for values in self._batches.typical_values(_SHOWN)]
        self._medium.write_preview(items, [directory.previews / name for name in names], captions)

    @property
    def _device(self) -> torch.device:
        return next(self._denoiser.parameters()).device
