"""Guided denoisers: two posteriors, a rule that combines them, and the times at which it acts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sfumato.conditions import Conditions, Null
from sfumato.denoiser import Denoiser, Posterior, ProcessT
from sfumato.errors import SettingError
from sfumato.guidance.rules import Line, Pair, Rule, straight
from sfumato.process.gaussian import Gaussian, spread


class Guidance(Denoiser[ProcessT]):
    """Base of all guided denoisers.

    A subclass says which two posteriors are compared, and how far it goes from the second to the
    first and beyond; when guidance acts, and how the two are combined, is the same for all.

    Args:
        denoiser: The denoiser that is guided.
        interval: Least and greatest time, in [0, 1], at which guidance acts, after Kynkäänniemi et
            al. 2024 (arXiv:2404.07724); elsewhere it costs nothing.
        rule: How the two posteriors are combined; the line through them by default.

    Raises:
        SettingError: The interval is empty or reaches out of [0, 1], or the rule cannot be used on
            tokens and the process is one of tokens.
    """

    def __init__(
        self,
        denoiser: Denoiser[ProcessT],
        interval: tuple[float, float] = (0.0, 1.0),
        rule: Rule | None = None,
    ) -> None:
        super().__init__(denoiser.process)
        rule = Line() if rule is None else rule
        if not 0 <= interval[0] <= interval[1] <= 1:
            raise SettingError(
                f"The guidance interval {interval} is not an interval of times.",
                hint="use two numbers in [0, 1], the smaller first",
            )
        if not rule.for_tokens and not isinstance(self.process, Gaussian):
            raise SettingError(
                f"The guidance rule '{type(rule).__name__}' cannot be used on tokens.",
                why="it measures lengths and directions of posterior means",
                hint="use the rule 'line'",
            )
        self.denoiser = denoiser
        self.interval = interval
        self.rule = rule

    def forward(self, x_t: Tensor, t: Tensor, **cond: Any) -> Posterior:
        """The guided posterior; see :meth:`Denoiser.forward`."""
        conditions = Conditions(cond)
        scale, (low, high) = self.scale_under(conditions), self.interval
        acts = (low <= t) & (t <= high)
        if scale == 1 or not acts.any():
            plain: Posterior = self.denoiser(x_t, t, **conditions)
            return plain
        t = t.expand(len(x_t))
        acts = acts.expand(len(x_t)).to(x_t.device)
        idle = self.rule.idles(t).to(x_t.device) & acts
        if idle.all():
            return Posterior(self._still(x_t, t))
        towards, away = self.posteriors(x_t, t, conditions)
        pair = Pair(towards, away, x_t, t, self.process)
        guided = self.rule.combine(pair, scale)
        if idle.any():
            guided = torch.where(_rows(idle, guided), self._still(x_t, t), guided)
        if not acts.all():
            guided = torch.where(_rows(acts, guided), guided, towards)
        return Posterior(guided)

    @abstractmethod
    def scale_under(self, conditions: Conditions) -> float:
        """The scale under these conditions, above 1 for a point beyond the first posterior.

        It is 1 where there is nothing to compare; then guidance is off, and costs nothing.
        """

    @abstractmethod
    def posteriors(self, x_t: Tensor, t: Tensor, conditions: Conditions) -> tuple[Tensor, Tensor]:
        """Parameters of the posterior to go towards and of the one to go away from.

        Args:
            x_t: States, shape (B, ...).
            t: Times in (0, 1], float64, shape (B,).
            conditions: Conditions with B rows.
        """

    def _under(self, x_t: Tensor, t: Tensor, *sets: Conditions) -> tuple[Tensor, ...]:
        """The parameters of the posteriors under several sets of conditions, from one call."""
        rows = sets[0].concatenate(*sets[1:])
        states = torch.cat([x_t] * len(sets))
        parameter: Tensor = self.denoiser(states, t.repeat(len(sets)), **rows).parameter
        return parameter.chunk(len(sets))

    def _still(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The posterior mean with which a state stands still on the straight path."""
        return straight(Pair(x_t, x_t, x_t, t, self.process))


class Guided(Guidance[ProcessT]):
    """Classifier-free guidance: towards the conditions, away from their null values.

    All conditions that have a null value are guided together (one by one:
    :class:`~sfumato.guidance.separate.Separate`); the others are the same in both posteriors. A
    null value can be a tensor, such as that of other words, which are then moved away from. Where
    guidance acts, both posteriors come from one call on a doubled batch; where
    it does not (scale 1, none of the conditions, or all times outside the interval), from one call
    on the batch itself. Source: Ho & Salimans 2022 (arXiv:2207.12598).

    Args:
        denoiser: A denoiser that was trained on the null values too.
        scale: 1 = off, 0 = without the conditions, above 1 = more typical of them.
        null: The null value of every condition to be guided by, such as ``{"label": classes}``.
        interval, rule: See :class:`Guidance`.

    Raises:
        SettingError: See :class:`Guidance`.
    """

    def __init__(
        self,
        denoiser: Denoiser[ProcessT],
        scale: float,
        null: Mapping[str, Null],
        interval: tuple[float, float] = (0.0, 1.0),
        rule: Rule | None = None,
    ) -> None:
        super().__init__(denoiser, interval, rule)
        self.scale = scale
        self.null = dict(null)

    def scale_under(self, conditions: Conditions) -> float:
        """The scale if one of the conditions to guide by is present, else 1."""
        return 1.0 if self.null.keys().isdisjoint(conditions) else self.scale

    def posteriors(self, x_t: Tensor, t: Tensor, conditions: Conditions) -> tuple[Tensor, Tensor]:
        """See :meth:`Guidance.posteriors`."""
        towards, away = self._under(x_t, t, conditions, conditions.null(self.null))
        return towards, away


class Autoguided(Guidance[ProcessT]):
    """Autoguidance: towards a model, away from a worse version of itself. It needs no conditions.

    Where both err in the same direction and the worse one further, the line through them leads
    back to the data, without the loss of variety that guidance to a label brings. Source: Karras
    et al. 2024 (arXiv:2406.02507), eq. 3. Where it acts, each model is called once.

    Args:
        denoiser: The model.
        worse: One of the same data and process: trained for less time, or smaller.
        scale: 1 = off; published values are near 2.
        interval, rule: See :class:`Guidance`.
        null: Null values of conditions that the worse model does not see, so that guidance leads
            to those conditions too; none by default.

    Raises:
        SettingError: See :class:`Guidance`.
    """

    def __init__(
        self,
        denoiser: Denoiser[ProcessT],
        worse: Denoiser[ProcessT],
        scale: float,
        interval: tuple[float, float] = (0.0, 1.0),
        rule: Rule | None = None,
        null: Mapping[str, Null] | None = None,
    ) -> None:
        super().__init__(denoiser, interval, rule)
        self.scale = scale
        self.worse = worse
        self.null = dict(null or {})

    def scale_under(self, conditions: Conditions) -> float:
        """The scale, whatever the conditions are."""
        return self.scale

    def posteriors(self, x_t: Tensor, t: Tensor, conditions: Conditions) -> tuple[Tensor, Tensor]:
        """See :meth:`Guidance.posteriors`."""
        towards: Tensor = self.denoiser(x_t, t, **conditions).parameter
        away: Tensor = self.worse(x_t, t, **conditions.null(self.null)).parameter
        return towards, away


def _rows(which: Tensor, like: Tensor) -> Tensor:
    return spread(which.to(like.dtype), like).bool()
