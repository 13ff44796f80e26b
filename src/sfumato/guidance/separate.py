"""Guidance with a strength for each condition."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from sfumato.conditions import Conditions, Null
from sfumato.denoiser import Denoiser, ProcessT
from sfumato.errors import SettingError, suggest
from sfumato.guidance.guided import Guidance
from sfumato.guidance.rules import Rule


class Separate(Guidance[ProcessT]):
    """Classifier-free guidance towards each condition with a scale of its own.

    Each condition ``i`` is left out in turn. Of the posteriors ``D`` under all conditions and
    ``D_i`` under all but the condition ``i``, the line is

        D + sum_i (s_i - 1) (D - D_i)

    which for posterior means and exact posteriors is the score of

        p(x_t | all) prod_i p(c_i | x_t, the others)^(s_i - 1)

    With one condition this is :class:`~sfumato.guidance.guided.Guided`, to the bit. Where it acts,
    all posteriors come from one call on a batch of ``1 + n`` times the size, with ``n`` the number
    of conditions that are present and whose scale is not 1.

    A rule combines two posteriors at one scale. Here the second is a weighted mean of the ``D_i``
    in which each counts by its distance ``|s_i - 1|`` from 1, and the scale ``S`` is as far from 1
    as all of these together:

        away = D - sum_i (s_i - 1) / (S - 1) (D - D_i),    |S - 1| = sum_i |s_i - 1|

    Where some scales are above 1 and others below, ``S`` is on the side of the larger sum (above 1
    if they are equal), and the ``D_i`` of the other side are reflected in ``D``. ``S`` is thus
    never 1 while there is something to guide by, nor does the second posterior go off to infinity
    where the differences from 1 cancel.

    Source: Ho & Salimans 2022 (arXiv:2207.12598), eq. 6, for one condition. For several, Liu et al.
    2022 (arXiv:2206.01714) add conditions one by one to none, as if they were independent, and
    Brooks et al. 2022 (arXiv:2211.09800), section 3.2.1, in an order; left out one by one they need
    neither.

    Args:
        denoiser: A denoiser that was trained with each of these conditions unknown, by itself and
            with the others.
        scales: The scale ``s_i`` by name: 1 = off, 0 = without the condition, above 1 = more
            typical of it. Conditions without one have the scale 1. The order has no effect.
        null: Null values by name. A tensor, which is the same for all samples, can stand for other
            words: they are what the line then leads away from.
        interval, rule: See :class:`Guidance`.

    Raises:
        SettingError: A name in ``scales`` has no null value; or see :class:`Guidance`.
    """

    def __init__(
        self,
        denoiser: Denoiser[ProcessT],
        scales: Mapping[str, float],
        null: Mapping[str, Null],
        interval: tuple[float, float] = (0.0, 1.0),
        rule: Rule | None = None,
    ) -> None:
        super().__init__(denoiser, interval, rule)
        if missing := sorted(scales.keys() - null.keys()):
            raise SettingError(
                f"There is no condition '{missing[0]}' to be guided by.",
                why="a scale belongs to a condition that has a null value",
                hint=suggest(missing[0], null) if null else "leave out its scale",
            )
        self.scales = dict(scales)
        self.null = dict(null)

    def scale_under(self, conditions: Conditions) -> float:
        """The scale ``S`` of all conditions together; see the class."""
        scales = self._scales(conditions).values()
        above = sum(scales) >= len(scales)
        mirrored = [scale if (scale > 1) == above else 2 - scale for scale in scales]
        return sum(mirrored) - (len(mirrored) - 1)

    def posteriors(self, x_t: Tensor, t: Tensor, conditions: Conditions) -> tuple[Tensor, Tensor]:
        """See :meth:`Guidance.posteriors`."""
        scales, total = self._scales(conditions), self.scale_under(conditions)
        without = (conditions.null({name: self.null[name]}) for name in scales)
        towards, first, *others = self._under(x_t, t, conditions, *without)
        weights = [(scale - 1) / (total - 1) for scale in scales.values()]
        # From one of them, not from zero, so that what all have in common has no rounding error:
        # the logits of impossible tokens, and with one condition everything.
        away = first + (1 - sum(weights)) * (towards - first)
        for weight, other in zip(weights[1:], others, strict=True):
            away = away + weight * (other - first)
        return towards, away

    def _scales(self, conditions: Conditions) -> dict[str, float]:
        """The scales that are not 1, of the conditions that are present, in order of their names.

        The order is that of the rows of the call, so it must be the same at all times.
        """
        return {
            name: scale
            for name, scale in sorted(self.scales.items())
            if name in conditions and scale != 1
        }
