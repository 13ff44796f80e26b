"""The transformer on tokens: what a token sees, and what it does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sfumato.errors import SettingError
from sfumato.nets.transformer import TokenTransformer

SIZE, STATES, CONTEXT, CLASSES = 11, 12, 24, 3


def awake(timed: bool = False, **settings: object) -> TokenTransformer:
    """A network in evaluation mode whose zero-initialised layers have been nudged."""
    torch.manual_seed(0)
    network = TokenTransformer(
        SIZE, STATES, CONTEXT, dim=32, depth=2, heads=2, timed=timed, classes=CLASSES, **settings
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network.train(False).double()


def example(rows: int = 4, places: int = CONTEXT) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, STATES, (rows, places), generator=generator)
    return tokens, torch.linspace(-1, 1, rows, dtype=torch.float64)


def test_it_is_zero_before_training() -> None:
    network = TokenTransformer(SIZE, STATES, CONTEXT, dim=32, depth=1, heads=2)
    tokens, level = example()
    out = network(tokens, level.float())
    assert out.shape == (4, CONTEXT, SIZE) and not out.any()


def test_gradients_reach_every_parameter() -> None:
    network = awake(timed=True)
    tokens, level = example()
    tokens.flatten()[:STATES] = torch.arange(STATES)
    network(tokens, level, torch.arange(4)).square().mean().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_it_is_told_the_level_where_it_wants_to_know() -> None:
    tokens, level = example()
    for timed in (False, True):
        network = awake(timed)
        same = torch.equal(network(tokens, level), network(tokens, level + 0.5))
        assert same is not timed


def test_no_label_is_the_null_label_and_labels_matter() -> None:
    network = awake()
    tokens, level = example()
    null = torch.full((4,), CLASSES)
    assert torch.equal(network(tokens, level), network(tokens, level, null))
    changed = network(tokens, level, null - 1) - network(tokens, level, null)
    assert (changed.flatten(1).abs().amax(1) > 1e-4).all()


def test_a_label_without_classes_is_refused() -> None:
    network = TokenTransformer(SIZE, STATES, CONTEXT, dim=32, depth=1, heads=2)
    tokens, level = example()
    with pytest.raises(SettingError, match="without labels"):
        network(tokens, level.float(), torch.zeros(4, dtype=torch.int64))


def test_a_text_does_not_see_its_batch() -> None:
    network = awake()
    tokens, level = example()
    label, segments = torch.arange(4), torch.arange(CONTEXT).expand(4, -1) // 7
    together = network(tokens, level, label, segments)
    for row in range(4):
        rows = slice(row, row + 1)
        alone = network(tokens[rows], level[rows], label[rows], segments[rows])
        torch.testing.assert_close(alone, together[rows], rtol=0, atol=1e-10)


def test_every_token_sees_every_other_both_ways() -> None:
    network = awake()
    tokens, level = example(1)
    base = network(tokens, level)
    for place in (0, CONTEXT // 2, CONTEXT - 1):
        other = tokens.clone()
        other[0, place] = (other[0, place] + 1) % STATES
        assert ((network(other, level) - base).abs().amax(-1) > 1e-7).all()


def test_the_weights_do_not_fix_the_length() -> None:
    network = awake()
    tokens, level = example(2, 3 * CONTEXT)
    assert network(tokens, level).shape == (2, 3 * CONTEXT, SIZE)


class TestSegments:
    def test_a_token_sees_its_own_segment_only(self) -> None:
        network = awake()
        tokens, level = example(1)
        segments = torch.tensor([[0] * 9 + [1] * 5 + [2] * 7 + [-1] * 3])
        base = network(tokens, level, None, segments)
        for segment in (0, 1, 2, -1):
            other = torch.where(segments == segment, (tokens + 1) % STATES, tokens)
            changed = (network(other, level, None, segments) - base).abs().amax(-1)
            assert (changed[segments == segment] > 1e-7).all()
            assert (changed[segments != segment] == 0).all()

    def test_a_segment_is_worth_the_same_wherever_it_stands(self) -> None:
        network = awake()
        text, level = torch.tensor([3, 1, 4, 1, 5, 9]), torch.zeros(1, dtype=torch.float64)
        alone = network(text[None], level)[0]
        for before in (0, 1, 7, CONTEXT - len(text)):
            tokens, _ = example(1)
            segments = torch.full((1, CONTEXT), -1)
            segments[:, :before] = 0
            tokens[0, before : before + len(text)] = text
            segments[0, before : before + len(text)] = 1
            row = network(tokens, level, None, segments)[0, before : before + len(text)]
            torch.testing.assert_close(row, alone, rtol=0, atol=1e-9)

    def test_the_numbers_of_segments_are_of_no_account(self) -> None:
        network = awake()
        tokens, level = example(2)
        segments = (torch.arange(CONTEXT) // 8).expand(2, -1)
        base = network(tokens, level, None, segments)
        assert torch.equal(network(tokens, level, None, 7 - 3 * segments), base)

    def test_one_segment_is_none(self) -> None:
        network = awake()
        tokens, level = example(2)
        segments = torch.zeros_like(tokens)
        torch.testing.assert_close(
            network(tokens, level, None, segments), network(tokens, level), rtol=0, atol=1e-10
        )

    def test_padding_gives_finite_numbers_and_gradients(self) -> None:
        """A row that is padding from end to end, and segments of one token."""
        network = awake().float()
        tokens, level = example(3)
        segments = torch.stack(
            [torch.full((CONTEXT,), -1), torch.arange(CONTEXT), torch.arange(CONTEXT) - 1]
        )
        out = network(tokens, level.float(), None, segments)
        assert out.isfinite().all()
        out.square().sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())

    def test_it_runs_in_mixed_precision(self) -> None:
        network = awake().float()
        tokens, level = example(2)
        segments = (torch.arange(CONTEXT) // 8).expand(2, -1)
        exact = network(tokens, level.float(), None, segments)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(tokens, level.float(), None, segments)
            rough.square().mean().backward()
        assert (rough - exact).norm() < 0.05 * exact.norm()
