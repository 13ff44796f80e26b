"""The actions of a run between steps: publish, measure and store weights, and write previews.

The training loop decides when, see :class:`sfumato.engine.watch.Watch`. The actions write files
into the run's directory, and do not influence the training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic

from sfumato.engine.ema import PowerEMA
from sfumato.engine.events import Event, Previewed, Warned
from sfumato.engine.watch import Watch
from sfumato.runs import weights
from sfumato.runs.directory import RunDirectory
from sfumato.runs.info import write_card
from sfumato.runs.spec import Spec
from sfumato.runs.weights import keep_early, keep_if_best
from sfumato.training.overfitting import Overfitting
from sfumato.training.task import BatchT, Task


class RunWatch(Watch, Generic[BatchT]):
    """Keeps the files of a run up to date while it trains.

    Args:
        directory: The run's directory, whose lock is held.
        spec: The run's spec, for its model card.
        task: The task, which measures the network and makes previews.
        ema: The averaged weights, which are measured, previewed and published.
        overfitting: The detection of overfitting, with the state of earlier sessions.
    """

    def __init__(
        self,
        directory: RunDirectory,
        spec: Spec,
        task: Task[BatchT],
        ema: PowerEMA,
        overfitting: Overfitting,
    ) -> None:
        self._directory = directory
        self._spec = spec
        self._task = task
        self._ema = ema
        self._overfitting = overfitting

    def power_of_two(self, step: int) -> Iterable[Event]:
        """Store the averaged weights under ``early/``, for autoguidance."""
        keep_early(self._directory, self._ema.tensors(), step)
        return ()

    def evaluate(self, step: int) -> Iterator[Event]:
        """Measure the averaged weights on held-out items, and store them if they are the best.

        Yields:
            The measures, then ``Kept`` if they are the best so far, then advice if there is any;
            nothing if no items are held out.
        """
        with self._ema.swapped():
            measures = self._task.measures()
        if measures is None:
            return
        held_out, training = measures.metrics(step)
        yield held_out
        yield training
        best = keep_if_best(self._directory, held_out, self._ema.tensors())
        if best is not None:
            yield best
        advice = self._overfitting(measures)
        if advice is not None:
            yield Warned(step=step, message=advice)

    def saved(self, step: int) -> Iterable[Event]:
        """Publish the averaged weights as ``model.safetensors``, with the model card."""
        weights.publish(self._directory, self._ema.tensors(), step)
        write_card(self._directory, self._spec, step)
        return ()

    def preview(self, step: int) -> Iterator[Event]:
        """Write a few samples of the averaged weights into ``previews/``."""
        with self._ema.swapped():
            self._task.preview(self._directory, step)
        yield Previewed(step=step)

    def done(self, step: int) -> Iterable[Event]:
        """Publish the last step if a session was killed after saving it and before publishing."""
        if weights.published_step(self._directory) != step:
            return self.saved(step)
        return ()
