"""Actions between training steps: evaluate, preview, publish.

The loop decides when; a :class:`Watch` decides what. It reads the module and its averaged weights
and writes files beside the checkpoints. It does not influence the training.
"""

from __future__ import annotations

from collections.abc import Iterable

from sfumato.engine.events import Event


class Watch:
    """Called by the training loop between two steps. Every method does nothing by default.

    Subclass it, override the methods that you need, and hand an instance to
    :meth:`sfumato.engine.loop.Trainer.run`. Each method returns events, which the loop yields to
    its consumer; a method may be a generator, and is exhausted before training continues.

    While a method runs, the module holds the weights of the last step;
    ``with trainer.ema.swapped():`` puts the averaged weights into it. In :meth:`evaluate` and
    :meth:`preview` it runs uncompiled, and it may be left in evaluation mode. If ``loss`` draws
    from torch's global generator, a method has to leave that generator as it found it.
    """

    def power_of_two(self, step: int) -> Iterable[Event]:
        """The number of steps is a power of two; called before the step is evaluated or saved.

        A resumed run calls it at the same steps as an uninterrupted one, so that it stores the same
        weights.
        """
        return ()

    def evaluate(self, step: int) -> Iterable[Event]:
        """Measure the averaged weights; called before the step is saved.

        ``EngineSettings.evaluate_samples`` says how often. The last step is always evaluated.
        """
        return ()

    def saved(self, step: int) -> Iterable[Event]:
        """A checkpoint of this step is on the disk; called before the event ``Saved``."""
        return ()

    def preview(self, step: int) -> Iterable[Event]:
        """Preview the averaged weights; called after the step is saved, if it is.

        ``EngineSettings.preview_minutes`` says how often. A finished run makes one at its end.
        """
        return ()

    def done(self, step: int) -> Iterable[Event]:
        """The run is complete and its last step is on the disk; called before the event ``Done``.

        It is also called when a finished run is resumed and nothing is left to train, to complete
        what a killed session did not finish.
        """
        return ()
