"""Sampling with words and other conditions, from options to files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import DataError, SettingError
from sfumato.media.image.provenance import write_png
from sfumato.model.conditioned import notes_of
from sfumato.model.edit_options import EditOptions
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Making
from sfumato.run import Run, open_run
from sfumato.verbs.edit import edit_files
from sfumato.verbs.sample import Written, sample_files

Runs = Callable[..., Path]


@pytest.fixture(scope="module")
def words(finished_words: Path) -> Run:
    return open_run(finished_words / "words")


@pytest.fixture(scope="module")
def many(finished_words: Path) -> Run:
    """A run with classes, words, species and prices."""
    return open_run(finished_words / "many")


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mask whose right half is white."""
    path = tmp_path_factory.mktemp("region") / "right.png"
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:, 4:] = 255
    Image.fromarray(pixels).save(path)
    return path


def final(run: Run, batch: int, **options: Any) -> torch.Tensor:
    """The last states of five samples, as float32."""
    chosen = SampleOptions(batch=batch, **{"n": 5, "steps": 3, **options})
    events = run.model.sample(run.model.request(chosen))
    states = [event.state for event in events if isinstance(event, Making)]
    return torch.cat([state.x_t for state in states if state.t == 0])


def conditions(run: Run, n: int = 4, **options: Any) -> list[Any]:
    made = run.sample(n, steps=1, **options)
    return [origin.conditions for origin in made.provenance]


def files(run: str | None, out: str, like: Path | None = None, **options: Any) -> list[Path]:
    events = list(sample_files(run, SampleOptions(**options), out=Path(out), like=like))
    written = events[-1]
    assert isinstance(written, Written)
    return written.out.files


REQUESTS: dict[str, dict[str, Any]] = {
    "by default": {},
    "prompt": {"prompt": "a red kite"},
    "not": {"prompt": "a red kite", "negative": "green", "scale": 3.0},
    "prompts": {"prompts": ["a red kite", "a green bird", "the bird is red"]},
    "scales": {"prompt": "a red kite", "scale": "words=3"},
    "between": {"prompt": "a red kite", "to": "a green bird", "steps_between": 5},
}
WITH_ALL: dict[str, dict[str, Any]] = {
    "label and words": {"prompt": "a red kite", "label": "red", "scale": "words=3,label=1.5"},
    "conditions": {"conditions": {"species": "bird", "price": 7}, "scale": 2.0},
}


class TestBatches:
    @pytest.mark.parametrize("name", REQUESTS)
    def test_samples_do_not_depend_on_them(self, words: Run, name: str) -> None:
        one, three, five = (final(words, batch, **REQUESTS[name]) for batch in (1, 3, 5))
        assert len(one) == 5
        assert torch.equal(one, three) and torch.equal(one, five)

    @pytest.mark.parametrize("name", WITH_ALL)
    def test_nor_with_all_conditions(self, many: Run, name: str) -> None:
        one, three, five = (final(many, batch, **WITH_ALL[name]) for batch in (1, 3, 5))
        assert torch.equal(one, three) and torch.equal(one, five)

    def test_nor_with_a_region(self, words: Run, region: Path) -> None:
        both = {"prompt": "a red kite", "to": "a green bird", "region": region}
        one, three, five = (final(words, batch, **both) for batch in (1, 3, 5))
        assert torch.equal(one, three) and torch.equal(one, five)


class TestActs:
    def test_words_change_a_sample(self, words: Run) -> None:
        first = final(words, 5, prompt="a red kite")
        assert torch.equal(first, final(words, 5, prompt=" A red\nKITE "))
        assert not torch.equal(first, final(words, 5, prompt="the bird is green"))

    def test_so_do_words_to_lead_away_from(self, words: Run) -> None:
        plain = final(words, 5, prompt="a red kite", scale=3.0)
        away = final(words, 5, prompt="a red kite", scale=3.0, negative="green")
        assert not torch.equal(plain, away)
        # Led away from the same words, a sample has those words without guidance.
        same = final(words, 5, prompt="a red kite", scale=3.0, negative="a red kite")
        torch.testing.assert_close(same, final(words, 5, prompt="a red kite", scale=1.0))

    def test_one_scale_of_the_only_condition_is_the_scale(self, words: Run) -> None:
        assert torch.equal(
            final(words, 5, prompt="a red kite", scale="words=3"),
            final(words, 5, prompt="a red kite", scale=3.0),
        )

    def test_each_condition_has_its_scale(self, many: Run) -> None:
        both = {"prompt": "a red kite", "label": "green"}
        first = final(many, 5, **both, scale="words=4,label=1")
        assert not torch.equal(first, final(many, 5, **both, scale="words=1,label=4"))

    def test_a_series_begins_and_ends_with_its_prompts(self, words: Run) -> None:
        series = final(words, 5, prompt="a red kite", to="a green bird", steps_between=5)
        (first,) = final(words, 1, n=1, prompt="a red kite")
        (last,) = final(words, 1, n=1, prompt="a green bird")
        torch.testing.assert_close(series[0], first)
        torch.testing.assert_close(series[4], last)

    def test_a_region_has_the_second_prompt(self, words: Run, region: Path) -> None:
        first = final(words, 5, prompt="a red kite")
        same = {"prompt": "a red kite", "to": "a red kite", "region": region}
        torch.testing.assert_close(final(words, 5, **same), first)
        other = final(words, 5, **{**same, "to": "a green bird"})
        assert not torch.equal(other, first)

    def test_in_one_step_a_region_is_exactly_that_of_its_prompt(
        self, words: Run, region: Path
    ) -> None:
        plain = {"steps": 1, "sampler": "wiener"}
        first, second = (final(words, 5, prompt=text, **plain) for text in ("a kite", "a bird"))
        both = final(words, 5, prompt="a kite", to="a bird", region=region, **plain)
        torch.testing.assert_close(both[..., :4], first[..., :4])
        torch.testing.assert_close(both[..., 4:], second[..., 4:])


class TestValues:
    def test_by_default_each_sample_draws_those_of_an_item(self, many: Run) -> None:
        made = many.sample(40, steps=1)
        known = [dict(one) for one in many.spec.data.examples]
        assert [
            {"label": origin.label, **(origin.conditions or {})} in known
            or dict(origin.conditions or {}) in known
            for origin in made.provenance
        ] == [True] * 40
        assert len({str(origin.conditions) for origin in made.provenance}) > 5

    def test_the_draw_is_of_the_seed_and_the_index(self, words: Run) -> None:
        whole = conditions(words, 6, seed=2)
        assert conditions(words, 2, seed=2, first=4) == whole[4:]
        assert conditions(words, 6, seed=3) != whole

    def test_with_a_prompt_the_rest_is_unknown(self, many: Run) -> None:
        made = many.sample(2, prompt="a red kite", steps=1).provenance
        assert [origin.conditions for origin in made] == [{"words": "a red kite"}] * 2
        assert [origin.label for origin in made] == [None] * 2
        tensors = many.model.conditions(made[0], [0])  # type: ignore[union-attr]
        assert tensors["label"].tolist() == [2]
        assert not tensors["species"].any() and not tensors["price"].any()

    def test_with_a_label_the_words_are_unknown(self, many: Run) -> None:
        made = many.sample(2, label="red", steps=1).provenance
        assert [(origin.label, origin.conditions) for origin in made] == [("red", {})] * 2

    def test_label_and_words_go_together(self, many: Run) -> None:
        (origin,) = many.sample(1, label="red", prompt="a kite", steps=1).provenance
        assert (origin.label, origin.conditions) == ("red", {"words": "a kite"})

    def test_other_conditions_are_read_by_their_kind(self, many: Run) -> None:
        found = conditions(many, 1, conditions=["species=kite", "price= 3"])
        assert found == [{"species": "kite", "price": 3.0}]
        assert found == conditions(many, 1, conditions={"species": "kite", "price": 3})

    def test_each_sample_has_its_prompt_in_turn(self, words: Run) -> None:
        assert conditions(words, 3, first=1, prompts=["a", "b"]) == [
            {"words": "b"}, {"words": "a"}, {"words": "b"},
        ]  # fmt: skip

    def test_prompts_can_be_lines_of_a_file(self, words: Run, tmp_path: Path) -> None:
        path = tmp_path / "prompts.txt"
        path.write_bytes(b"\xef\xbb\xbfa red kite\r\n\r\n  a bird \r\n")
        assert conditions(words, 2, prompts=path) == [{"words": "a red kite"}, {"words": "a bird"}]

    def test_prompts_are_not_stored_beside_the_own_words(self, words: Run) -> None:
        made = words.sample(1, prompts=["a", "b"], steps=1).provenance[0].stored()
        assert "prompts" not in made
        assert made["conditions"] == {"words": "a"}

    @pytest.mark.parametrize("text", ["\N{BIRD}", "\N{CJK UNIFIED IDEOGRAPH-9CE5}", "\ud800", "?"])
    def test_any_language_will_do(self, words: Run, tmp_path: Path, text: str) -> None:
        made = words.sample(1, prompt=text, steps=1)
        write_png(tmp_path / "a.png", made.items[0], made.provenance[0].stored())
        assert np.array_equal(words.like(tmp_path / "a.png").items, made.items)

    def test_a_long_prompt_is_cut_and_that_is_said(self, words: Run) -> None:
        text = "a red kite is " + "green " * 1600
        note = "of the prompt only this is read: a red kite is green green"

        def notes(**options: Any) -> tuple[str, ...]:
            return notes_of(words.spec, words.model.request(SampleOptions(**options)).sample)

        assert notes(prompt=text) == (note,) == notes(prompts=["a kite", text])
        assert notes(prompt=text, negative=text) == (f"{note} (2 prompts are cut)",)
        assert notes(prompt="a", to=text, steps_between=2) == (note,)
        assert notes(prompt="a red kite") == () == notes()
        shorter = final(words, 1, n=1, prompt="a red kite is green green")
        assert torch.equal(final(words, 1, n=1, prompt=text), shorter)


class TestFiles:
    @pytest.mark.parametrize("name", [name for name in REQUESTS if name != "by default"])
    def test_each_sample_is_made_again(self, word_runs: Runs, name: str) -> None:
        word_runs("words")
        for original in files("words", "first", **{"n": 5, "steps": 2, **REQUESTS[name]})[1::3]:
            (again,) = files(None, f"again-{original.stem}", like=original)
            assert again.read_bytes() == original.read_bytes()

    @pytest.mark.parametrize("options", [{}, *WITH_ALL.values()])
    def test_so_is_one_with_all_conditions(self, word_runs: Runs, options: dict[str, Any]) -> None:
        word_runs("many")
        original = files("many", "first", n=4, steps=2, **options)[3]
        (again,) = files(None, "again", like=original)
        assert again.read_bytes() == original.read_bytes()

    def test_so_is_one_with_a_region(self, word_runs: Runs, region: Path) -> None:
        word_runs("words")
        both = {"prompt": "a red kite", "to": "a bird", "region": region}
        original = files("words", "first", n=2, steps=2, **both)[1]
        (again,) = files(None, "again", like=original)
        assert again.read_bytes() == original.read_bytes()

    def test_so_is_a_variation_by_a_list_of_prompts(self, word_runs: Runs, described: Path) -> None:
        word_runs("words")
        start = shutil.copy(described / "red" / "0.png", "start.png")
        original = files(
            "words", "first", n=2, steps=3, start=start, prompts=["a bird", "a kite"], scale=4.0
        )[1]
        (again,) = files(None, "again", like=original)
        assert again.read_bytes() == original.read_bytes()

    def test_a_sampling_goes_on(self, word_runs: Runs) -> None:
        word_runs("words")
        whole = files("words", "whole", n=5, steps=2, prompts=["a red kite", "a bird"])
        files("words", "out", n=2, steps=2, prompts=["a red kite", "a bird"])
        later = files("words", "out", n=5, steps=2, prompts=["a red kite", "a bird"])
        assert [path.read_bytes() for path in later] == [path.read_bytes() for path in whole]

    def test_other_words_are_not_put_among_them(self, word_runs: Runs) -> None:
        word_runs("words")
        files("words", "out", n=2, steps=2, prompt="a red kite")
        with pytest.raises((DataError, SettingError)):
            files("words", "out", n=4, steps=2, prompt="a green bird")

    def test_scales_of_a_run_without_words_are_stored(self, runs: Runs) -> None:
        runs("unet")
        (original,) = files("unet", "first", n=1, steps=2, label="dog", scale="label=3")
        (again,) = files(None, "again", like=original)
        assert again.read_bytes() == original.read_bytes()
        (single,) = files("unet", "single", n=1, steps=2, label="dog", scale=3.0)
        with Image.open(original) as one, Image.open(single) as other:
            assert one.tobytes() == other.tobytes()

    def test_an_edit_takes_a_prompt(self, word_runs: Runs, described: Path) -> None:
        word_runs("words")
        source = described / "green" / "1.png"
        made = {}
        for prompt in ("a red kite", "a green bird", None):
            options = EditOptions(1, box="0,0,4,8", steps=3, scale=2.0, prompt=prompt)
            *_, written = edit_files("words", [source], options, out=Path(f"edit-{prompt}"))
            (path,) = written.out.files  # type: ignore[union-attr]
            with Image.open(path) as picture:
                made[prompt] = np.asarray(picture)
        with Image.open(source) as picture:
            kept = np.asarray(picture)[:, 4:]
        assert all(np.array_equal(picture[:, 4:], kept) for picture in made.values())


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"label": "red"}, "The run 'words' takes no label"),
    ({"conditions": ["word=a"]}, r"no condition 'word'(.|\n)*did you mean 'words'"),
    ({"conditions": ["words"]}, r"'words' is not a condition(.|\n)*NAME=VALUE"),
    ({"conditions": {"words": 3}}, "words cannot be 3"),
    ({"conditions": {"words": "a"}, "prompt": "b"}, "The prompt and the condition 'words' exclude"),
    ({"scale": "words=x"}, r"scale cannot be 'x'(.|\n)*should be a finite number"),
    ({"scale": "words="}, "scale cannot be ''"),
    ({"scale": "words=nan"}, "scale cannot be 'nan'"),
    ({"scale": "label=2"}, "no condition 'label'"),
    ({"prompt": "a", "prompts": ["b"]}, "prompt and prompts exclude each other"),
    ({"prompts": []}, "There are no prompts"),
    ({"prompts": ["a" * 70_000]}, "The text for prompts has 70,000 characters"),
    ({"prompt": "a" * 70_000}, "The text for prompt has 70,000 characters"),
    ({"negative": "a" * 70_000}, "The text for negative has 70,000 characters"),
    ({"to": "b"}, r"to is a second prompt(.|\n)*--prompt WORDS"),
    ({"prompt": "a", "to": "b"}, "not clear how the two prompts are mixed"),
    ({"prompt": "a", "region": "a.png"}, r"region is for two prompts(.|\n)*--to WORDS"),
    ({"prompt": "a", "steps_between": 3}, "steps_between is for two prompts"),
    ({"prompt": "a", "to": "b", "steps_between": 1}, "steps_between cannot be 1"),
    ({"prompt": "a", "to": "b", "steps_between": 4, "n": 3}, "at least 2, and n is 3"),
]


class TestRefusals:
    @pytest.mark.parametrize(("options", "message"), REFUSED)
    def test_of_a_run_with_words(self, words: Run, options: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            words.model.request(SampleOptions(**options))

    @pytest.mark.parametrize(
        "options", [{"prompt": "a"}, {"negative": "a"}, {"prompts": ["a"]}, {"to": "a"}]
    )
    def test_of_words_by_a_run_without(self, finished_runs: Path, options: dict[str, Any]) -> None:
        unet, plain = (open_run(finished_runs / name) for name in ("unet", "plain"))
        with pytest.raises(SettingError, match="The run 'unet' takes no words") as error:
            unet.model.request(SampleOptions(**options))
        assert "--label cat" in str(error.value.hint)
        with pytest.raises(SettingError, match="The run 'plain' takes no words") as error:
            plain.model.request(SampleOptions(**options))
        assert "sfumato train FOLDER" in str(error.value.hint)

    def test_of_conditions_by_a_run_without(self, finished_runs: Path) -> None:
        plain = open_run(finished_runs / "plain")
        with pytest.raises(SettingError, match="has no conditions besides its classes"):
            plain.model.request(SampleOptions(conditions={"species": "cat"}))

    def test_of_values_that_were_not_learnt(self, many: Run) -> None:
        for text, message in (
            ("species=kit", r"no species 'kit' in this run(.|\n)*'kite'"),
            ("price=cheap", "price cannot be 'cheap'"),
            ("label=red", r"The label is an option of its own(.|\n)*--label red"),
        ):
            with pytest.raises(SettingError, match=message):
                many.model.request(SampleOptions(conditions=[text]))

    def test_of_prompts_that_cannot_be_read(self, words: Run, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such file"):
            words.model.request(SampleOptions(prompts=tmp_path / "none.txt"))
        path = tmp_path / "latin.txt"
        path.write_bytes(b"a\nca\xe9\n")
        with pytest.raises(DataError, match=r"is not UTF-8(.|\n)*line 2"):
            words.model.request(SampleOptions(prompts=path))
