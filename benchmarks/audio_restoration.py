"""Held-out sounds, damaged and restored by a run, beside two plain ways each.

``gap``: 50 ms are made anew, beside a line from edge to edge and a repetition of the 50 ms before.
``bandwidth``: everything above 4 kHz is made, beside nothing there and a mirror image of what is
below (the samples with alternating signs).
``declip``: the loudest twentieth of the samples was cut off, beside the cubic through both edges.
``denoise``: white noise 15 dB below the sound, whose level is estimated, beside the noisy file.

    sfumato train one-shots --minutes 30 --name shots
    python benchmarks/audio_restoration.py shots

Writes ``audio_restoration.csv`` and ``.md`` here, and a picture of each into ``docs/pictures``.

The distance is the log-spectral one in decibels: the root mean square over frequency of the
difference of levels, in frames of 16 ms every 4 ms, averaged over frames; levels below -80 dBFS
count as -80 dBFS. It is that of the frames centred in the gap, and above 4 kHz for the bandwidth.
Figures are means over sounds with the standard error, of the mean over the results of each sound.
With ``--scale`` the model is told the class of each sound, and guided towards it.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sfumato.media.audio.medium import AudioMedium
from sfumato.media.number_data import NumberData
from sfumato.model.edits import EditingModel
from sfumato.model.open import open_model
from sfumato.model.options import EditOptions
from sfumato.model.provenance import Made
from sfumato.process.grids import EDMGrid
from sfumato.runs import covariance
from sfumato.sampling import DPMSDE
from sfumato.sound.clipping import clipped, peaks_estimated
from sfumato.training.data import reopen

Clip = NDArray[np.float32]

HERE = Path(__file__).parent
PICTURES = HERE.parent / "docs" / "pictures"
_FULL_SCALE = 32768


def levels(x: Clip, rate: int) -> NDArray[np.float32]:
    """Levels in decibels, (frames, lines): frames of 16 ms every 4 ms, a sine of 1 is at 0 dB."""
    window = round(0.016 * rate)
    hann = torch.hann_window(window)
    lines = torch.stft(torch.from_numpy(x[0]), window, window // 4, window=hann, center=False,
                       return_complex=True)  # fmt: skip
    power = (2 * lines.abs() / hann.sum()).square().clamp_min(1e-8)
    return (10 * power.log10()).mT.numpy()


class Case(ABC):
    """One way to damage a sound.

    Attributes:
        name: The operation.
        unit: What the measure is.
    """

    name: ClassVar[str]
    unit: ClassVar[str] = "dB log-spectral distance"

    @abstractmethod
    def damaged(self, x: Clip, rate: int, rng: np.random.Generator) -> tuple[Clip, dict[str, Any]]:
        """The damaged file and the options of the edit."""

    @abstractmethod
    def plain(self, y: Clip, rate: int, options: Mapping[str, Any]) -> dict[str, Clip]:
        """Plain ways to restore it."""

    @abstractmethod
    def measure(self, made: Clip, x: Clip, rate: int, options: Mapping[str, Any]) -> float:
        """How far what was made is from the truth."""


class Gap(Case):
    name = "gap"

    def damaged(self, x: Clip, rate: int, rng: np.random.Generator) -> tuple[Clip, dict[str, Any]]:
        size, length = round(0.05 * rate), x.shape[1]
        begin = int(rng.integers(size, max(size + 1, length - 3 * size)))
        y = x.copy()
        y[:, begin : begin + size] = 0
        return y, {"gap": (begin / rate, (begin + size) / rate)}

    def plain(self, y: Clip, rate: int, options: Mapping[str, Any]) -> dict[str, Clip]:
        begin, end = (round(place * rate) for place in options["gap"])
        line, repeated = y.copy(), y.copy()
        share = np.arange(1, end - begin + 1) / (end - begin + 1)
        line[:, begin:end] = (1 - share) * y[:, begin - 1 : begin] + share * y[:, end : end + 1]
        repeated[:, begin:end] = y[:, 2 * begin - end : begin]
        return {"line": line, "repeat": repeated}

    def measure(self, made: Clip, x: Clip, rate: int, options: Mapping[str, Any]) -> float:
        begin, end = (round(place * rate) for place in options["gap"])
        reach = round(0.008 * rate)
        within = slice(max(0, begin - reach), end + reach)
        return distance(levels(made[:, within], rate), levels(x[:, within], rate))


class Bandwidth(Case):
    name = "bandwidth"

    def damaged(self, x: Clip, rate: int, rng: np.random.Generator) -> tuple[Clip, dict[str, Any]]:
        lines = np.fft.rfft(x)
        lines[:, np.fft.rfftfreq(x.shape[1], 1 / rate) > 4000] = 0
        return np.fft.irfft(lines, x.shape[1]).astype(np.float32), {"bandwidth": 4000.0}

    def plain(self, y: Clip, rate: int, options: Mapping[str, Any]) -> dict[str, Clip]:
        signs = np.where(np.arange(y.shape[1]) % 2, -1, 1).astype(np.float32)
        return {"empty": y, "mirror": y + y * signs}

    def measure(self, made: Clip, x: Clip, rate: int, options: Mapping[str, Any]) -> float:
        ours, true = levels(made, rate), levels(x, rate)
        above = round(4000 / rate * 2 * (ours.shape[1] - 1)) + 2
        return distance(ours[:, above:], true[:, above:])


class Snr(Case):
    unit = "dB signal to noise"

    def measure(self, made: Clip, x: Clip, rate: int, options: Mapping[str, Any]) -> float:
        return float(10 * np.log10(np.square(x).sum() / np.square(made - x).sum()))


class Declip(Snr):
    name = "declip"

    def damaged(self, x: Clip, rate: int, rng: np.random.Generator) -> tuple[Clip, dict[str, Any]]:
        most = np.quantile(np.abs(x), 0.95)
        return x.clip(-most, most), {"declip": True}

    def plain(self, y: Clip, rate: int, options: Mapping[str, Any]) -> dict[str, Clip]:
        return {"clipped": y, "cubic": peaks_estimated(y, clipped(y))}


class Denoise(Snr):
    name = "denoise"

    def damaged(self, x: Clip, rate: int, rng: np.random.Generator) -> tuple[Clip, dict[str, Any]]:
        std = float(np.sqrt(np.square(x).mean())) * 10 ** (-15 / 20)
        noise = rng.standard_normal(x.shape).astype(np.float32)
        return (x + std * noise).clip(-1, 1), {"denoise": "auto"}

    def plain(self, y: Clip, rate: int, options: Mapping[str, Any]) -> dict[str, Clip]:
        return {"noisy": y}


CASES = {case.name: case for case in (Gap(), Bandwidth(), Declip(), Denoise())}


def distance(ours: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    """The log-spectral distance of levels (frames, lines)."""
    return float(np.sqrt(np.square(ours - true).mean(axis=1)).mean())


def restored(model: EditingModel, path: Path, options: EditOptions) -> list[Clip]:
    request = model.edit_request(path, options)
    made = [event for event in model.sample(request) if isinstance(event, Made)]
    return [np.asarray(item) for event in made for item in event.items]


def held_out(data: NumberData, most: int) -> Iterator[tuple[Clip, str]]:
    """Held-out sounds of 0.3 seconds at least, up to their ends, with their classes."""
    clips, labels = data.dataset.gather(data.held_out)
    assert isinstance(data.medium, AudioMedium) and labels is not None
    ends, rate = data.medium.lengths(clips), data.medium.settings.rate
    long = np.flatnonzero(ends >= 0.3 * rate)
    for place in long[:most]:
        clip = clips[place, :, : ends[place]] / _FULL_SCALE
        yield clip.astype(np.float32), data.dataset.classes[labels[place]]


def run_case(
    case: Case,
    model: EditingModel,
    sounds: list[tuple[Clip, str]],
    base: EditOptions,
    folder: Path,
) -> tuple[dict[str, list[float]], list[Clip], float]:
    """The measures of each way, the first sound in all ways, and seconds for each result."""
    assert isinstance(model.medium, AudioMedium)
    rate, began, count = model.medium.settings.rate, time.perf_counter(), 0
    found: dict[str, list[float]] = {}
    shown: list[Clip] = []
    for number, (truth, label) in enumerate(sounds):
        damaged, options = case.damaged(truth, rate, np.random.default_rng(number))
        path = folder / f"{case.name}-{number}.wav"
        model.medium.write(path, damaged)
        told = {} if base.scale is None else {"label": label}
        results = restored(model, path, EditOptions(**{**base.given(), **told, **options}))
        ways = case.plain(damaged, rate, options)
        for name, made in ways.items():
            found.setdefault(name, []).append(case.measure(made, truth, rate, options))
        figures = [case.measure(made, truth, rate, options) for made in results]
        found.setdefault("restored", []).append(statistics.fmean(figures))
        count += len(results)
        if not shown:
            shown = [truth, damaged, *ways.values(), results[0]]
    return found, shown, (time.perf_counter() - began) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--sounds", type=int, default=24)
    parser.add_argument("-n", type=int, default=2, help="results of each sound")
    parser.add_argument("--method", default="quick")
    parser.add_argument("--particles", type=int)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--scale", type=float)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    asked = parser.parse_args()
    model = open_model(asked.run)
    assert isinstance(model, EditingModel)
    *_, data = reopen(model.directory, model.spec.data, model.spec.recipe)
    assert isinstance(data, NumberData)
    covariance.store(model.directory, data.covariance)
    # Twice, with other gaps and other noise, if there are fewer than wanted.
    sounds = (2 * list(held_out(data, asked.sounds)))[: asked.sounds]
    base = EditOptions(
        asked.n, method=asked.method, particles=asked.particles, steps=asked.steps,
        scale=asked.scale, sampler=DPMSDE(grid=EDMGrid(low=0.02)),
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for name in asked.cases or CASES:
        case = CASES[name]
        with tempfile.TemporaryDirectory() as folder:
            found, shown, seconds = run_case(case, model, sounds, base, Path(folder))
        for way, values in found.items():
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
            row = (name, way, f"{statistics.fmean(values):.2f}", f"{error:.2f}", case.unit)
            rows.append((*row, str(len(values)), f"{seconds:.1f}" if way == "restored" else ""))
            print(*rows[-1], flush=True)
        ways = ["truth", "file", *list(found)[:-1], "restored"]
        sheet_of(model, shown, ways).save(asked.pictures / f"audio-{name}.png", optimize=True)
    about = (
        f"Method `{asked.method}`, {asked.steps} evaluations, up to {asked.n} results of a sound."
    )
    write(rows, about, asked.out)


def sheet_of(model: EditingModel, clips: list[Clip], captions: list[str]) -> Image.Image:
    assert isinstance(model.medium, AudioMedium)
    drawn = model.medium.sheet(clips, captions, columns=len(clips))
    return drawn.quantize(128)


def write(rows: list[tuple[str, ...]], about: str, folder: Path) -> None:
    head = ("case", "way", "mean", "error", "unit", "sounds", "seconds")
    with (folder / "audio_restoration.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    table = [head, ("---",) * len(head), *rows]
    lines = [f"| {' | '.join(row)} |" for row in table]
    (folder / "audio_restoration.md").write_text("\n".join([about, "", *lines, ""]), "utf-8")


if __name__ == "__main__":
    main()
