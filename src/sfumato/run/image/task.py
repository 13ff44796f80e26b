"""What a model of pictures learns: to denoise them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sfumato.denoiser import NetworkDenoiser
from sfumato.engine.events import Metric
from sfumato.objective import Regression
from sfumato.run.directory import RunDirectory
from sfumato.run.image import preview
from sfumato.run.image.batches import Batch, Batches
from sfumato.run.spec import Spec
from sfumato.run.task import Task

if TYPE_CHECKING:
    from sfumato.run.image.data import ImageData

_HELD_OUT = 256


class ImageTask(Task[Batch]):
    """Denoising regression on pictures.

    Args:
        data: What to learn from.
        spec: Of the run.
        denoiser: What learns, on its device.
    """

    def __init__(self, data: ImageData, spec: Spec, denoiser: NetworkDenoiser) -> None:
        self._spec = spec
        self._denoiser = denoiser
        self._objective = Regression(spec.image.weighting)
        self._batches = Batches(data, spec.image, spec.classes)
        self._held_out = self._batches.held_out(_HELD_OUT)

    def batch(self, step: int) -> Batch:
        """See :meth:`Task.batch`."""
        return self._batches(step)

    def loss(self, batch: Batch) -> Tensor:
        """See :meth:`Task.loss`."""
        # Dropout draws from torch's generator: a resumed run must draw what the unbroken one drew.
        with torch.random.fork_rng():
            torch.manual_seed(batch.dropout_seed)
            return self._objective(self._denoiser, batch.x0, batch.t, batch.noise, **batch.cond)

    @torch.no_grad()
    def measures(self, step: int) -> Iterator[Metric]:
        """The loss on pictures held out."""
        if self._held_out is None:
            return
        self._denoiser.train(False)
        batch = self._held_out
        device = next(self._denoiser.parameters()).device
        x0, noise = batch.x0.to(device), batch.noise.to(device)
        cond = {name: value.to(device) for name, value in batch.cond.items()}
        value = self._objective(self._denoiser, x0, batch.t, noise, **cond).mean().item()
        yield Metric(step=step, name="held-out loss", value=value)

    def preview(self, directory: RunDirectory, step: int) -> None:
        """See :meth:`Task.preview`."""
        preview.write(directory, self._spec, self._denoiser, step)
