"""How often a sound is of the kind that was named: in words, and by a label.

Two runs on the same folder, one of the recipe ``audio`` and one of ``audio-words``, make a sound
for each of the same real items: the one by the class of the item, the other by its first caption.
A classifier that was trained on real items says of which class each sound is::

    python benchmarks/words/sounds.py LABEL_RUN WORDS_RUN -n 300
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

import sfumato
from sfumato.evaluation.of.audio import waveforms
from sfumato.media.number_data import NumberData
from sfumato.metrics.audio_features import Clips, LogMel
from sfumato.metrics.classes import Classifier
from sfumato.metrics.interval import share_interval
from sfumato.training.data import reopen


def data_of(run: sfumato.Run) -> NumberData:
    """The data of a run."""
    model = run.model
    events = reopen(model.directory, model.spec.data, model.spec.recipe)
    (data,) = [event for event in events if isinstance(event, NumberData)]
    return data


def features(clips: Any, rate: int) -> Tensor:
    """Features of clips, shape (n, d)."""
    return LogMel()(Clips(waveforms(np.asarray(clips)), rate))


def chosen(data: NumberData, count: int) -> list[int]:
    """Evenly spaced training items that have a label and a caption."""
    labels = data.dataset.labels
    if labels is None:
        raise SystemExit("The first run has no classes.")
    items = data.dataset.items
    usable = [int(i) for i in data.training if labels[i] >= 0 and items[int(i)].captions]
    return [usable[place * len(usable) // count] for place in range(count)]


def share(classifier: Classifier, made: Sequence[Any], wanted: Tensor, rate: int) -> str:
    """How many sounds are of the class that is wanted, with an interval of 95 %."""
    right = int((classifier(features(np.stack(made), rate)) == wanted).sum())
    value, low, high = share_interval(right, len(made))
    return f"{value:.1%} ({low:.1%} to {high:.1%})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("label_run")
    parser.add_argument("words_run")
    parser.add_argument("-n", type=int, default=300)
    options = parser.parse_args()
    by_label, by_words = sfumato.open(options.label_run), sfumato.open(options.words_run)
    data = data_of(by_label)
    rate, dataset = data.medium.sampling_rate, data.dataset
    real, labels = dataset.gather(data.training)
    classifier = Classifier.fit(features(real, rate), torch.from_numpy(labels))
    ids = chosen(data, options.n)
    items = [dataset.items[number] for number in ids]
    wanted = torch.tensor([int(dataset.labels[number]) for number in ids])
    shuffled = wanted[torch.randperm(len(wanted), generator=torch.Generator().manual_seed(0))]
    unseen, known = dataset.gather(data.held_out)
    prompts = [item.captions[0] for item in items]
    spoken = np.stack(list(by_words.sample(options.n, prompts=prompts).items))
    named: list[Any] = [None] * len(items)
    for label in dict.fromkeys(item.label for item in items):
        places = [place for place, item in enumerate(items) if item.label == label]
        clips = by_label.sample(len(places), label=label).items
        for place, clip in zip(places, clips, strict=True):
            named[place] = clip
    print("| sounds | of the kind that was named |\n|---|---|")
    real_share = share(classifier, list(unseen), torch.from_numpy(known), rate)
    print(f"| held-out real sounds | {real_share} |")
    print(f"| made by label | {share(classifier, named, wanted, rate)} |")
    print(f"| made by words | {share(classifier, list(spoken), wanted, rate)} |")
    floor = share(classifier, list(spoken), shuffled, rate)
    print(f"| made by words, compared with shuffled captions | {floor} |")


if __name__ == "__main__":
    main()
