"""Mixtures of sequences against the enumeration of all texts of all their parts."""

import math

import pytest
import torch

from sfumato.errors import SettingError
from sfumato.oracle import HiddenMarkovModel, MarkovChain, SequenceMixture
from tests.oracle import enumeration

F64 = torch.float64
PARTS = (
    MarkovChain.random(3, 4, seed=0),
    MarkovChain.random(3, 4, seed=1, order=2),
    HiddenMarkovModel.random(2, 3, 4, seed=2),
)
MIXTURE = SequenceMixture.build(PARTS, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 1, 0]))
TEXTS = enumeration.every(3, 4)
LABELS = {0: [1, 0, 3], 1: [0, 2, 0], 2: [1, 2, 3]}


def law(label: int) -> torch.Tensor:
    weights = torch.tensor(LABELS[label], dtype=F64)
    laws = torch.stack([enumeration.law(part) for part in PARTS])
    return weights / weights.sum() @ laws


@pytest.mark.parametrize("label", LABELS)
def test_each_class_has_its_own_law_and_the_null_label_has_that_of_all(label):
    labels = torch.full((len(TEXTS),), label)
    got = MIXTURE.log_probability(TEXTS, labels).exp()
    torch.testing.assert_close(got, law(label), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("label", LABELS)
def test_the_reading_of_evidence_is_that_of_enumeration(label):
    evidence = torch.rand(1, 4, 3, dtype=F64, generator=torch.Generator().manual_seed(0)) ** 4
    got = MIXTURE.posterior(evidence, torch.tensor([label]))
    weights = enumeration.weighed(law(label), evidence[0])
    torch.testing.assert_close(got.log_likelihood[0], weights.sum().log())
    torch.testing.assert_close(got.marginals[0], enumeration.marginals(weights, 3, 4))


def test_no_label_is_the_null_label_and_each_row_has_its_own():
    evidence = torch.rand(3, 4, 3, dtype=F64, generator=torch.Generator().manual_seed(1))
    null, mixed = torch.full((3,), 2), torch.tensor([0, 1, 2])
    assert torch.equal(
        MIXTURE.posterior(evidence).marginals, MIXTURE.posterior(evidence, null).marginals
    )
    whole = MIXTURE.posterior(evidence, mixed).marginals
    for row in range(3):
        alone = MIXTURE.posterior(evidence[row : row + 1], mixed[row : row + 1]).marginals
        torch.testing.assert_close(whole[row : row + 1], alone)


@pytest.mark.parametrize("label", LABELS)
def test_samples_have_the_law(label):
    """Frequencies of 20,000 draws, each within five standard errors of its probability."""
    n = 20000
    uniforms = torch.rand(
        n, MIXTURE.draws, dtype=F64, generator=torch.Generator().manual_seed(label)
    )
    drawn = MIXTURE.sample(uniforms, torch.full((n,), label))
    number = (drawn * 3 ** torch.arange(3, -1, -1)).sum(1)
    shares = torch.bincount(number, minlength=81).double() / n
    p = law(label)
    assert ((shares - p).abs() <= 5 * (p * (1 - p) / n).sqrt()).all()


def test_evidence_that_no_part_explains_leaves_the_parts_as_they_were():
    sure = [MarkovChain(row, torch.eye(3, dtype=F64), 2) for row in torch.eye(3, dtype=F64)[:2]]
    evidence = torch.nn.functional.one_hot(torch.tensor([[0, 2]])).double()
    got = SequenceMixture.build(sure).posterior(evidence)
    assert got.log_likelihood.tolist() == [-math.inf]
    torch.testing.assert_close(got.marginals, evidence)


@pytest.mark.parametrize(
    ("parts", "weights", "labels", "match"),
    [
        ((*PARTS[:1], MarkovChain.random(3, 5, 0)), None, None, "one size and length"),
        ((), torch.ones(0), torch.zeros(0, dtype=torch.int64), "one size and length"),
        (PARTS, torch.ones(2), None, "one weight and one label"),
        (PARTS, None, torch.zeros(2, dtype=torch.int64), "one weight and one label"),
        (PARTS, torch.tensor([2.0, -1.0, 1.0]), None, "probabilities"),
    ],
    ids=["length", "none", "weights", "labels", "sign"],
)
def test_what_is_no_mixture_is_refused(parts, weights, labels, match):
    with pytest.raises(SettingError, match=match):
        SequenceMixture.build(parts, weights, labels)


def test_classes_that_do_not_exist_are_refused():
    for label in (-1, 3):
        with pytest.raises(SettingError, match=f"Label {label}"):
            MIXTURE.posterior(torch.ones(1, 4, 3, dtype=F64), torch.tensor([label]))
