"""Samples of text: each a function of its seed and index, whatever else is asked for beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sfumato import storage
from sfumato.errors import DamagedFile, RunError, SettingError
from sfumato.model.layout import MASKED
from sfumato.model.options import SampleOptions
from sfumato.model.provenance import Made, Making
from sfumato.model.tokens import TokenModel
from sfumato.process.categorical import Masking
from sfumato.run import Run, open_run
from sfumato.sampling.tokens import TOKEN_SAMPLERS, Ancestral
from sfumato.training.train import planned, resume, train

Runs = Callable[..., Path]
NAMES = ("prose", "uniform", "labelled")


def opened(root: Path, name: str) -> TokenModel:
    model = open_run(root / name).model
    assert isinstance(model, TokenModel)
    return model


def made(
    model: TokenModel, **keywords: Any
) -> tuple[list[str], list[dict[str, Any]], list[Tensor]]:
    """Texts, their recipes, and the tokens of each batch (and window)."""
    texts: list[str] = []
    recipes: list[dict[str, Any]] = []
    tokens: list[Tensor] = []
    for event in model.sample(model.request(SampleOptions(**keywords))):
        if isinstance(event, Made):
            texts += event.items
            recipes += [origin.stored() for origin in event.provenance]
        elif isinstance(event, Making) and event.state.step == event.state.steps:
            tokens.append(event.state.x_t)
    return texts, recipes, tokens


@pytest.fixture(scope="module")
def models(finished_texts: Path) -> dict[str, TokenModel]:
    return {name: opened(finished_texts, name) for name in NAMES}


class TestInAnyBatch:
    @pytest.mark.parametrize("name", NAMES)
    def test_texts_and_recipes_are_the_same(self, models: dict[str, TokenModel], name: str) -> None:
        scale = 1.5 if name == "labelled" else None
        one, three, eight = (
            made(models[name], n=8, seed=7, batch=batch, scale=scale, steps=5)
            for batch in (1, 3, 8)
        )
        assert one[:2] == three[:2] == eight[:2]
        one, three, eight = (torch.cat(tokens) for *_, tokens in (one, three, eight))
        assert torch.equal(one, three) and torch.equal(one, eight)
        assert len(one.unique(dim=0)) > 6

    @pytest.mark.parametrize("name", NAMES)
    def test_beliefs_are_the_same_to_the_last_bit(
        self, models: dict[str, TokenModel], name: str
    ) -> None:
        """Tokens would hide most differences."""
        model = models[name]

        def first_beliefs(**keywords: Any) -> Tensor:
            events = model.sample(
                model.request(SampleOptions(seed=1, steps=2, sampler="bridge", **keywords))
            )
            beliefs = [e.state.belief for e in events if isinstance(e, Making) and not e.state.step]
            return torch.cat([belief for belief in beliefs if belief is not None])

        whole = first_beliefs(n=6)
        assert torch.equal(first_beliefs(n=6, batch=1), whole)
        assert torch.equal(first_beliefs(n=3, first=2), whole[2:5])

    @pytest.mark.parametrize("sampler", TOKEN_SAMPLERS)
    def test_with_every_sampler(self, models: dict[str, TokenModel], sampler: str) -> None:
        model = models["labelled"]
        whole, _, tokens = made(model, n=5, sampler=sampler, steps=6)
        assert made(model, n=1, first=3, sampler=sampler, steps=6)[0] == whole[3:4]
        assert torch.cat(tokens).max() < model.denoiser.process.size

    def test_seeds_differ(self, models: dict[str, TokenModel]) -> None:
        assert made(models["prose"], n=2, seed=1)[0] != made(models["prose"], n=2, seed=2)[0]


class TestWhatComesOut:
    def test_the_unknown_is_never_drawn(self, models: dict[str, TokenModel]) -> None:
        """Not even where the network believes in nothing else, with temperature and all."""
        for name in ("prose", "uniform"):
            model = models[name]
            head = model.denoiser.backbone.head
            bias, unknown = head.bias.clone(), model.tokenizer.unknown
            head.bias[unknown] = 50.0
            try:
                for keywords in ({}, {"temperature": 2.0}, {"top_p": 0.5}, {"steps": 1}):
                    texts, _, tokens = made(model, n=4, **keywords)
                    assert (torch.cat(tokens) != unknown).all()
                    assert "\ufffd" not in "".join(texts)
            finally:
                head.bias.copy_(bias)

    def test_short_texts_are_as_long_as_those_of_the_data(
        self, models: dict[str, TokenModel]
    ) -> None:
        texts, recipes, _ = made(models["labelled"], n=40, steps=1)
        assert {len(text) for text in texts} == {5, 8, 13, 20}
        assert [recipe["length"] for recipe in recipes] == [len(text) for text in texts]

    def test_labels_are_drawn_as_often_as_in_the_data(self, models: dict[str, TokenModel]) -> None:
        """Of 200 with a share of three in four: within 3.3 deviations of 6.3."""
        model = models["labelled"]
        share = model.spec.data.frequencies[0]
        labels = Counter(recipe["label"] for recipe in made(model, n=200, steps=1)[1])
        assert abs(labels["even"] - 200 * share) < 21
        only = made(model, n=5, label="odd", steps=1)[1]
        assert {recipe["label"] for recipe in only} == {"odd"}

    def test_guidance_and_temperature_matter(self, models: dict[str, TokenModel]) -> None:
        model = models["labelled"]
        plain = made(model, n=6, label="odd", seed=3)[0]
        assert made(model, n=6, label="odd", seed=3, scale=1e5)[0] != plain
        assert made(model, n=6, label="odd", seed=3, temperature=0.01)[0] != plain
        cold = made(model, n=6, label="odd", seed=3, top_p=1e-9)[0]
        assert cold != plain

    def test_a_uniform_run_is_sampled_with_the_bridge(self, models: dict[str, TokenModel]) -> None:
        model = models["uniform"]
        assert model.request().sample.sampler.kind == "bridge"
        assert model.request().sample.sampler.grid == model.spec.recipe.sampling.sampler.grid
        texts, recipes, _ = made(model, n=2)
        assert all(len(text) == 32 for text in texts)
        assert {recipe["sampler"]["kind"] for recipe in recipes} == {"bridge"}
        with pytest.raises(SettingError, match="uniform process"):
            made(model, n=1, sampler="ancestral")


class TestWindows:
    def test_each_knows_half_of_the_one_before(self, models: dict[str, TokenModel]) -> None:
        model = models["prose"]
        mask, length = model.denoiser.process.size, 75
        request = model.request(SampleOptions(n=2, length=length, batch=2))
        known = torch.empty(2, 0, dtype=torch.int64)
        sizes = []
        for event in model.sample(request):
            if isinstance(event, Made):
                assert [len(text) for text in event.items] == [length] * 2
                final = [model.tokenizer.decode(row[:length].numpy()) for row in known]
                assert event.items == final
                continue
            state = event.state
            # What earlier windows found is never changed.
            assert torch.equal(state.x_t[:, : known.shape[1]], known)
            if state.step == 0:
                assert (state.x_t[:, known.shape[1] :] == mask).all()
                sizes.append(state.x_t.shape[1])
            if state.step == state.steps:
                assert (state.x_t != mask).all()
                known = state.x_t
        assert sizes == [32, 48, 64, 80]

    def test_the_first_window_is_that_of_a_shorter_text(
        self, models: dict[str, TokenModel]
    ) -> None:
        short, long = (made(models["prose"], n=2, length=size)[0] for size in (32, 40))
        assert [text[:32] for text in long] == short

    def test_they_are_the_same_in_any_batch(self, models: dict[str, TokenModel]) -> None:
        whole = made(models["prose"], n=3, length=50, seed=2)[0]
        assert made(models["prose"], n=3, length=50, seed=2, batch=1)[0] == whole
        assert made(models["prose"], n=1, first=2, length=50, seed=2)[0] == whole[2:]

    def test_a_shorter_text_than_the_data_has(self, models: dict[str, TokenModel]) -> None:
        for name in ("prose", "uniform", "labelled"):
            assert {len(text) for text in made(models[name], n=3, length=3)[0]} == {3}

    @pytest.mark.parametrize(
        ("name", "words"), [("labelled", "20 tokens long"), ("uniform", "only a masking process")]
    )
    def test_where_there_can_be_none(
        self, models: dict[str, TokenModel], name: str, words: str
    ) -> None:
        with pytest.raises(SettingError, match=words):
            models[name].request(SampleOptions(length=33))


class TestOnTheWay:
    def test_every_state_is_shown(self, models: dict[str, TokenModel]) -> None:
        model = models["labelled"]
        process = model.denoiser.process
        assert isinstance(process, Masking)
        seen: list[list[str]] = []
        for event in model.sample(model.request(SampleOptions(n=3))):
            if isinstance(event, Making):
                lengths = model.lengths(model.request(SampleOptions(n=3)).sample, range(3))
                seen.append(model.shown(event.state.x_t, lengths))
                assert [len(text) for text in seen[-1]] == list(lengths)
            else:
                assert isinstance(event, Made)
                assert seen[-1] == event.items
        assert len(seen) == 9
        assert {*"".join(seen[0])} == {MASKED}
        assert MASKED not in "".join(seen[-1])
        hidden = ["".join(texts).count(MASKED) for texts in seen]
        assert hidden == sorted(hidden, reverse=True)

    def test_batches_are_counted(self, models: dict[str, TokenModel]) -> None:
        model = models["prose"]
        events = list(model.sample(model.request(SampleOptions(n=5, batch=2, steps=1))))
        making = {(event.done, event.total) for event in events if isinstance(event, Making)}
        assert making == {(0, 5), (2, 5), (4, 5)}
        batches = [list(event.indices) for event in events if isinstance(event, Made)]
        assert batches == [[0, 1], [2, 3], [4]]


class TestMakingAgain:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_line_makes_its_text(self, text_runs: Runs, tmp_path: Path, name: str) -> None:
        text_runs(name)
        run = open_run(name)
        settings = {"temperature": 0.8, "top_p": 0.95, "steps": 5, "seed": 3}
        if name == "labelled":
            settings["scale"] = 1.5
        texts = run.sample(6, first=4, **settings)
        (path,) = texts.save(tmp_path / "out")
        for number, text in enumerate(texts, start=1):
            again = run.like(f"{path}:{number}")
            assert (list(again), [origin.stored() for origin in again.provenance]) == (
                [text],
                [texts.provenance[number - 1].stored()],
            )

    def test_of_windows(self, text_runs: Runs, tmp_path: Path) -> None:
        text_runs("prose")
        run = open_run("prose")
        texts = run.sample(2, length=70)
        (path,) = texts.save(tmp_path / "out")
        assert list(run.like(path)) == list(texts[:1])

    def test_other_weights_are_refused(self, text_runs: Runs, tmp_path: Path) -> None:
        text_runs("prose")
        (path,) = open_run("prose").sample(1).save(tmp_path / "out")
        list(resume(Run.open("prose").directory, steps=7))
        with pytest.raises(RunError, match="not made by the weights"):
            open_run("prose").like(str(path))


class TestRequests:
    def test_defaults_are_the_run_s(
        self, tmp_path: Path, prose: Path, tiny_text: tuple[str, ...]
    ) -> None:
        changes = (*tiny_text, "sampling.temperature=0.7", "sampling.top_p=0.9",
                   "sampling.sampler.kind=trapezoid", "sampling.scale=3")  # fmt: skip
        list(train(prose, planned("text", steps=1, changes=changes), "a", tmp_path))
        request = opened(tmp_path, "a").request()
        assert (request.sample.temperature, request.sample.top_p, request.sample.steps) == (
            0.7,
            0.9,
            8,
        )
        assert request.sample.sampler.kind == "trapezoid"
        assert request.sample.scale == 1.0  # there is no label to be guided to

    @pytest.mark.parametrize(
        ("keywords", "words"),
        [
            ({"n": 0}, "n cannot be 0"),
            ({"seed": -1}, "seed cannot be -1"),
            ({"steps": 0}, "steps cannot be 0"),
            ({"steps": 10**6}, "steps cannot be"),
            ({"batch": 0}, "batch cannot be 0"),
            ({"length": 0}, "length cannot be 0"),
            ({"length": 10**7}, "length cannot be"),
            ({"first": 2**63 - 1}, "first cannot be"),
            ({"temperature": 0.0}, "temperature cannot be 0"),
            ({"temperature": 1e4}, "temperature cannot be"),
            ({"top_p": 1.5}, "top_p cannot be 1.5"),
            ({"sampler": "ancestrl"}, "did you mean 'ancestral'"),
            ({"sampler": "heun"}, "no sampler of text 'heun'"),
            ({"label": "od"}, "did you mean 'odd'"),
            ({"scale": float("nan")}, "scale cannot be nan"),
        ],
    )
    def test_bad_ones_are_refused(
        self, models: dict[str, TokenModel], keywords: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(SettingError, match=words):
            models["labelled"].request(SampleOptions(**keywords))

    def test_a_sampler_may_have_settings(self, models: dict[str, TokenModel]) -> None:
        sampler = Ancestral()
        assert models["prose"].request(SampleOptions(sampler=sampler)).sample.sampler is sampler

    def test_a_run_without_classes_takes_no_label(self, models: dict[str, TokenModel]) -> None:
        for keywords in ({"label": "even"}, {"scale": 2.0}):
            with pytest.raises(SettingError, match="without classes"):
                models["prose"].request(SampleOptions(**keywords))

    def test_one_medium_s_request_is_not_another_s(
        self, models: dict[str, TokenModel], finished_runs: Path
    ) -> None:
        pictures = open_run(finished_runs / "plain")
        with pytest.raises(SettingError, match="not one for the medium"):
            pictures.make(models["prose"].request())
        with pytest.raises(SettingError, match="'temperature' is not for images"):
            pictures.sample(1, temperature=0.5)


def test_a_damaged_tokenizer_is_told(text_runs: Runs) -> None:
    run = text_runs("prose")
    path = run / "tokenizer.json"
    path.write_text(path.read_text().replace('"characters"', '"words"'))
    with pytest.raises(DamagedFile, match="is not what was written"):
        open_run("prose").sample(1)
    content = storage.read_json(path)
    del content["sha256"]
    storage.write_sealed_json(path, content)
    with pytest.raises(DamagedFile, match="cannot be understood"):
        open_run("prose").sample(1)


def test_text_takes_the_line_of_guidance_alone(text_runs):
    text_runs("labelled")
    model = Run.open("labelled").model
    with pytest.raises(SettingError, match="tokens"):
        list(model.sample(model.request(SampleOptions(1, steps=2, guidance="apg", scale=2.0))))
