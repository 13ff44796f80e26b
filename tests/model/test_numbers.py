from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import DataError, RunError, SettingError
from sfumato.media.image.provenance import read_recipe, write_png
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Making
from sfumato.run import Run, open_run
from sfumato.runs.directory import RunDirectory
from sfumato.sampling import Heun
from sfumato.training.train import resume
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]


def files(run: str | None, out: str, like: Path | None = None, **keywords: Any) -> list[Path]:
    events = list(sample_files(run, SampleOptions(**keywords), out=Path(out), like=like))
    written = events[-1]
    assert isinstance(written, Written)
    return written.out.files


def pixels(path: Path) -> bytes:
    with Image.open(path) as picture:
        return picture.tobytes()


@pytest.fixture(scope="module")
def unet(finished_runs: Path) -> Run:
    return open_run(finished_runs / "unet")


@pytest.fixture(scope="module")
def plain(finished_runs: Path) -> Run:
    return open_run(finished_runs / "plain")


class TestInAnyBatch:
    @pytest.mark.parametrize("name", ["unet", "transformer", "plain"])
    def test_files_are_the_same(self, runs: Runs, name: str) -> None:
        runs(name)
        scale = None if name == "plain" else 1.5
        made = {
            batch: files(name, f"out{batch}", n=9, seed=7, batch=batch, scale=scale)
            for batch in (1, 3, 16)
        }
        for one, three, sixteen in zip(*made.values(), strict=True):
            # The whole file, and so the recipe in it too.
            assert one.read_bytes() == three.read_bytes() == sixteen.read_bytes()
        assert len({pixels(path) for path in made[16]}) == 9

    @pytest.mark.parametrize("name", ["unet", "transformer", "plain"])
    def test_states_are_the_same_to_the_last_bit(self, finished_runs: Path, name: str) -> None:
        """Rounding to 8 bits would hide most differences."""
        model = open_run(finished_runs / name).model

        def final(batch: int) -> torch.Tensor:
            events = model.sample(model.request(SampleOptions(9, seed=7, batch=batch, steps=3)))
            states = [event.state for event in events if isinstance(event, Making)]
            return torch.cat([state.x_t for state in states if state.t == 0])

        one, three, sixteen = (final(batch) for batch in (1, 3, 16))
        assert torch.equal(one, three)
        assert torch.equal(one, sixteen)

    @pytest.mark.parametrize("sampler", ["ancestral", "edm"])
    def test_with_noise_on_the_way(self, unet: Run, sampler: str) -> None:
        whole = unet.sample(5, sampler=sampler, steps=5, batch=5).items
        alone = unet.sample(1, first=3, sampler=sampler, steps=5).items
        assert np.array_equal(alone[0], whole[3])

    def test_the_seed_and_the_index_decide(self, unet: Run) -> None:
        first = unet.sample(2, seed=1).items
        assert np.array_equal(first, unet.sample(2, seed=1).items)
        assert not np.array_equal(first, unet.sample(2, seed=2).items)
        assert not np.array_equal(first[0], first[1])

    def test_what_came_before_does_not(self, unet: Run) -> None:
        expected = unet.sample(2).items
        torch.manual_seed(123)
        unet.sample(3, seed=9)
        assert np.array_equal(unet.sample(2).items, expected)


class TestLike:
    @pytest.mark.parametrize("name", ["unet", "transformer", "plain"])
    def test_a_picture_is_made_again(self, runs: Runs, name: str) -> None:
        runs(name)
        keywords: dict[str, Any] = {"n": 7, "seed": 3, "steps": 3, "sampler": "heun", "batch": 7}
        if name != "plain":
            keywords |= {"scale": 2.0, "label": "dog"}
        for original in files(name, "first", **keywords)[::3]:
            (again,) = files(None, f"again-{original.stem}", like=original)
            assert again.name == original.name
            assert again.read_bytes() == original.read_bytes()

    def test_with_a_label_that_was_drawn(self, runs: Runs) -> None:
        runs("unet")
        for original in files("unet", "first", n=5):
            (again,) = files("unet", f"again-{original.stem}", like=original)
            assert again.read_bytes() == original.read_bytes()

    def test_other_weights_are_refused(self, runs: Runs) -> None:
        run = runs("unet")
        (original,) = files("unet", "out", n=1)
        list(resume(RunDirectory(run), steps=6))
        with pytest.raises(RunError, match="not made by the weights"):
            files("unet", "again", like=original)
        assert not Path("again").exists()

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("index", -1), ("index", 2**64), ("index", None), ("seed", -1), ("seed", "x"),
            ("steps", 0), ("steps", 10**9), ("tile", 0), ("tile", 10**9), ("label", ["cat"]),
            ("label", 5), ("scale", "much"), ("sampler", {"kind": "none"}), ("sampler", None),
            ("run", 5), ("run", None), ("model", None),
        ],
    )  # fmt: skip
    def test_a_forged_recipe_is_refused(
        self, tmp_path: Path, unet: Run, field: str, value: object
    ) -> None:
        recipe = {**unet.sample(1).provenance[0].stored(), field: value}
        write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8), recipe)
        with pytest.raises(DataError, match=rf"damaged.\nwhy: {field}"):
            unet.like(tmp_path / "a.png")

    def test_a_forged_label_is_refused(self, tmp_path: Path, unet: Run) -> None:
        recipe = {**unet.sample(1).provenance[0].stored(), "label": "unicorn"}
        write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8), recipe)
        with pytest.raises(SettingError, match="no label 'unicorn'"):
            unet.like(tmp_path / "a.png")

    def test_a_later_version_may_add_to_it(self, tmp_path: Path, unet: Run) -> None:
        made = unet.sample(1)
        write_png(tmp_path / "a.png", made.items[0], {**made.provenance[0].stored(), "new": 1})
        assert np.array_equal(unet.like(tmp_path / "a.png").items, made.items)

    def test_any_other_picture_carries_none(self, tmp_path: Path, unet: Run) -> None:
        Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
        with pytest.raises(DataError, match="carries no recipe"):
            unet.like(tmp_path / "a.png")


class TestLabels:
    def test_are_drawn_as_often_as_in_the_data(self, unet: Run) -> None:
        recipes = [origin.stored() for origin in unet.sample(60, steps=1).provenance]
        counts = Counter(recipe["label"] for recipe in recipes)
        share = unet.spec.data.frequencies[0]
        # Three standard deviations of a binomial.
        assert abs(counts["cat"] / 60 - share) < 3 * (share * (1 - share) / 60) ** 0.5
        assert set(counts) == {"cat", "dog"}
        assert (
            recipes[40]["label"]
            == unet.sample(1, first=40, steps=1).provenance[0].stored()["label"]
        )

    def test_one_that_is_asked_for_is_kept(self, unet: Run) -> None:
        dogs = unet.sample(4, label="dog")
        assert {origin.label for origin in dogs.provenance} == {"dog"}

    def test_the_scale_acts(self, unet: Run) -> None:
        # Guidance needs weights that listen to the label, which four steps do not give.
        kept = {k: v.clone() for k, v in unet.denoiser.backbone.state_dict().items()}
        for parameter in unet.denoiser.backbone.parameters():
            parameter.add_(0.02)
        try:
            made = [unet.sample(1, label="dog", scale=s).items for s in (1.0, 1, 3.0)]
            plainly = unet.sample(1, label="cat").items
        finally:
            unet.denoiser.backbone.load_state_dict(kept)
        assert np.array_equal(made[0], made[1])
        assert not np.array_equal(made[0], made[2])
        assert not np.array_equal(made[0], plainly)


class TestVariations:
    def test_a_weak_one_is_nearly_the_picture(self, unet: Run, pictures: Path) -> None:
        source = pictures / "cat/3.png"
        with Image.open(source) as picture:
            original = np.asarray(picture).astype(int)
        near = unet.sample(2, start=source, strength=1e-4, steps=1).items
        far = unet.sample(2, start=source, strength=1.0).items
        assert np.abs(near - original).max() <= 2
        assert np.abs(far - original).mean() > 30

    def test_they_differ_by_their_index_and_not_by_their_batch(
        self, unet: Run, pictures: Path
    ) -> None:
        keywords = {"start": pictures / "cat/0.png", "strength": 0.6}
        together = unet.sample(5, **keywords).items
        assert len({picture.tobytes() for picture in together}) == 5
        assert np.array_equal(unet.sample(5, batch=2, **keywords).items, together)
        assert np.array_equal(unet.sample(1, first=3, **keywords).items[0], together[3])

    def test_the_whole_way_is_that_of_a_picture_from_noise(
        self, plain: Run, pictures: Path
    ) -> None:
        """At full strength nothing is left of the file where the schedule leaves no signal."""
        start = pictures / "cat/0.png"
        varied = plain.sample(2, start=start, strength=1.0).items
        assert np.array_equal(varied, plain.sample(2).items)

    @pytest.mark.parametrize(("strength", "steps"), [(None, 2), (0.25, 1), (0.01, 1), (1.0, 4)])
    def test_they_take_their_share_of_the_steps(
        self, unet: Run, pictures: Path, strength: float | None, steps: int
    ) -> None:
        keywords = {"start": pictures / "cat/0.png", "strength": strength}
        request = unet.model.request(SampleOptions(**keywords))
        assert request.sample.steps == steps
        assert request.sample.scale == 1
        assert unet.model.request(SampleOptions(steps=3, **keywords)).sample.steps == 3
        events = [e for e in unet.model.sample(request) if isinstance(e, Making)]
        assert events[0].state.t == pytest.approx(0.5 if strength is None else strength)

    def test_one_is_made_again_from_its_own_file(self, runs: Runs, own_pictures: Path) -> None:
        runs("unet")
        source = own_pictures / "dog/1.png"
        originals = files("unet", "out", n=3, seed=9, label="dog", start=source, strength=0.7)
        for original in originals:
            (again,) = files(None, f"again-{original.stem}", like=original)
            assert again.read_bytes() == original.read_bytes()
        stored = read_recipe(originals[0])
        assert stored["start"]["path"] == "pictures/dog/1.png"
        assert (stored["start"]["strength"], stored["label"]) == (0.7, "dog")
        source.write_bytes((own_pictures / "dog/2.png").read_bytes())
        with pytest.raises(DataError, match="not the file that the variation started from"):
            files(None, "third", like=originals[0])
        source.unlink()
        with pytest.raises(DataError, match="cannot be read"):
            files(None, "third", like=originals[0])
        assert not Path("third").exists()

    def test_the_file_is_found_where_it_was_moved_to(
        self, runs: Runs, own_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A sample tells nothing of the machine of its maker; a file is known by its digest."""
        runs("unet")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (tmp_path / "work").mkdir()
        run = (tmp_path / "runs/unet").absolute()
        monkeypatch.chdir(tmp_path / "work")
        source = own_pictures / "dog/1.png"
        (original,) = files(run, "out", n=1, seed=9, start=source, strength=0.7)
        stored = read_recipe(original)
        assert stored["start"]["path"] == "1.png"
        assert str(tmp_path) not in json.dumps(stored)
        with pytest.raises(DataError, match="no such file"):
            files(run, "second", like=original)
        source.rename("1.png")
        (again,) = files(run, "third", like=original)
        assert again.read_bytes() == original.read_bytes()
        Path("1.png").rename(tmp_path / "1.png")
        (again,) = files(run, "fourth", like=original)
        assert again.read_bytes() == original.read_bytes()

    def test_a_picture_of_another_size_is_fitted(self, unet: Run, tmp_path: Path) -> None:
        Image.new("L", (40, 25), 200).save(tmp_path / "grey.jpg")
        made = unet.sample(1, start=tmp_path / "grey.jpg", strength=1e-4, steps=1).items
        assert made.shape == (1, 16, 16, 3)
        assert abs(int(np.median(made)) - 200) <= 2

    @pytest.mark.parametrize("strength", [0.0, -1.0, 1.01, float("nan"), float("inf")])
    def test_a_strength_out_of_range_is_refused(
        self, unet: Run, pictures: Path, strength: float
    ) -> None:
        with pytest.raises(SettingError, match="strength cannot be"):
            unet.model.request(SampleOptions(start=pictures / "cat/0.png", strength=strength))

    def test_what_is_no_start(self, unet: Run, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match="variations of a file"):
            unet.model.request(SampleOptions(strength=0.5))
        (tmp_path / "a.png").write_text("no picture")
        for path, words in (
            (tmp_path / "none.png", "no such file"),
            (tmp_path, "it is a folder"),
            (tmp_path / "a.png", "not an image"),
            (tmp_path / "bad\udcff.png", "not valid UTF-8"),
        ):
            with pytest.raises(DataError, match=words):
                unet.sample(1, start=path)

    @pytest.mark.parametrize(
        ("field", "value"),
        [("strength", 0), ("strength", 2), ("strength", None), ("path", None), ("sha256", 5)],
    )
    def test_a_forged_start_is_refused(
        self, unet: Run, pictures: Path, tmp_path: Path, field: str, value: object
    ) -> None:
        recipe = unet.sample(1, start=pictures / "cat/0.png").provenance[0].stored()
        recipe["start"][field] = value
        write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8), recipe)
        with pytest.raises(DataError, match=rf"damaged.\nwhy: start.{field}"):
            unet.like(tmp_path / "a.png")


class TestRequests:
    @pytest.mark.parametrize(
        "keywords",
        [
            {"n": 0}, {"n": -1}, {"batch": 0}, {"seed": -1}, {"seed": 2**63}, {"steps": 0},
            {"steps": 10**9}, {"first": -1}, {"first": 2**63}, {"scale": float("nan")},
            {"scale": float("inf")}, {"label": "unicorn"}, {"sampler": "none"},
        ],
    )  # fmt: skip
    def test_bad_ones_are_refused(self, unet: Run, keywords: dict[str, Any]) -> None:
        with pytest.raises(SettingError):
            unet.model.request(SampleOptions(**keywords))

    def test_names_get_suggestions(self, unet: Run) -> None:
        with pytest.raises(SettingError, match="did you mean 'dog'"):
            unet.model.request(SampleOptions(label="dogg"))
        with pytest.raises(SettingError, match="did you mean 'heun'"):
            unet.model.request(SampleOptions(sampler="huen"))

    def test_an_unconditional_run_takes_no_guidance(self, plain: Run) -> None:
        for keywords in ({"scale": 2.0}, {"label": "cat"}):
            with pytest.raises(SettingError, match="trained without classes"):
                plain.model.request(SampleOptions(**keywords))
        assert plain.model.request(SampleOptions(scale=1.0)).sample.label is None

    def test_what_is_not_asked_is_the_recipe_s(self, unet: Run) -> None:
        request = unet.model.request()
        assert request.sample.steps == 4
        assert request.sample.sampler == unet.spec.recipe.sampling.sampler
        assert unet.model.request(SampleOptions(sampler=Heun())).sample.sampler == Heun()


def test_the_recipe_in_a_file_tells_all(unet: Run, tmp_path: Path) -> None:
    samples = unet.sample(2, seed=5, sampler="ddim", steps=3, label="cat", scale=1.5)
    paths = samples.save(tmp_path / "out")
    stored = read_recipe(paths[1])
    assert stored == json.loads(json.dumps(samples.provenance[1].stored()))
    assert stored["model"] == unet.model.fingerprint
    assert {k: stored[k] for k in ("run", "seed", "index", "steps", "label", "scale")} == {
        "run": "unet", "seed": 5, "index": 1, "steps": 3, "label": "cat", "scale": 1.5,
    }  # fmt: skip
    assert stored["sampler"]["kind"] == "ddim"
