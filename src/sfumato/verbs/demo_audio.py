"""The demonstration on sounds: new ones, beside the likest real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sfumato import storage
from sfumato.evaluation.sound_pictures import beside_nearest
from sfumato.evaluation.sound_sections import floats
from sfumato.media.audio.data import AudioData
from sfumato.media.audio.folder import SoundFolder
from sfumato.metrics.neighbours import nearest_audio
from sfumato.model.audio import AudioModel
from sfumato.model.request import Made
from sfumato.model.writing import Written, write_samples
from sfumato.run import Run
from sfumato.runs.directory import RunDirectory, new_folder
from sfumato.runs.spec import Spec
from sfumato.training.data import reopen
from sfumato.verbs.demo_events import Finished, Note

_SAMPLES = 32
_KICK = "kick"


@dataclass(frozen=True)
class Playing(Finished):
    """What the demonstration made.

    Attributes:
        written: New sounds, and a sheet of pictures of them.
        emerging: A sound emerging from noise.
        comparison: New sounds over the likest training sounds.
        likeness: Median likeness to the likest training sound, 1 = the same recording.
        reference: The same for held-out real sounds; a median far above it would mean copies.
    """

    written: Written
    emerging: Path
    comparison: Path
    likeness: float
    reference: float

    def lines(self) -> list[str]:
        """See :meth:`Finished.lines`."""
        name = self.directory.name
        return [
            "",
            f"new sounds            {self.written.folder}",
            f"pictures of them      {self.written.sheet}",
            f"one emerging          {self.emerging}",
            f"new over likest real  {self.comparison}",
            f"likeness to the likest training sound: {self.likeness:.2f} of 1; "
            f"for real sounds held out: {self.reference:.2f}",
            "",
            "next:",
            f"  sfumato sample {name} --label {_KICK} --scale 2",
            f"  sfumato sample {name} --from FILE.wav --strength 0.5   variations of your sound",
            f"  sfumato resume {name} --minutes 60      train on, it gets better",
            "  sfumato train PATH                      your own folder of sounds",
        ]


def show(directory: RunDirectory) -> Iterator[Note | Finished]:
    """Sample a run on one-shots, and compare with what it was trained on."""
    spec = Run(directory).spec
    model = AudioModel(directory, spec)
    out = new_folder(directory)
    folder = SoundFolder(out, medium=model.medium)
    events = list(write_samples(folder, model, model.request(_SAMPLES)))
    items = np.concatenate([event.items for event in events if isinstance(event, Made)])
    (written,) = [event for event in events if isinstance(event, Written)]
    kick = model.request(1, label=_KICK if _KICK in spec.data.classes else None)
    emerging = SoundFolder(out / "emerging", medium=model.medium)
    way = list(write_samples(emerging, model, kick, trajectory=True))
    (emerged,) = [event for event in way if isinstance(event, Written)]
    comparison, likeness, reference = _compare(directory, spec, items, out)
    yield Playing(directory, written, emerged.strips[0], comparison, likeness, reference)


def _compare(
    directory: RunDirectory, spec: Spec, made: NDArray[np.float32], out: Path
) -> tuple[Path, float, float]:
    """New sounds over their likest training sounds, and how alike the two are."""
    events = reopen(directory, spec.data, spec.recipe)
    (data,) = [event for event in events if isinstance(event, AudioData)]
    training, unseen = (data.dataset.gather(ids)[0] for ids in (data.training, data.held_out))
    rate = data.medium.settings.rate
    found = nearest_audio(floats(made), training, rate)
    reference = nearest_audio(floats(unseen), training, rate).similarities
    path = out / "nearest.png"
    with storage.replacing(path) as draft:
        beside_nearest(data.medium, made, training, found).save(draft, format="PNG")
    return path, float(np.median(found.similarities)), float(np.median(reference))
