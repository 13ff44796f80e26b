"""The audio medium: files to int16 clips to tensors that a process works on, and back.

A clip is read once (:class:`ClipReader`) and cached; ``examples`` encodes a batch of clips in the
representation of the settings; ``decode`` turns signals into waveforms for display and files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sfumato.data.dataset import Dataset
from sfumato.data.index import Index
from sfumato.data.items import Encoded
from sfumato.errors import DataError, Diverged, SettingError
from sfumato.media.audio.applying import applied
from sfumato.media.audio.augmentation import VARIATIONS, varied
from sfumato.media.audio.check import AudioReport, report
from sfumato.media.audio.editing import planned
from sfumato.media.audio.folder import AudioFolder, faded_out, seconds_of, until_end, write_sequence
from sfumato.media.audio.picture import sheet, spread_picture
from sfumato.media.audio.provenance import SUFFIXES, read_recipe, write_audio
from sfumato.media.audio.reader import ClipReader, divided
from sfumato.media.audio.recipes import RECIPES, AudioRecipe
from sfumato.media.audio.representation import build, measured
from sfumato.media.audio.settings import AudioSettings, WaveformSpec
from sfumato.media.audio.survey import Survey
from sfumato.media.audio.usage import reading
from sfumato.media.display import player_html
from sfumato.media.editing import Edit, Task, Wanted
from sfumato.media.facts import DataFacts
from sfumato.media.folder import save_png
from sfumato.media.medium import Description
from sfumato.media.numbers import NumberMedium
from sfumato.sound.fit import levelled
from sfumato.sound.open import AUDIO

# Audio in formats that are not read; videos are not among them, since few are meant as audio.
_OTHER_AUDIO = (
    ".wma", ".amr", ".3ga", ".ape", ".wv", ".tta", ".mpc", ".mp2", ".mpga", ".ac3", ".dts", ".dsf",
    ".dff", ".ra", ".spx", ".gsm", ".aax", ".m4p", ".mid", ".midi",
)  # fmt: skip
_CONVERT = "not read; convert it to .wav or .flac with another program, such as ffmpeg"
_QUANTILES = 17
# Lines of a caption with words below the drawing of a clip.
_LINES = 3
_FULL_SCALE = 32768
_LOUDEST = 10 ** (-0.1 / 20)
# -40 dBFS: clips with a lower peak are not amplified.
_SILENCE = 0.01


class AudioMedium(ClipReader, NumberMedium):
    """Audio clips of one rate and length.

    Args:
        settings: The settings, with ``channels`` resolved.

    Raises:
        SettingError: ``channels`` is still ``auto``.
    """

    name = "audio"
    singular, plural = "audio clip", "audio clips"
    suffixes = AUDIO.suffixes
    unread: ClassVar[Mapping[str, str]] = dict.fromkeys(_OTHER_AUDIO, _CONVERT)
    recipe = AudioRecipe
    recipes = RECIPES
    options: ClassVar[Mapping[str, frozenset[str]]] = {
        **NumberMedium.options,
        "sample": NumberMedium.options["sample"] | {"seconds"},
        "edit": NumberMedium.options["edit"] | {"gap", "extend", "bandwidth", "declip"},
        "evaluate": NumberMedium.options["evaluate"] | {"speech"},
    }
    packages = ("soundfile", "soxr")
    example = "one-shots"
    words_recipe = "audio-words"
    variations = VARIATIONS

    def __init__(self, settings: AudioSettings) -> None:
        super().__init__(settings)
        self._representation = build(settings.representation)
        self._survey: Survey | None = None

    @classmethod
    def resolved(cls, settings: AudioSettings, index: Index) -> AudioSettings:
        """See :meth:`NumberMedium.resolved`."""
        return settings.resolve(index)

    def divided(self, index: Index) -> Index:
        """An item for each stretch of a long file that is used whole.

        The headers that are read for this are remembered for the reports on the data.
        """
        self._survey = Survey(index)
        return divided(index, self, self._survey)

    def require_enough(self, dataset: Dataset, place: Path) -> None:
        """See :meth:`NumberMedium.require_enough`: two clips are needed."""
        if len(dataset) < 2:
            raise DataError(
                f"'{place}' holds one usable audio clip, and a model needs many.",
                why="a model of one clip could only repeat it",
                hint="add files; --settings medium.cut=all cuts a long one into many",
            )

    def quantiles(
        self, dataset: Dataset, training: NDArray[np.int64], labels: NDArray[np.int64] | None
    ) -> tuple[tuple[float, ...], ...]:
        """See :meth:`NumberMedium.quantiles`; empty if all clips fill the window."""
        lengths = self.lengths_in(dataset, training)
        if lengths.min() == self.settings.samples:
            return ()
        classes = np.zeros(len(training), np.int64) if labels is None else labels[training]
        shares = np.linspace(0.0, 1.0, _QUANTILES)
        rows = []
        for number in range(1 if labels is None else len(dataset.classes)):
            of_class = lengths[classes == number]
            chosen = of_class if len(of_class) else lengths
            found = np.quantile(chosen, shares) / self.settings.rate
            rows.append(tuple(found.round(4).tolist()))
        return tuple(rows)

    def seconds_of(self, dataset: Dataset, places: Sequence[int]) -> Sequence[float]:
        """See :meth:`Coding.seconds_of`."""
        lengths = self.lengths_in(dataset, np.asarray(places, np.int64)) / self.settings.rate
        return [float(length) for length in lengths.round(4)]

    def settled(self, clips: NDArray[np.int16]) -> AudioMedium:
        """See :meth:`NumberMedium.settled`: measures the scales of a spectrogram.

        Args:
            clips: Typical clips, shape (M, C, N).
        """
        spec = self.settings.representation
        if isinstance(spec, WaveformSpec) or spec.scales is not None:
            return self
        spec = measured(spec, torch.from_numpy(clips).float() / _FULL_SCALE)
        settled = AudioMedium(self.settings.model_copy(update={"representation": spec}))
        settled._survey = self._survey
        return settled

    @property
    def signal_shape(self) -> tuple[int, ...]:
        """Shape of an encoded clip: (C, N'), or (2 C, bins, frames)."""
        return self._representation.shape(*self.shape)

    def examples(self, clips: NDArray[np.int16], uniforms: Tensor | None = None) -> Encoded:
        """Encode clips (B, C, N), and augment them if uniform numbers (B, 3) are passed."""
        x = torch.from_numpy(clips.astype(np.float32)).div_(_FULL_SCALE)
        if uniforms is not None:
            x = varied(x, uniforms, self.settings)
        return Encoded(self._representation.encode(x), _filled(x))

    def decode(self, x0: Tensor) -> NDArray[np.float32]:
        """Decode signals to waveforms in [-1, 1], float32 of shape (B, C, N).

        A clip is normalised to the level of the training clips. One that is nearly silent, or any
        with ``level="keep"``, is only scaled down where it would be clipped.

        Raises:
            Diverged: A value is not finite.
        """
        x0 = x0.detach().to("cpu", torch.float32)
        if not torch.isfinite(x0).all():
            raise Diverged(
                "An audio clip has values that are not finite.",
                why="the network or the sampler diverged",
                hint="sample with more steps or a lower guidance scale, or train at a lower rate.",
            )
        x = self._representation.decode(x0, self.settings.samples).numpy()
        return np.stack([self._at_level(clip) for clip in x]) if len(x) else x

    def seconds(self, filled: float) -> float:
        """See :meth:`NumberMedium.seconds`."""
        return self._whole(filled * self._window) / self.settings.rate

    def filled(self, seconds: float) -> float:
        """See :meth:`NumberMedium.filled`."""
        # Rounded to whole samples, so that the stored length makes the same clip again.
        return self._whole(seconds) / self.settings.samples

    def require_seconds(self, seconds: float) -> None:
        """See :meth:`NumberMedium.require_seconds`."""
        if not 0 < seconds <= self._window:
            raise SettingError(
                f"seconds cannot be {seconds}.", why=f"the run's window is {self._window:g} seconds"
            )

    def plan(self, path: Path, wanted: Wanted) -> Edit:
        """See :meth:`NumberMedium.plan`: a gap, an extension, a bandwidth, clipping or noise.

        The file is read whole, with the channels and the rate of the run and its own level.
        """
        return planned(path, wanted, self.settings)

    def task(self, path: Path, edit: Edit) -> Task:
        """See :meth:`NumberMedium.task`; results are (B, C, N) at the level of the file."""
        return applied(path, edit, self.settings)

    def write_spread(self, items: NDArray[np.float32], path: Path) -> None:
        """See :meth:`NumberMedium.write_spread`: over time and mel bands, in decibels."""
        save_png(spread_picture(items, self.settings.rate), path)

    @property
    def sampling_rate(self) -> int:
        """See :meth:`Medium.sampling_rate`."""
        return self.settings.rate

    @property
    def _window(self) -> float:
        return self.settings.samples / self.settings.rate

    def _whole(self, seconds: float) -> int:
        return min(max(1, round(seconds * self.settings.rate)), self.settings.samples)

    def _at_level(self, clip: NDArray[np.float32]) -> NDArray[np.float32]:
        level, peak = self.settings.level, np.abs(clip).max()
        if level == "keep" or peak <= _SILENCE:
            return clip * np.float32(min(1.0, _LOUDEST / max(peak, _SILENCE)))
        return levelled(clip, self.settings.rate, level)

    def ended(
        self, items: NDArray[np.float32], seconds: Sequence[float | None]
    ) -> NDArray[np.float32]:
        """Waveforms (B, C, N) that are faded out at their ends and silent after them.

        The level is set again, because the loudest moment may have been behind the end.
        """
        finished = np.zeros_like(items)
        for out, clip, length in zip(finished, items, seconds, strict=True):
            shortened = until_end(clip, self.settings.rate, length)
            if shortened.shape[1] < clip.shape[1]:
                shortened = faded_out(shortened, self.settings.rate)
            out[:, : shortened.shape[1]] = self._at_level(shortened)
        return finished

    def write(
        self, path: Path, clip: NDArray[np.float32], recipe: Mapping[str, Any] | None = None
    ) -> None:
        """Write one waveform, (C, N) in [-1, 1], as WAV or FLAC that contains its provenance.

        Raises:
            ValueError: The recipe is not JSON or is larger than 1 MiB.
            DiskFull: There is not enough room.
        """
        write_audio(path, clip.T, self.settings.rate, recipe)

    @classmethod
    def holds_provenance(cls, path: Path) -> bool:
        """See :meth:`Medium.holds_provenance`."""
        return path.suffix.lower() in SUFFIXES

    @classmethod
    def read_provenance(cls, path: Path) -> dict[str, Any]:
        """See :meth:`Medium.read_provenance`."""
        return read_recipe(path)

    def folder(self, path: Path, format: str | None = None) -> AudioFolder:
        """See :meth:`Medium.folder`."""
        return AudioFolder(path, format or "", rate=self.settings.rate)

    def item(self, items: Any, place: int, provenance: Mapping[str, Any]) -> NDArray[np.float32]:
        """One clip up to its end, shape (C, T)."""
        return until_end(items[place], self.settings.rate, seconds_of(provenance))

    def write_preview(
        self, items: NDArray[np.float32], paths: Sequence[Path], captions: Sequence[str] = ()
    ) -> None:
        """Write a sheet of spectrograms, and all clips in a row, to each path."""
        drawings = sheet(list(items), self.settings.rate, captions or None, lines=_LINES)
        for path in paths:
            save_png(drawings, path.with_suffix(".png"))
            write_sequence(path.with_suffix(".wav"), items, self.settings.rate)

    def reading(self, dataset: Dataset) -> Iterator[tuple[str, str]]:
        """See :meth:`NumberMedium.reading`."""
        if self._survey is not None:
            yield from reading(dataset, self, self._survey)

    def report(self, files: Index, dataset: Dataset) -> AudioReport:
        """See :meth:`NumberMedium.report`."""
        return report(files, dataset, self, self._survey or Survey(files))

    @classmethod
    def describe(cls, recipe: Any, facts: DataFacts) -> Description:
        """See :meth:`Medium.describe`."""
        medium = recipe.medium
        return Description(
            subject=f"{medium.channels} audio of up to {medium.seconds:g} s at {medium.rate:,} Hz",
            rows={
                "prediction, schedule": f"{recipe.prediction.kind}, {recipe.schedule.kind}",
                "representation": medium.representation.kind,
            },
            facts={
                "audio_clips": facts.count,
                "seconds": medium.seconds,
                "rate": medium.rate,
                "channels": medium.channels,
                "representation": medium.representation.kind,
            },
        )

    def encoded(self, clip: NDArray[np.float32], suffix: str = ".flac") -> bytes:
        """Encode a waveform (C, N) as the bytes of an audio file."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"clip{suffix}"
            self.write(path, clip)
            return path.read_bytes()

    def contact_sheet(self, items: Sequence[Any], captions: Sequence[str] = ()) -> Image.Image:
        """See :meth:`Medium.contact_sheet`."""
        return sheet(items, self.settings.rate, captions or None, lines=_LINES)

    def html(self, items: Sequence[Any], captions: Sequence[str] = ()) -> str:
        """See :meth:`Medium.html`: a player for each clip."""
        captions = captions or [""] * len(items)
        return "\n".join(
            player_html(self.encoded(clip, ".wav"), caption)
            for clip, caption in zip(items, captions, strict=True)
        )

    def sheet(
        self,
        clips: Sequence[NDArray[np.float32]],
        captions: Sequence[str] | None = None,
        columns: int | None = None,
    ) -> Image.Image:
        """A sheet of waveforms, each (C, n), with their spectrograms."""
        return sheet(clips, self.settings.rate, captions, columns)


def _filled(x: Tensor) -> Tensor:
    """The share of its extent that each clip fills: up to its last value that is not zero."""
    sounding = (x != 0).any(dim=1)
    places = torch.arange(1, x.shape[-1] + 1)
    ends = (sounding * places).amax(dim=1)
    return ends / x.shape[-1]
