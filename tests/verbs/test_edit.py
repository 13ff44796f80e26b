"""The verb edit: results depend on their index alone, are described, and are made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import sfumato
from sfumato.errors import DataError, SettingError
from sfumato.model.options import EditOptions, SampleOptions
from sfumato.model.provenance import Fit
from sfumato.restoration import Mask, Mean
from sfumato.restoration.methods import METHODS
from sfumato.verbs.edit import Completed, Edited, edit_files
from sfumato.verbs.sample import sample_files

Runs = Callable[..., Path]
BOX = "4,4,8,8"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of the size of the tiny runs."""
    path = tmp_path / "picture.png"
    levels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(levels).save(path)
    return path


def edited(run: str, *files: Path, out: Path, **options: object) -> list[Edited]:
    """The results of an edit with few evaluations."""
    given = {"steps": 3, "box": BOX, **options}
    events = edit_files(run, files, EditOptions(**given), out=out)  # type: ignore[arg-type]
    return [event for event in events if isinstance(event, Edited)]


@pytest.mark.parametrize("method", METHODS)
def test_results_are_the_same_in_any_batch(
    runs: Runs, picture: Path, tmp_path: Path, method: str
) -> None:
    """Batches of one, of two and of all; two windows of a larger picture are tested below."""
    runs("unet")
    files = {}
    for batch in (1, 2, 5):
        out = tmp_path / f"of-{batch}"
        edited("unet", picture, out=out, n=5, batch=batch, method=method)
        files[batch] = [(out / f"{index:05d}.png").read_bytes() for index in range(5)]
    assert files[1] == files[2] == files[5]
    assert len(set(files[1])) == 5


def test_results_by_windows_are_the_same_in_any_batch(runs: Runs, tmp_path: Path) -> None:
    runs("unet")
    path = tmp_path / "wide.png"
    Image.fromarray(np.full((16, 40, 3), 90, np.uint8)).save(path)
    for batch in (1, 3):
        edited("unet", path, out=tmp_path / str(batch), n=3, batch=batch, box="2,2,36,12")
    for index in range(3):
        parts = [tmp_path / f"{batch}/{index:05d}.png" for batch in (1, 3)]
        assert parts[0].read_bytes() == parts[1].read_bytes()


def test_a_result_is_made_again_from_its_file(runs: Runs, picture: Path, tmp_path: Path) -> None:
    runs("unet")
    edited("unet", picture, out=tmp_path / "out", n=3, particles=2)
    like = tmp_path / "out/00002.png"
    list(sample_files(None, SampleOptions(), like=like, out=tmp_path / "again"))
    assert (tmp_path / "again/00002.png").read_bytes() == like.read_bytes()


def test_what_is_missing_is_made_by_the_same_command(
    runs: Runs, picture: Path, tmp_path: Path
) -> None:
    runs("unet")
    out = tmp_path / "out"
    edited("unet", picture, out=out, n=3)
    whole = (out / "00001.png").read_bytes()
    (out / "00001.png").unlink()
    (result,) = edited("unet", picture, out=out, n=3)
    assert (out / "00001.png").read_bytes() == whole
    assert list(result.fits) == [1]
    assert set(json.loads((out / "fit.json").read_text())) == {"00000", "00001", "00002"}


def test_other_settings_are_not_mixed_into_a_folder(
    runs: Runs, picture: Path, tmp_path: Path
) -> None:
    runs("unet")
    edited("unet", picture, out=tmp_path / "out", n=1)
    with pytest.raises(SettingError, match="made in another way"):
        edited("unet", picture, out=tmp_path / "out", n=2, box="2,2,8,8")


def test_the_report_is_plain_data_and_lines(runs: Runs, picture: Path, tmp_path: Path) -> None:
    runs("unet")
    (result,) = edited("unet", picture, out=tmp_path / "out", n=4)
    content = result.to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert set(content["fits"]) == {"0", "1", "2", "3"}
    assert all(1 <= fit["effective"] <= 4 for fit in content["fits"].values())
    assert content["spread"] == str(tmp_path / "out/spread.png")
    assert any(line.startswith("residual / noise:") for line in result.lines())


def test_a_poor_fit_is_a_warning(runs: Runs, picture: Path, tmp_path: Path) -> None:
    runs("unet")
    (result,) = edited("unet", picture, out=tmp_path / "out", n=2)
    poor = replace(result, fits={0: Fit(1.1), 1: Fit(14.0, 1.2)})
    assert any(line.startswith("warning: 1 of 2") and "00001" in line for line in poor.lines())
    fine = replace(result, fits={0: Fit(1.1)})
    assert not any(line.startswith("warning") for line in fine.lines())


def test_several_files_have_a_folder_each(runs: Runs, picture: Path, tmp_path: Path) -> None:
    """The same index has the same noise, so a file alone has the same results."""
    runs("unet")
    other = tmp_path / "other.png"
    other.write_bytes(picture.read_bytes())
    results = edited("unet", picture, other, out=tmp_path / "out", n=2)
    assert [result.out.path.name for result in results] == ["picture", "other"]
    edited("unet", picture, out=tmp_path / "alone", n=2)
    mine, alone = (tmp_path / place / "00001.png" for place in ("out/picture", "alone"))
    assert mine.read_bytes() == alone.read_bytes()


def test_a_trajectory_holds_what_is_known(runs: Runs, picture: Path, tmp_path: Path) -> None:
    runs("unet")
    options = EditOptions(1, steps=3, box=BOX)
    list(edit_files("unet", [picture], options, out=tmp_path / "out", trajectory=True))
    assert (tmp_path / "out/00000-from-noise.png").is_file()


def test_strength_alone_is_a_variation(runs: Runs, picture: Path, tmp_path: Path) -> None:
    """The same bits as ``sample --start``."""
    runs("unet")
    edited("unet", picture, out=tmp_path / "edit", n=2, box=None, strength=0.4)
    sampled = SampleOptions(2, start=picture, strength=0.4, steps=3)
    list(sample_files("unet", sampled, out=tmp_path / "sample"))
    first, second = (tmp_path / place / "00001.png" for place in ("edit", "sample"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"denoise": 0.1}, "box and denoise are two operations"),
        ({"box": None}, "not clear what to do"),
        ({"method": "magic"}, "There is no method 'magic'"),
        ({"method": "dps", "particles": 2}, "has no particles"),
        ({"particles": 0}, "particles cannot be 0"),
        ({"steps": 0}, "steps cannot be 0"),
        ({"strength": 1.5}, "strength cannot be 1.5"),
        ({"gap": "0.1-0.2", "box": None}, "gap"),
        ({"label": "zebra"}, "no label 'zebra'"),
    ],
)
def test_what_cannot_be_done_is_refused(
    runs: Runs, picture: Path, tmp_path: Path, options: dict[str, object], words: str
) -> None:
    runs("unet")
    with pytest.raises(SettingError, match=words):
        edited("unet", picture, out=tmp_path / "out", n=1, **options)
    assert not (tmp_path / "out").exists()


def test_a_run_on_text_says_what_edits_texts(text_runs: Runs, picture: Path) -> None:
    text_runs("prose")
    with pytest.raises(SettingError, match="not for texts"):
        list(edit_files("prose", [picture], EditOptions(box=BOX)))


def test_an_operator_restores_an_array(runs: Runs) -> None:
    """Also one of the caller's own; the file and the function cannot both be made again."""
    runs("unet")
    run = sfumato.open("unet")
    small = torch.zeros(3, 4, 4)
    named = run.edit(small, operator=Mean(factor=4), n=2, steps=3, particles=2)
    own = run.edit(
        small,
        operator=lambda x: torch.nn.functional.avg_pool2d(x, 4),
        n=2,
        steps=3,
        particles=2,
    )
    assert named.items.shape == (2, 16, 16, 3)
    assert len(named.fits) == 2
    # A function is linearised, and its systems are solved by iterations.
    assert np.abs(named.items.astype(int) - own.items.astype(int)).mean() < 2


def test_a_mask_takes_data_of_the_model(runs: Runs) -> None:
    runs("unet")
    mask = Mask.box((16, 16), (4, 4), (8, 8))
    results = sfumato.open("unet").edit(torch.zeros(3, 16, 16), operator=mask, n=1, steps=3)
    assert results.items.shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    ("observed", "options", "words"),
    [
        (np.zeros((3, 4, 4)), {}, "needs an operator"),
        ("picture.png", {"operator": Mean(factor=4)}, "needs an array"),
        (np.zeros((3, 5, 5)), {"operator": Mean(factor=4)}, "has shape"),
        (np.zeros((3, 4, 4)), {"operator": 7}, "is no operator"),
        (np.full((3, 4, 4), np.nan), {"operator": Mean(factor=4)}, "not finite"),
        (np.zeros((3, 4, 4)), {"operator": Mean(factor=4), "noise": 0.0}, "positive number"),
        (np.zeros((3, 4, 4)), {"operator": Mean(factor=4), "box": "1,1,2,2"}, "exclude"),
    ],
)
def test_observations_that_do_not_fit_are_refused(
    runs: Runs, observed: object, options: dict[str, object], words: str
) -> None:
    runs("unet")
    with pytest.raises(SettingError, match=words):
        sfumato.open("unet").edit(observed, n=1, **options)


def test_the_gaps_of_a_text_are_filled(text_runs: Runs, tmp_path: Path) -> None:
    """A text or the file of one; the results are those of ``fill``."""
    text_runs("prose")
    text = "the sea is ____ and green"
    (tmp_path / "gap.txt").write_text(text + "\n")
    options = EditOptions(2, words=["blue", "green"], steps=4)
    (plain,) = edit_files("prose", [text], options)
    (of_file,) = edit_files("prose", [tmp_path / "gap.txt"], options)
    assert isinstance(plain, Completed)
    assert plain == of_file
    assert {one.gaps[0] for one in plain.results} <= {"blue", "green"}


def test_options_of_texts_are_not_for_pictures(runs: Runs, picture: Path, tmp_path: Path) -> None:
    runs("unet")
    with pytest.raises(SettingError, match="'words' is not for images"):
        edited("unet", picture, out=tmp_path / "out", words=["red"])


def test_a_text_is_taken_as_it_is(text_runs: Runs) -> None:
    """It may be longer than the name of any file."""
    text_runs("prose")
    text = "the  sea  is ____ and"
    (completed,) = edit_files("prose", [text], EditOptions(1, words=["blue"], steps=2))
    assert isinstance(completed, Completed)
    assert completed.results[0].text == text.replace("____", "blue")
    with pytest.raises(DataError, match="too long"):
        list(edit_files("prose", ["the sea " * 60 + "____"], EditOptions(1, steps=2)))
