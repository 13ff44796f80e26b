"""Points with two labels, every posterior of which is known."""

from __future__ import annotations

import torch
from torch import Tensor

from sfumato.denoiser import Denoiser, Posterior
from sfumato.oracle import GaussianMixture, MixtureDenoiser


class TwoLabels(Denoiser):
    """The exact denoiser of points with a row and a column, each of which may be unknown (-1).

    The labels are dependent, with and without the point: neither can be left out of the other's
    posterior.
    """

    means = torch.tensor([[-1.0, 0.0], [0.5, 0.3], [-0.7, 1.0], [0.8, 1.2], [0.1, -0.9]])
    weights = torch.tensor([0.3, 0.1, 0.15, 0.35, 0.1], dtype=torch.float64)
    row, column = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 1, 0, 1, 0])

    def given(self, labels: Tensor) -> MixtureDenoiser:
        """The exact denoiser whose label is another."""
        mixture = GaussianMixture.build(self.means, stds=0.4, weights=self.weights, labels=labels)
        return MixtureDenoiser(mixture, self.process)

    def log_joint(self, x_t: Tensor, t: Tensor) -> Tensor:
        """``log p(x_t, row, column)``, shape (B, 2, 2), differentiable."""
        pairs = 2 * self.row + self.column
        exact = self.given(pairs)
        logs = [
            exact.log_density(x_t, t, torch.full((len(x_t),), pair))
            + self.weights[pairs == pair].sum().log()
            for pair in range(4)
        ]
        return torch.stack(logs, 1).reshape(-1, 2, 2)

    def forward(self, x_t: Tensor, t: Tensor, row: Tensor, column: Tensor) -> Posterior:
        both = self.given(2 * self.row + self.column)(x_t, t, label=2 * row.abs() + column.abs())
        of_row = self.given(self.row)(x_t, t, label=row.abs())
        of_column = self.given(self.column)(x_t, t, label=column.abs())
        mean = torch.where(column[:, None] < 0, of_row.mean, both.mean)
        mean = torch.where(row[:, None] < 0, of_column.mean, mean)
        nothing = (row < 0) & (column < 0)
        return Posterior(torch.where(nothing[:, None], self.given(self.row)(x_t, t).mean, mean))
