"""Masks hold themselves in their spec, and select the known entries."""

from __future__ import annotations

import base64
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from sfumato.errors import SettingError
from sfumato.restoration import Mask

X = torch.arange(2 * 3 * 4 * 5, dtype=torch.float64).reshape(2, 3, 4, 5)
KNOWN = np.random.default_rng(0).random((4, 5)) > 0.5


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.float32])
def test_the_known_entries_are_observed_in_their_order(kind):
    mask = Mask.of(KNOWN.astype(kind))
    assert torch.equal(mask.forward(X), X[:, :, torch.from_numpy(KNOWN)].flatten(1))
    assert mask == Mask.of(torch.from_numpy(KNOWN)) and torch.equal(
        mask.known_in((3, 4, 5)), torch.from_numpy(KNOWN).expand(3, 4, 5)
    )


def test_a_channel_can_have_a_mask_of_its_own():
    known = torch.zeros(3, 4, 5, dtype=torch.bool)
    known[1, 2, 3] = known[2, 0, 0] = True
    assert Mask.of(known).forward(X).tolist() == [[33.0, 40.0], [93.0, 100.0]]


def test_an_axis_of_length_one_stands_for_all_of_its_places():
    frames = torch.tensor([[True, False, False, True, False]])
    assert torch.equal(Mask.of(frames).forward(X), X[..., [0, 3]].flatten(1))
    bins = torch.tensor([[True], [False], [True], [False]])
    assert torch.equal(Mask.of(bins).forward(X), X[:, :, [0, 2]].flatten(1))
    channels = torch.tensor([[[True]], [[False]], [[False]]])
    assert torch.equal(Mask.of(channels).forward(X), X[:, 0].flatten(1))


def test_a_box_is_what_is_not_known():
    mask = Mask.box((4, 5), (1, 2), (2, 3))
    outside = torch.ones(4, 5, dtype=torch.bool)
    outside[1:3, 2:5] = False
    assert torch.equal(mask.known_in((1, 4, 5))[0], outside)
    inside = Mask.box((4, 5), (1, 2), (2, 3), known_inside=True)
    assert torch.equal(inside.known_in((1, 4, 5))[0], ~outside)
    gap = Mask.box((8,), (3,), (2,))
    assert gap.forward(torch.arange(8.0)[None, None]).tolist() == [[0, 1, 2, 5, 6, 7]]


def test_the_spec_of_a_large_box_is_short():
    assert len(Mask.box((512, 512), (100, 200), (64, 64)).model_dump_json()) < 400
    assert len(Mask.box((480_000,), (9_000,), (2_000,)).model_dump_json()) < 400


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (np.zeros((4, 5)), "nothing is known"),
        (np.ones((4, 5)), "everything is known"),
        (np.array([0.0, 0.5, 1.0]), "other than 0 and 1"),
        (np.array([0, 255], np.uint8), "other than 0 and 1"),
        (np.array([0.0, np.nan]), "other than 0 and 1"),
        (np.zeros((2, 2, 2, 2)), "one to three axes"),
        (np.zeros((0, 3)), "one to three axes"),
        (np.array(True), "one to three axes"),
    ],
)
def test_arrays_that_are_no_masks_are_refused(known, words):
    with pytest.raises(SettingError, match=words):
        Mask.of(known)


@pytest.mark.parametrize(
    ("start", "size"), [((-1, 0), (2, 2)), ((3, 3), (2, 2)), ((0, 0), (0, 2)), ((0,), (2,)),
                        ((0, 0), (4, 5))]
)  # fmt: skip
def test_a_box_that_is_not_a_part_of_the_data_is_refused(start, size):
    with pytest.raises(SettingError):
        Mask.box((4, 5), start, size)


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize(
    "known",
    [
        "",
        "?",
        "AAAA",
        packed(b"\xf0\x00"),
        packed(b"\xf0\x00\x00\x00"),
        packed(b"\xf0\x00\x00")[:-8],
        packed(b"\xff\xff\xff"),
        packed(b"\x00\x00\x0f"),
    ],
    ids=["empty", "no-base64", "no-zlib", "short", "long", "cut", "full", "nothing"],
)
def test_a_damaged_spec_is_refused(known):
    assert Mask(shape=(4, 5), known=packed(b"\xf0\x00\x00")).known_in((1, 4, 5)).sum() == 4
    with pytest.raises(ValidationError):
        Mask(shape=(4, 5), known=known)


def test_a_spec_is_not_unpacked_beyond_its_size():
    bomb = packed(bytes(100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(ValidationError, match="do not have the shape"):
            Mask(shape=(4, 5), known=bomb)
        with pytest.raises(ValidationError, match="at most 67,108,864 entries"):
            Mask(shape=(2**20, 2**20), known=packed(b"\xf0"))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
