"""What fitting a sampler to a model is worth, on mixtures on the straight path.

    python benchmarks/sampler_accuracy/tuned.py

Prints Markdown; half a minute.
"""

from __future__ import annotations

import torch
from problems import mixtures

from sfumato.oracle import MixtureDenoiser
from sfumato.process.gaussian import Gaussian
from sfumato.process.schedule import Linear
from sfumato.sampling import KeyedNoise, Wiener, sample
from sfumato.sampling.tuning import Examples, fit

BUDGETS = (5, 8)
TAUGHT, UNSEEN, ROUNDS, EXACT = range(128), range(128, 640), 5, 96


def main() -> None:
    """Fit to some noise, judge on other."""
    torch.set_num_threads(1)
    print("| problem | " + " | ".join(f"{n}: untuned | tuned" for n in BUDGETS) + " |")
    print("|---" * (1 + 2 * len(BUDGETS)) + "|")
    for name, (mixture, _) in mixtures().items():
        denoiser = MixtureDenoiser(mixture, Gaussian(Linear()))
        shape = (mixture.means.shape[1],)

        def examples(indices: range, exact: MixtureDenoiser, size: tuple[int, ...]) -> Examples:
            noise = KeyedNoise(1, indices)
            return Examples(noise, size, {}, sample(exact, Wiener(), noise, size, EXACT))

        taught, unseen = (examples(each, denoiser, shape) for each in (TAUGHT, UNSEEN))
        cells = []
        for budget in BUDGETS:
            *_, best = fit(denoiser, Wiener(), taught, budget, ROUNDS)
            cells.append(f"{unseen.error(denoiser, Wiener(), budget):.4f}")
            cells.append(f"{unseen.error(denoiser, best.sampler, budget):.4f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
