from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from benchmarks.words.shapes import (
    SHAPES,
    Combination,
    agreement,
    combinations,
    coverage,
    draw,
    judge,
    write,
)
from PIL import Image, ImageFilter

from sfumato.data.index import scan
from sfumato.media.image.open import IMAGES

HELD_OUT = [one for one in combinations() if one.is_held_out]


def test_a_fifth_is_held_out_and_every_pair_of_values_is_trained_on() -> None:
    every = combinations()
    assert len(every) == len(set(every)) == 6 * 6 * 2 * 5
    assert len(HELD_OUT) == len(every) // 5
    trained = [one for one in every if not one.is_held_out]
    for one in HELD_OUT:
        for first, second in itertools.combinations(range(4), 2):
            assert any(other[first] == one[first] and other[second] == one[second]
                       for other in trained)  # fmt: skip


def test_captions() -> None:
    assert Combination("star", "red", "small", "left").captions() == [
        "a small red star on the left",
        "red star, small, left",
        "on the left, a small red star",
        "a red star on the left, small",
        "small star in red, left",
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_middle_of_a_shape_is_its_centre_of_mass(shape: str) -> None:
    mask = coverage(shape, 8.0, 1.25, -2.5)
    down, across = np.indices(mask.shape) - 15.5
    assert float((mask * across).sum() / mask.sum()) == pytest.approx(1.25, abs=0.06)
    assert float((mask * down).sum() / mask.sum()) == pytest.approx(-2.5, abs=0.06)


def test_areas() -> None:
    for shape, area in {"circle": np.pi, "square": 1.74**2, "diamond": 2 * 1.2**2}.items():
        assert float(coverage(shape, 10.0, 0, 0).sum()) == pytest.approx(100 * area, rel=0.02)


def test_a_picture_depends_on_its_seed_and_number_alone() -> None:
    one = Combination("circle", "red", "large", "top")
    np.testing.assert_array_equal(draw(one, 3, 5), draw(one, 3, 5))
    assert (draw(one, 3, 5) != draw(one, 3, 6)).any()
    assert (draw(one, 3, 5) != draw(one, 4, 5)).any()


def test_the_judge_reads_held_out_pictures() -> None:
    pictures = [draw(one, 1, number) for number, one in enumerate(HELD_OUT)]
    assert agreement(pictures, HELD_OUT)["all"] >= 0.99
    others = HELD_OUT[1:] + HELD_OUT[:1]
    assert agreement(pictures, others)["all"] <= 0.02


def test_the_judge_reads_soft_and_noisy_pictures() -> None:
    random = np.random.default_rng(0)
    pictures = []
    for number, one in enumerate(HELD_OUT):
        soft = Image.fromarray(draw(one, 2, number)).filter(ImageFilter.GaussianBlur(0.8))
        noise = random.normal(0, 10, (32, 32, 3))
        pictures.append(np.clip(np.asarray(soft) + noise, 0, 255).astype(np.uint8))
    assert agreement(pictures, HELD_OUT)["all"] >= 0.98


def test_the_judge_finds_nothing_where_no_single_shape_is() -> None:
    flat = np.full((32, 32, 3), 230, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    left, right = (
        draw(Combination("circle", "red", "small", place), 0, 0) for place in ("left", "right")
    )
    assert [judge(picture) for picture in (flat, noise, np.minimum(left, right))] == [None] * 3
    shares = agreement([flat], [HELD_OUT[0]])
    assert set(shares.values()) == {0.0}


def test_a_set(tmp_path: Path) -> None:
    write(tmp_path / "set", count=20, seed=1)
    with pytest.raises(FileExistsError, match="set"):
        write(tmp_path / "set", count=20, seed=1)
    notes = [json.loads(line) for line in (tmp_path / "set/metadata.jsonl").open()]
    assert Counter(note["split"] for note in notes) == {"train": 16, "test": 4}
    items = scan(tmp_path / "set", IMAGES).items
    assert len(items) == 20
    for item, note in zip(items, notes, strict=True):
        assert item.path == note["file_name"]
        assert item.captions == tuple(note["text"])
        assert note["colour"] in note["text"][0]
    picture = np.asarray(Image.open(tmp_path / "set" / notes[3]["file_name"]))
    np.testing.assert_array_equal(picture, draw(combinations()[3], 1, 3))
