"""A trained model of text, by categorical diffusion on tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sfumato.conditions import Conditions
from sfumato.denoiser import Denoiser, TokenDenoiser
from sfumato.errors import DataError, SettingError
from sfumato.guidance import GuidanceSpec
from sfumato.likelihood import token_bound
from sfumato.media.text.medium import TextMedium
from sfumato.media.text.rows import RowBatch
from sfumato.media.text.tokenizer import REPLACEMENT
from sfumato.media.text.tokens import Tokenizer
from sfumato.model.checks import require_within
from sfumato.model.layout import (
    MASKED,
    RowLayout,
    ends_whole,
    layout,
    lengths_of,
    with_masks,
)
from sfumato.model.model import Model
from sfumato.model.network import bytes_of_text
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import (
    MOST_STEPS,
    MOST_TOKENS,
    Made,
    Making,
    Provenance,
    Request,
    TokenProvenance,
)
from sfumato.model.trajectory import TextTrajectory
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.runs.tuned import TokenTuning
from sfumato.sampling import KeyedUniform, Sampler, State, integrate
from sfumato.sampling.sampler import Language
from sfumato.sampling.tempering import Tempered
from sfumato.sampling.tokens import TOKEN_SAMPLERS, Bridge, TokenSampler


class TokenModel(Model[TokenDenoiser]):
    """A run's trained model of text; see :class:`~sfumato.model.model.Model`."""

    # A text has hundreds of tokens: four texts already use a CPU fully.
    tiles = MappingProxyType({"cpu": 4, "cuda": 32})
    provenance = TokenProvenance
    tuning = TokenTuning
    most_steps = MOST_STEPS
    medium: TextMedium

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the run."""
        return self.medium.tokenizer

    def sampler(self, choice: Any) -> TokenSampler:
        """See :meth:`Model.sampler`."""
        if isinstance(choice, str):
            return TOKEN_SAMPLERS.find(choice)()
        TOKEN_SAMPLERS.require(choice)
        return cast(TokenSampler, choice)

    def with_temperature(
        self, denoiser: Denoiser[CategoricalProcess], temperature: float, top_p: float
    ) -> Denoiser[CategoricalProcess]:
        """A denoiser with a temperature and a nucleus, without tokens that cannot be written.

        Raises:
            SettingError: The temperature or the share is out of range.
        """
        return Tempered(denoiser, temperature, top_p, self.tokenizer.forbidden)

    def shown(self, x_t: Tensor, lengths: Sequence[int]) -> list[str]:
        """States as text, with a sign at every masked place."""
        mask = self.denoiser.process.mask if isinstance(self.denoiser.process, Masking) else -1
        return [
            with_masks(self._readable, row[:length].tolist(), mask)
            for row, length in zip(x_t.cpu(), lengths, strict=True)
        ]

    def _readable(self, tokens: Sequence[int]) -> str:
        """The text of some tokens; a character of which a part is masked counts as masked."""
        return self.tokenizer.text(tokens).replace(REPLACEMENT, MASKED)

    def lengths(self, sample: Provenance, indices: Sequence[int]) -> tuple[int, ...]:
        """Number of tokens of each text."""
        return lengths_of(self.spec, sample.seed, indices, sample.length)

    def trajectory(self, sample: Provenance) -> TextTrajectory:
        """See :meth:`Model.trajectory`."""
        return TextTrajectory()

    def _own(self, options: SampleOptions) -> dict[str, Any]:
        defaults: Any = self.spec.recipe.sampling
        length, temperature, top_p = options.length, options.temperature, options.top_p
        if length is not None:
            require_within("length", length, 1, MOST_TOKENS)
        temperature = defaults.temperature if temperature is None else temperature
        top_p = defaults.top_p if top_p is None else top_p
        self.with_temperature(self.denoiser, temperature, top_p)  # Checks the two.
        return {"temperature": temperature, "top_p": top_p, "length": length}

    def _check(self, sample: Provenance) -> None:
        temperature, top_p, length = sample.temperature, sample.top_p, sample.length
        if temperature is None or top_p is None:
            raise DataError("The provenance of a text is damaged.", why="it has no temperature")
        self.with_temperature(self.denoiser, temperature, top_p)  # Checks the two.
        self.guided(sample, sample.index)  # Checks the rule of guidance.
        if length is None or length <= self._longest:
            return
        if self._longest < self.medium.settings.context:
            raise SettingError(
                f"length cannot be {length}.",
                why=f"the longest text in the training data of '{self.directory.name}' is "
                f"{self._longest} tokens long",
            )
        if not isinstance(self.denoiser.process, Masking):
            raise SettingError(
                f"length cannot be {length}.",
                why="only a masking process can continue a text, and this run's is uniform",
                hint=f"use at most {self._longest}.",
            )

    def _default_sampler(
        self, steps: int, scale: float, guidance: GuidanceSpec, own: Mapping[str, Any]
    ) -> Sampler:
        tuned = self._tuned(steps, scale, guidance)
        if tuned is not None:
            return tuned
        default: TokenSampler = self.spec.recipe.sampling.sampler
        masks = isinstance(self.denoiser.process, Masking)
        # A recipe in which only the process was changed still has the sampler of the other process.
        return default if masks else Bridge(grid=default.grid)

    @property
    def _row_bytes(self) -> int:
        return bytes_of_text(self._longest, self.denoiser.process.size)

    @property
    def _longest(self) -> int:
        return self.spec.data.longest

    def _batch(self, request: Request, indices: range, done: int) -> Iterator[Making | Made]:
        sample = request.sample
        labels = self.labels(sample.label, sample.seed, indices)
        lengths = self.lengths(sample, indices)
        denoiser = self.with_temperature(
            self.guided(sample, indices.start), sample.temperature or 1.0, sample.top_p or 1.0
        )
        is_long = sample.length is not None and sample.length > self._longest
        states = self._by_windows if is_long else self._at_once
        show = partial(self._state_texts, lengths)
        state = None
        for state in states(sample, indices, denoiser, labels):
            yield Making(done, request.n, state, show)
        if state is None:
            raise RuntimeError("the sampler gave no state")
        rows = zip(state.x_t.cpu().numpy(), lengths, strict=True)
        provenance = self.described(sample, indices)
        texts = [self.tokenizer.text(row[:size]) for row, size in rows]
        yield Made(indices, texts, provenance)

    def described(self, sample: Provenance, indices: Sequence[int]) -> tuple[Provenance, ...]:
        """See :meth:`Model.described`."""
        labels = self.labels(sample.label, sample.seed, indices)
        return tuple(
            sample.changed(index=index, length=size, label=self.label_name(labels, row))
            for row, (index, size) in enumerate(
                zip(indices, self.lengths(sample, indices), strict=True)
            )
        )

    def _state_texts(self, lengths: Sequence[int], state: State) -> list[str]:
        return self.shown(state.x_t, lengths)

    def _at_once(
        self,
        sample: Provenance,
        indices: range,
        denoiser: Denoiser[CategoricalProcess],
        labels: Tensor | None,
    ) -> Iterator[State]:
        """Sample texts that fit into one row."""
        noise = KeyedUniform(sample.seed, indices, self.device)
        lengths = self.lengths(sample, indices)
        rows = layout(self.spec, self.denoiser.process, noise, lengths)
        whole = ends_whole(self.spec, lengths, sample.length)
        language = rows.language(self.tokenizer, whole)
        return self._states(sample, denoiser, rows, noise, labels, language)

    def _by_windows(
        self,
        sample: Provenance,
        indices: range,
        denoiser: Denoiser[CategoricalProcess],
        labels: Tensor | None,
    ) -> Iterator[State]:
        """Sample longer texts window by window, each conditioned on half of the previous one."""
        size = self._longest
        text = torch.empty(len(indices), 0, dtype=torch.int64, device=self.device)
        block = 0
        while text.shape[1] < (sample.length or size):
            before, context = text[:, : -(size // 2)], text[:, -(size // 2) :]
            noise = KeyedUniform(sample.seed, indices, self.device, block)
            x_1 = self.denoiser.process.prior(noise.prior((size,)))
            x_1[:, : context.shape[1]] = context
            free = torch.ones_like(x_1, dtype=torch.bool)
            free[:, : context.shape[1]] = False
            rows = RowLayout(x_1, (size,) * len(indices), free=free)
            language = rows.language(
                self.tokenizer, [False] * len(indices), self._spelled_so_far(before)
            )
            for state in self._states(sample, denoiser, rows, noise, labels, language):
                text = torch.cat([before, state.x_t], 1)
                yield replace(state, x_t=text)
            block += 1

    def _states(
        self,
        sample: Provenance,
        denoiser: Denoiser[CategoricalProcess],
        rows: RowLayout,
        noise: KeyedUniform,
        labels: Tensor | None,
        language: Language | None,
    ) -> Iterator[State]:
        cond = rows.cond | {"label": labels}
        sampler, steps = sample.sampler, sample.steps
        times = sampler.grid.times(
            len(sampler.plan(steps)), denoiser.process.keep, rows.x_1.shape[1]
        )
        return integrate(
            denoiser, sampler, rows.x_1, times, noise, steps, cond, rows.free, language
        )

    def _spelled_so_far(self, tokens: Tensor) -> list[int] | None:
        """The state of spelling behind the tokens of each row; None for whole characters."""
        spelling = self.tokenizer.spelling
        return None if spelling is None else [spelling.state(row.cpu().numpy()) for row in tokens]


_AT_ONCE = 16


def class_numbers(labels: NDArray[np.int64], classes: int) -> Tensor:
    """The labels of rows as a condition, int64 (B,): the null label for rows without a label."""
    return torch.from_numpy(np.where(labels < 0, classes, labels))


def bound_of_rows(
    denoiser: TokenDenoiser,
    rows: RowBatch,
    draws: int,
    seed: int,
    classes: int,
    first: int = 0,
) -> Tensor:
    """The bound on ``-log p`` of each row given the lengths of its texts.

    Args:
        denoiser: The model, in evaluation mode.
        rows: The rows to measure.
        draws: Number of times and noises per row.
        seed: Seed of the times and the noise.
        classes: Number of classes that are a condition of the model; 0 if labels are not.
        first: Number of the first row; row ``i`` depends on (seed, first + i) alone.

    Returns:
        Nats per row, float64, shape (B,).
    """
    device = next(denoiser.parameters()).device
    tokens = torch.from_numpy(rows.tokens).to(device)
    segments = torch.from_numpy(rows.segments).to(device)
    labels = rows.labels if classes else None
    cond = Conditions(
        segments=segments if bool((segments != 0).any()) else None,
        label=None if labels is None else class_numbers(labels, classes),
    ).to(device)
    parts = []
    for low in range(0, len(tokens), _AT_ONCE):
        part = slice(low, low + _AT_ONCE)
        counted, at = segments[part] >= 0, first + low
        bound = token_bound(denoiser, tokens[part], counted, draws, seed, at, **cond.rows(part))
        parts.append(bound)
    return torch.cat(parts)
