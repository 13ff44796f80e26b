"""Messages along a chain: the forward-backward recursion, for chains of any order.

A chain of order k moves a window of k tokens. Its messages are functions of the window: the
likelihood of all evidence to the left of it, and of all to the right. Each is normalised to sum 1
at every place, so that long sequences do not underflow. From right to left a chain is a chain
again, whose table has its axes in reversed order; so both directions are one recursion and run
together.

Source: Rabiner 1989, "A tutorial on hidden Markov models", section III and V.A (scaling).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Marginals:
    """The marginals of a chain given evidence.

    Attributes:
        leave_one_out: The probability of each token at each place given the evidence of all other
            places, up to a factor per place, float64, shape (B, L, V).
        log_likelihood: The log of the expectation of the evidence over sequences, in nats, float64,
            shape (B,); -inf where no sequence agrees with it.
    """

    leave_one_out: Tensor
    log_likelihood: Tensor


def marginals(initial: Tensor, transition: Tensor, evidence: Tensor) -> Marginals:
    """Pass messages along a chain from both ends.

    Evidence that contradicts the chain (a state that no sequence leads to) has no posterior; there
    the message is dropped, and the evidence alone is used.

    Args:
        initial: Probabilities of the first k tokens, float64, k axes of V.
        transition: Probabilities of the next token, the last axis, given the k before, in their
            order; float64, k + 1 axes of V.
        evidence: The likelihood of the observation at each place for each token, float64, shape
            (B, L, V) with L >= k.
    """
    order, size = initial.ndim, len(initial)
    scale = evidence.sum(-1)
    # Evidence that excludes every token cannot be passed on.
    evidence = torch.where((scale > 0)[..., None], evidence / scale[..., None], 1 / size)
    from_left, from_right, log_totals = _pass(initial, transition, evidence)
    windows = from_left * from_right
    count = windows.shape[1]
    beside = [evidence[:, place : place + count] for place in range(order)]
    places = [_first_marginals(windows, beside[1:])]
    # Tokens at which no window starts are the further places of the last window.
    final, ending = windows[:, -1:], [rows[:, -1:] for rows in beside]
    for place in range(1, order):
        others = ending[:place] + ending[place + 1 :]
        places.append(_first_marginals(final.movedim(2 + place, 2), others))
    leave_one_out = torch.cat(places, 1)
    last = (leave_one_out[:, count - 1] * evidence[:, count - 1]).sum(-1)
    return Marginals(leave_one_out, scale.log().sum(1) + log_totals + last.log())


def _pass(initial: Tensor, transition: Tensor, evidence: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Messages to every window from both sides, and the log-totals of those from the left.

    No message includes the evidence of its own window: that of a token is multiplied in when the
    window leaves it.

    Returns:
        Two of shape (B, L - k + 1, V, ..., V) with k axes of V, and one of shape (B,).
    """
    order, size, rows = initial.ndim, len(initial), len(evidence)
    rest = size ** (order - 1)
    mirrored = transition.permute(*range(order, -1, -1))
    # The axes of a table are: direction, the tokens that stay, the one that leaves, the one that
    # enters; those of a message: direction, the tokens that stay, sequence, the one that leaves.
    tables = torch.stack([transition, mirrored]).reshape(2, size, rest, size).transpose(1, 2)
    message = torch.stack([initial, torch.ones_like(initial)]).reshape(2, 1, size, rest)
    message = message.expand(2, rows, size, rest).permute(0, 3, 1, 2)
    messages, totals = [message], [torch.ones(2, 1, rows, 1, dtype=torch.float64)]
    steps = evidence.shape[1] - order
    leaving = torch.stack([evidence, evidence.flip(1)])[:, None, :, :steps]
    for local, alone in zip(leaving.unbind(3), (leaving / rest).unbind(3), strict=True):
        joint = message * local
        total = joint.sum((1, 3), keepdim=True)
        moved = torch.where(total > 0, joint / total, alone) @ tables
        # The second token of the window is the first of the next window, and leaves next.
        message = moved.transpose(1, 2).reshape(2, rows, size, rest).permute(0, 3, 1, 2)
        messages.append(message)
        totals.append(total)
    windows = torch.stack(messages, 1).permute(0, 3, 1, 4, 2)
    windows = windows.reshape(2, rows, len(messages), *(size,) * order)
    from_right = windows[1].flip(1).permute(0, 1, *range(order + 1, 1, -1))
    log_totals = torch.stack(totals)[:, 0, 0, :, 0].log().sum(0)
    return windows[0], from_right, log_totals


def _first_marginals(windows: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Sum out every token of a window but the first, each weighted by its evidence.

    Args:
        windows: Shape (B, W, V, ..., V).
        others: The evidence of the second token, of the third, ..., each of shape (B, W, V).

    Returns:
        Shape (B, W, V).
    """
    for rows in reversed(others):
        between = (1,) * (windows.ndim - 3)
        windows = (windows * rows.reshape(*rows.shape[:2], *between, rows.shape[2])).sum(-1)
    return windows
