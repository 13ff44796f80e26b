"""Whatever is typed or written: it means one thing, or is refused with exit code 2."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sfumato import storage
from sfumato.cli import main
from sfumato.errors import SettingError
from sfumato.media.facts import DataFacts
from sfumato.media.image.open import open_image
from sfumato.media.image.provenance import read_recipe, write_png
from sfumato.media.registry import find, recipes
from sfumato.recipes import override
from sfumato.runs import spec as specs
from sfumato.runs.directory import checked_name
from sfumato.runs.spec import Spec

IN_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
NUMBERS = st.one_of(st.integers(-3, 600), st.floats(allow_nan=False, width=32))
CHANGES = st.one_of(
    st.tuples(st.just("seed"), st.integers(0, 2**31)),
    st.tuples(st.just("engine.batch"), NUMBERS),
    st.tuples(st.just("engine.optimizer.lr"), NUMBERS),
    st.tuples(st.just("engine.ema_width"), NUMBERS),
    st.tuples(st.just("engine.save_minutes"), NUMBERS),
    st.tuples(st.just("engine.on_divergence"), st.sampled_from(["stop", "skip", "go on"])),
    st.tuples(st.just("data.held_out"), NUMBERS),
    st.tuples(st.just("sampling.steps"), NUMBERS),
    st.tuples(st.just("budget.minutes"), NUMBERS),
)
WORDS = st.one_of(
    st.sampled_from(
        ["info", "sample", "samplers", "recipes", "verify", "resume", "score", "fill", "data",
         "list", "check", "train", "unet", "-n", "--steps", "--seed", "--json", "--settings",
         "--set", "engine.batch=4", "--label", "cat", "--batch", "auto", "0", "-1", "1e9", "--like",
         "--snapshot", "best", "--scale", "--out", "--interval", "--help", "--version", "--nmber"]
    ),
    st.text(max_size=12),
)  # fmt: skip


@IN_A_FOLDER
@given(st.sampled_from(sorted(recipes())), st.lists(CHANGES, max_size=4))
def test_a_spec_survives_its_file(
    tmp_path: Path, name: str, changes: list[tuple[str, object]]
) -> None:
    try:
        recipe = override(find(name), [f"{place}={json.dumps(value)}" for place, value in changes])
    except SettingError:
        return
    facts = DataFacts(source="x", catalogued=False, fingerprint="0", count=9, vocabulary=9)
    spec = Spec(version="0", recipe=recipe, data=facts)
    specs.write(tmp_path / "spec.json", spec)
    assert specs.read(tmp_path / "spec.json") == spec


@given(st.text(max_size=30))
def test_a_name_that_is_taken_is_one_folder(name: str) -> None:
    try:
        checked_name(name)
    except SettingError:
        return
    assert Path("runs") / name == Path("runs").joinpath(*Path(name).parts)
    assert len(Path(name).parts) == 1
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set('<>:"/\\|?* ')


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=12,
)


@IN_A_FOLDER
@given(st.dictionaries(st.text().filter(lambda key: key != "sha256"), JSON))
def test_sealed_json_is_what_was_written(tmp_path: Path, value: dict[str, object]) -> None:
    try:
        storage.write_sealed_json(tmp_path / "x.json", value)
    except ValueError:  # An infinity, or half of a surrogate pair.
        return
    assert storage.read_sealed_json(tmp_path / "x.json") == value


@IN_A_FOLDER
@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]), st.integers(0, 2**32 - 1),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3),
)  # fmt: skip
def test_a_picture_and_its_recipe_survive(
    tmp_path: Path, height: int, width: int, channels: int, seed: int, recipe: dict[str, object]
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    path = tmp_path / "x.png"
    try:
        write_png(path, pixels, recipe)
    except (UnicodeEncodeError, ValueError):
        return
    assert read_recipe(path) == recipe
    with Image.open(path) as stored:
        assert np.array_equal(np.asarray(stored).reshape(pixels.shape), pixels)
    if channels != 4:
        opened = np.asarray(open_image(path, 1 << 20, 9)).reshape(height, width, -1)
        assert np.array_equal(opened, pixels)


@pytest.fixture
def runs_here(runs: object) -> None:
    runs("unet")  # type: ignore[operator]


@IN_A_FOLDER
@given(st.lists(WORDS, max_size=7))
def test_whatever_is_typed(runs_here: None, words: list[str]) -> None:
    """Nothing that was typed shows a traceback, or is taken for something else."""
    if {"train", "resume", "score", "demo"} & {*words} and "--help" not in words:
        words = [word for word in words if word not in ("train", "resume", "score", "demo")]
    if "sample" in words:
        words = [*words, "--steps", "1", "--nothing"]
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with redirect_stdout(out), redirect_stderr(err), suppress(KeyboardInterrupt):
        try:
            main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
    assert code in (0, 2, 3), (words, err.getvalue())
    assert "Traceback" not in err.getvalue()
    if code:
        # Old spellings, such as --set, are noted first.
        lines = err.getvalue().splitlines(keepends=True)
        problem = "".join(line for line in lines if not line.startswith("note: "))
        assert problem.startswith("error: ")
