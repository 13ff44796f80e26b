"""Sampling texts from a run, and the recipe that each text carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

import sfumato
from sfumato.denoiser import Denoiser, TokenDenoiser
from sfumato.engine.machine import keep_freed_memory, memory_explained
from sfumato.errors import SettingError, suggest
from sfumato.guidance import GuidanceSpec, guidance_named
from sfumato.media.text.data import read_tokenizer
from sfumato.model.gaps import with_gaps
from sfumato.model.layout import RowLayout, layout, lengths_of, longest
from sfumato.model.memory import FEWER_AT_ONCE, bytes_of_text
from sfumato.model.model import AUTO_SCALE, LAST, Making, Trained, require_within
from sfumato.model.text_request import MadeTexts, TextRequest
from sfumato.model.text_stored import MOST_STEPS, MOST_TOKENS, StoredText, read_stored_text
from sfumato.process.categorical import CategoricalProcess, Masking
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.runs.tuned import KeptForText
from sfumato.runs.weights import LATEST, build_text
from sfumato.sampling import KeyedUniform, State, integrate
from sfumato.sampling.tempering import Tempered
from sfumato.sampling.tokens import TOKEN_SAMPLERS, Bridge, TokenSampler


class TextModel(Trained[TokenDenoiser]):
    """A run's trained model of text, ready to sample.

    Args:
        directory: The run.
        spec: Its spec.
        snapshot: Which weights, ``latest`` or ``best``.

    Attributes:
        tokenizer: What its tokens mean.

    Raises:
        RunError: The run has no weights yet.
        DamagedFile: The weights or the tokenizer cannot be read.
    """

    # A text has hundreds of tokens: four of them fill the processor's units already.
    tiles = MappingProxyType({"cpu": 4, "cuda": 32})

    def __init__(self, directory: RunDirectory, spec: Spec, snapshot: str = LATEST) -> None:
        super().__init__(directory, spec, build_text(spec), snapshot)
        self.tokenizer = read_tokenizer(directory)

    def request(
        self,
        n: int = 4,
        *,
        first: int = 0,
        seed: int = 0,
        sampler: str | TokenSampler | None = None,
        steps: int | None = None,
        label: str | None = None,
        scale: float | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        length: int | None = None,
        batch: int | None = None,
        guidance: str | None = None,
        interval: tuple[float, float] | None = None,
        precision: str | None = None,
        compiled: bool = False,
    ) -> TextRequest:
        """A validated request; what is None is taken from the run's recipe.

        Without a ``batch`` as many are made at a time as fit into memory, see ``model.memory``; for
        ``precision`` see :meth:`number_format`.

        Raises:
            SettingError: A value is out of range, or the sampler or label is unknown.
        """
        defaults = self.spec.text.sampling
        steps = defaults.steps if steps is None else steps
        how = guidance_named(guidance, interval)
        if scale is None and how.needs_early:
            scale = AUTO_SCALE
        if scale is None:
            scale = defaults.scale if self.spec.classes else 1.0
        require_within("n", n, 1, LAST)
        require_within("first", first, 0, LAST - n)
        require_within("seed", seed, 0, LAST)
        require_within("steps", steps, 1, MOST_STEPS)
        batch = self.rows_at_once(
            batch, bytes_of_text(longest(self.spec), self.denoiser.process.size)
        )
        if length is not None:
            require_within("length", length, 1, MOST_TOKENS)
        self.check_label(label, scale, how)
        request = TextRequest(
            n=n,
            first=first,
            seed=seed,
            sampler=self._default_sampler(steps, scale, how)
            if sampler is None
            else token_sampler(sampler),
            steps=steps,
            label=label,
            scale=scale,
            temperature=defaults.temperature if temperature is None else temperature,
            top_p=defaults.top_p if top_p is None else top_p,
            length=length,
            batch=batch,
            tile=self.tile,
            precision=self.number_format(precision),
            guidance=how,
            compiled=self.compiles(compiled),
        )
        self.narrowed(self.denoiser, request.temperature, request.top_p)  # Checks the two.
        self.guided(self.denoiser, scale, self.tile, first, how)  # Checks the rule.
        self._check_length(request)
        return request

    def like(self, path: Path) -> TextRequest:
        """The request that makes a stored text again.

        Raises:
            DataError: The file carries no recipe, or a damaged one.
            RunError: Other weights made it.
        """
        stored = read_stored_text(path)
        self.check_weights(path, stored.model)
        self.check_label(stored.label, stored.scale, stored.guidance)
        self.check_early(path, stored.early)
        shared = (
            "seed",
            "sampler",
            "steps",
            "label",
            "scale",
            "guidance",
            "temperature",
            "top_p",
            "length",
        )
        same = {name: getattr(stored, name) for name in shared}
        return TextRequest(
            n=1,
            first=stored.index,
            batch=1,
            tile=stored.tile,
            precision=self.number_format(stored.precision),
            compiled=self.compiles(stored.compiled),
            **same,
        )

    def sample(self, request: TextRequest) -> Iterator[Making | MadeTexts]:
        """Make texts, batch by batch; every state is yielded on the way."""
        keep_freed_memory()
        with memory_explained("A batch of samples", FEWER_AT_ONCE):
            for low in range(0, request.n, request.batch):
                count = min(request.batch, request.n - low)
                indices = range(request.first + low, request.first + low + count)
                yield from self._batch(request, indices, low)

    def narrowed(
        self, denoiser: Denoiser[CategoricalProcess], temperature: float, top_p: float
    ) -> Denoiser[CategoricalProcess]:
        """A denoiser that never names what cannot be written, and is as bold as asked.

        Raises:
            SettingError: The temperature or the share is out of range.
        """
        unknown = self.tokenizer.unknown
        forbidden = () if unknown is None else (unknown,)
        return Tempered(denoiser, temperature, top_p, forbidden)

    def shown(self, x_t: Tensor, lengths: Sequence[int]) -> list[str]:
        """States as text, with a sign at every masked place."""
        mask = self.denoiser.process.mask if isinstance(self.denoiser.process, Masking) else -1
        return [
            with_gaps(self.tokenizer.decode, row[:length].tolist(), mask)
            for row, length in zip(x_t.cpu(), lengths, strict=True)
        ]

    def lengths(self, request: TextRequest, indices: Sequence[int]) -> tuple[int, ...]:
        """How many tokens each text has."""
        return lengths_of(self.spec, request.seed, indices, request.length)

    def _default_sampler(self, steps: int, scale: float, guidance: GuidanceSpec) -> TokenSampler:
        kept = self.tuned(KeptForText, steps, scale, guidance)
        if kept is not None:
            return kept.sampler
        default = self.spec.text.sampling.sampler
        masks = isinstance(self.denoiser.process, Masking)
        # A recipe with the process changed alone keeps the sampler of the other one.
        return default if masks else Bridge(grid=default.grid)

    def _batch(
        self, request: TextRequest, indices: range, done: int
    ) -> Iterator[Making | MadeTexts]:
        labels = self.labels(request.label, request.seed, indices)
        denoiser = self.guided(
            self.denoiser,
            request.scale,
            request.tile,
            indices.start,
            request.guidance,
            request.precision,
            request.compiled,
        )
        denoiser = self.narrowed(denoiser, request.temperature, request.top_p)
        is_long = request.length is not None and request.length > longest(self.spec)
        states = self._by_windows if is_long else self._at_once
        state = None
        for state in states(request, indices, denoiser, labels):
            yield Making(done, request.n, state)
        if state is None:
            raise RuntimeError("the sampler gave no state")
        lengths = self.lengths(request, indices)
        rows = zip(state.x_t.cpu().numpy(), lengths, strict=True)
        recipes = [
            self._recipe(request, index, lengths[row], self.label_name(labels, row))
            for row, index in enumerate(indices)
        ]
        yield MadeTexts(indices, [self.tokenizer.decode(row[:size]) for row, size in rows], recipes)

    def _at_once(
        self,
        request: TextRequest,
        indices: range,
        denoiser: Denoiser[CategoricalProcess],
        labels: Tensor | None,
    ) -> Iterator[State]:
        """The states of texts that fit into a row."""
        noise = KeyedUniform(request.seed, indices, self.device)
        rows = layout(self.spec, self.denoiser.process, noise, self.lengths(request, indices))
        return self._states(request, denoiser, rows, noise, labels)

    def _by_windows(
        self,
        request: TextRequest,
        indices: range,
        denoiser: Denoiser[CategoricalProcess],
        labels: Tensor | None,
    ) -> Iterator[State]:
        """The states of longer texts: window after window, each knowing half of the last."""
        size = longest(self.spec)
        text = torch.empty(len(indices), 0, dtype=torch.int64, device=self.device)
        block = 0
        while text.shape[1] < (request.length or size):
            before, known = text[:, : -(size // 2)], text[:, -(size // 2) :]
            noise = KeyedUniform(request.seed, indices, self.device, block)
            x_1 = self.denoiser.process.prior(noise.prior((size,)))
            x_1[:, : known.shape[1]] = known
            free = torch.ones_like(x_1, dtype=torch.bool)
            free[:, : known.shape[1]] = False
            rows = RowLayout(x_1, (size,) * len(indices), free=free)
            for state in self._states(request, denoiser, rows, noise, labels):
                text = torch.cat([before, state.x_t], 1)
                yield replace(state, x_t=text)
            block += 1

    def _states(
        self,
        request: TextRequest,
        denoiser: Denoiser[CategoricalProcess],
        rows: RowLayout,
        noise: KeyedUniform,
        labels: Tensor | None,
    ) -> Iterator[State]:
        cond = dict(rows.cond)
        if labels is not None:
            cond["label"] = labels
        steps = len(request.sampler.plan(request.steps))
        times = request.sampler.grid.times(steps, denoiser.process.keep, rows.x_1.shape[1])
        return integrate(
            denoiser, request.sampler, rows.x_1, times, noise, request.steps, cond, rows.free
        )

    def _check_length(self, request: TextRequest) -> None:
        length = request.length
        if length is None or length <= longest(self.spec):
            return
        if longest(self.spec) < self.spec.text.medium.context:
            raise SettingError(
                f"length cannot be {length}.",
                why=f"the longest text that '{self.directory.name}' has seen is "
                f"{longest(self.spec)} tokens long",
            )
        if not isinstance(self.denoiser.process, Masking):
            raise SettingError(
                f"length cannot be {length}.",
                why="only a masking process can go on from a text, and this run's is uniform",
                hint=f"give at most {longest(self.spec)}.",
            )

    def _recipe(
        self, request: TextRequest, index: int, length: int, label: str | None
    ) -> dict[str, Any]:
        stored = StoredText(
            sfumato=sfumato.__version__,
            run=self.directory.name,
            model=self.fingerprint,
            seed=request.seed,
            index=index,
            sampler=request.sampler,
            steps=request.steps,
            label=label,
            scale=request.scale,
            guidance=request.guidance,
            early=self.early_fingerprint(request.guidance, request.scale),
            temperature=request.temperature,
            top_p=request.top_p,
            length=length,
            tile=request.tile,
            precision=request.precision,
            compiled=request.compiled,
        )
        return stored.model_dump(mode="json")


def token_sampler(choice: str | TokenSampler) -> TokenSampler:
    """A sampler by name.

    Raises:
        SettingError: There is none.
    """
    if isinstance(choice, TokenSampler):
        return choice
    if choice not in TOKEN_SAMPLERS:
        raise SettingError(
            f"There is no sampler of text '{choice}'.", hint=suggest(choice, TOKEN_SAMPLERS)
        )
    return TOKEN_SAMPLERS[choice]()
