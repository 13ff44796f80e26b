"""What words cost in a training step: a network that reads them beside one that knows a class.

For each recipe the two networks take turns at a step (forward, backward and the optimiser's step)
on the same states, with the threads that torch has. Processor time counts, so that other programs
disturb little; the ratio is that of the medians::

    OMP_NUM_THREADS=1 python benchmarks/words/step_cost.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from sfumato.engine.machine import choose_device
from sfumato.engine.precision import autocast, choose_precision
from sfumato.media.registry import find, medium_of
from sfumato.nets.inputs import TokenInput

_CLASSES = 10
_WORDS = TokenInput(size=2000, length=24)


def steps_of(recipe_name: str) -> dict[str, Callable[[], None]]:
    """A training step of each network, by what it knows of an item."""
    recipe = find(recipe_name)
    settings = recipe.medium
    if getattr(settings, "channels", None) == "auto":
        settings = settings.model_copy(update={"channels": "rgb"})
    medium = medium_of(recipe)(settings)
    channels, *sides = medium.signal_shape
    batch = recipe.engine.batch
    x, level = torch.randn(batch, channels, *sides), torch.randn(batch)
    label = torch.randint(0, _CLASSES, (batch,))
    tokens = torch.randint(1, _WORDS.size, (batch, _WORDS.length))
    tokens[:, _WORDS.length // 2 :] = 0
    networks = {
        "class": (recipe.backbone.build(channels, sides, _CLASSES), {"label": label}),
        "words": (recipe.backbone.build(channels, sides, inputs={"words": _WORDS}), None),
    }
    precision = choose_precision("auto", choose_device())
    found = {}
    for name, (network, given) in networks.items():
        optimizer = recipe.engine.optimizer.build(network.named_parameters())
        cond = {"words": tokens} if given is None else given

        def step(network=network, cond=cond, optimizer=optimizer) -> None:  # type: ignore[no-untyped-def]
            with autocast(precision, choose_device()):
                loss = (network(x, level, **cond) - x).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        found[name] = step
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="*", default=["image", "image-transformer", "audio"])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print("| recipe | class, ms | words, ms | ratio |\n|---|---|---|---|")
    for name in options.recipes:
        steps = steps_of(name)
        seconds: dict[str, list[float]] = {kind: [] for kind in steps}
        for round_ in range(options.rounds + 2):
            for kind, step in steps.items():
                began = time.process_time()
                step()
                if round_ >= 2:
                    seconds[kind].append(time.process_time() - began)
        label, words = (1000 * median(seconds[kind]) for kind in ("class", "words"))
        print(f"| `{name}` | {label:.0f} | {words:.0f} | {words / label:.2f} |", flush=True)


if __name__ == "__main__":
    main()
