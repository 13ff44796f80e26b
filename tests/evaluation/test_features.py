from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sfumato.evaluation.features import Features, HiddenStates, Sets, evenly_spaced, extract
from sfumato.model.tokens import TokenModel
from sfumato.nets.transformer import TokenTransformer
from sfumato.run import open_run

Runs = Callable[..., Path]
TEXTS = [
    "the cat sat on a mat",
    "and saw its hat",
    "",
    "the cat sat on a mat",
    "a mat sat on a cat",
]


class Sums:
    name, identity, dimension = "sums", "1" * 16, 1

    def __call__(self, items: torch.Tensor) -> torch.Tensor:
        return items.sum(1, keepdim=True)


def test_three_sets_are_looked_at_alike() -> None:
    sets = [torch.full((count, 2), float(count)) for count in (2, 3, 4)]
    found = extract(Sums(), Sets(*sets), lambda items: items + 1)
    assert (found.name, found.identity) == ("sums", "1" * 16)
    assert found.samples.flatten().tolist() == [6.0] * 2
    assert found.real.flatten().tolist() == [8.0] * 3 + [10.0] * 4


def test_all_real_items_are_training_items_first() -> None:
    found = Features("x", "0" * 16, torch.zeros(1, 1), torch.ones(2, 1), torch.full((1, 1), 2.0))
    assert found.real.flatten().tolist() == [1.0, 1.0, 2.0]


def test_indices_are_evenly_spaced() -> None:
    assert evenly_spaced(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert evenly_spaced(3, 5).tolist() == [0, 1, 2]
    assert evenly_spaced(0, 5).tolist() == []


def states(run: Path) -> HiddenStates:
    model = open_run(run).model
    assert isinstance(model, TokenModel)
    return HiddenStates(model)


@pytest.mark.parametrize("name", ["prose", "labelled"])
def test_every_text_has_a_vector_of_its_own(text_runs: Runs, name: str) -> None:
    extractor = states(text_runs(name))
    found = extractor(TEXTS)
    assert found.shape == (5, extractor.dimension)
    assert found.dtype == torch.float32
    assert found[0].equal(found[3])
    assert not torch.allclose(found[0], found[4])
    assert found[2].eq(0).all()
    for number, text in enumerate(TEXTS):
        assert torch.allclose(extractor([text])[0], found[number], atol=1e-5)


def test_of_a_long_text_the_beginning_counts(text_runs: Runs) -> None:
    extractor = states(text_runs("prose"))
    begin = "the cat sat on a mat and saw its hat"[:32]
    one, other = extractor([begin, begin + " and the mat sat"])
    assert torch.allclose(one, other, atol=1e-5)


def test_it_is_the_mean_of_what_the_head_reads_when_all_is_clean(text_runs: Runs) -> None:
    model = open_run(text_runs("uniform")).model
    assert isinstance(model, TokenModel)
    backbone = model.denoiser.backbone
    assert isinstance(backbone, TokenTransformer)
    backbone.timed = True
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        # After six steps a network hardly heeds the noise level that it is told.
        for weight in backbone.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=rng)
    found = HiddenStates(model)(["a cat"])[0]
    tokens = torch.from_numpy(model.tokenizer.encode("a cat").astype("int64"))[None]
    with torch.no_grad():
        # A head that is the identity hands its input on; a level of 1 says that all is clean.
        backbone.head = torch.nn.Identity()  # type: ignore[assignment]
        clean, noisy = (backbone(tokens, torch.tensor([level])).mean(1)[0] for level in (1.0, 0.0))
    assert torch.allclose(found, clean, atol=1e-5)
    assert not torch.allclose(clean, noisy, atol=1e-3)


def test_the_identity_is_that_of_the_weights(text_runs: Runs) -> None:
    run = text_runs("prose", "labelled")
    one, other = states(run), states(Path("runs/labelled"))
    assert one.identity == open_run(run).model.fingerprint != other.identity
