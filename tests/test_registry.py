"""Parts of one's own: what a registry holds, and that a registered part works from end to end."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from torch import Tensor, nn

import sfumato
from sfumato.cli import main
from sfumato.denoiser import TokenDenoiser
from sfumato.engine.optim import AdamWSpec, OptimizerSpec
from sfumato.errors import DamagedFile, DataError, SettingError
from sfumato.guidance.rules import Line, Rule
from sfumato.guidance.spec import guidance_named
from sfumato.nets.specs import BackboneSpec
from sfumato.objective import Bound, Objective, Regression, TokenObjective, Weighting
from sfumato.parts import REGISTRIES
from sfumato.process.grids import AnyGrid, AnyTokenGrid, UniformGrid
from sfumato.process.keep import LinearKeep
from sfumato.process.prediction import V
from sfumato.process.schedule import Linear, Schedule, Shifted
from sfumato.process.times import AnyTimes, AnyTokenTimes, LogitNormal
from sfumato.registry import Part, Registry
from sfumato.run import open_run
from sfumato.sampling import DDIM, SAMPLERS, AnySampler, Context, Heun, Sampler, Tuned, Wiener
from sfumato.sampling.tokens import TOKEN_SAMPLERS, Ancestral, Bridge, TokenSampler

Runs = Callable[..., Path]


@pytest.fixture(autouse=True)
def registered_for_this_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))


class Euler(Sampler):
    """Euler's step on the straight path; exact where the posterior mean is constant."""

    summary: ClassVar[str] = "first order on the straight path"

    kind: Literal["euler"] = "euler"

    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        mean = context.denoise(x_t, t)
        alpha_t, sigma_t = context.process.schedule.coefficients(t)
        alpha_s, sigma_s = context.process.schedule.coefficients(s)
        return alpha_s.item() * mean + (sigma_s / sigma_t).item() * (x_t - alpha_t.item() * mean)


class Lifting(Ancestral):
    """An ancestral sampler by another name."""

    kind: Literal["lifting"] = "lifting"


class Square(Schedule):
    """``alpha = 1 - t^2``, ``sigma = t^2``."""

    kind: Literal["square"] = "square"

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return 1 - t.square(), t.square()

    def time(self, log_snr: Tensor) -> Tensor:
        return torch.sigmoid(-log_snr / 2).sqrt()

    def norm(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return alpha + sigma


class Scaled(Weighting):
    """A constant."""

    kind: Literal["scaled"] = "scaled"
    factor_of: float = Field(2.0, gt=0)

    def factor(self, log_snr: Tensor, c_out: Tensor) -> Tensor:
        return torch.full_like(log_snr, self.factor_of)


class Doubled(Objective):
    """Twice the regression."""

    kind: Literal["doubled"] = "doubled"

    def __call__(self, denoiser: Any, x0: Tensor, t: Tensor, noise: Tensor, **cond: Any) -> Tensor:
        return 2 * Regression()(denoiser, x0, t, noise, **cond)


class DoubledBound(TokenObjective):
    """Twice the bound."""

    kind: Literal["doubled"] = "doubled"

    def __call__(
        self,
        denoiser: TokenDenoiser,
        x0: Tensor,
        t: Tensor,
        noise: Tensor,
        counted: Tensor | None = None,
        **cond: Any,
    ) -> Tensor:
        return 2 * Bound()(denoiser, x0, t, noise, counted, **cond)


class Convolutions(nn.Module):
    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.embed = nn.Embedding(classes + 1, width)
        self.head = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor, level: Tensor, label: Tensor | None = None) -> Tensor:
        h = self.stem(x) + level[:, None, None, None]
        if label is not None:
            h = h + self.embed(label)[:, :, None, None]
        y: Tensor = self.head(nn.functional.silu(h))
        return y


class ConvolutionSpec(BackboneSpec):
    """Two convolutions."""

    kind: Literal["convolutions"] = "convolutions"
    width: int = Field(default=8, ge=1)

    @property
    def multiple(self) -> int:
        return 1

    def network(self, channels: int, **settings: Any) -> nn.Module:
        return Convolutions(channels, settings["width"], settings["classes"])


class Gradient(OptimizerSpec):
    """Plain gradient descent."""

    kind: Literal["gradient"] = "gradient"
    lr: float = 1e-2

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD([p for _, p in parameters], lr=self.lr, momentum=0.9)


class Tripled(Rule):
    """The line with three times the strength."""

    kind: Literal["tripled"] = "tripled"

    def combine(self, pair: Any, scale: float) -> Tensor:
        return Line().combine(pair, 1 + 3 * (scale - 1))


# What a registry is -------------------------------------------------------------------------------


class Fruit(Part):
    @abstractmethod
    def juice(self) -> float: ...


class Apple(Fruit):
    kind: Literal["apple"] = "apple"
    weight: float = 1.0

    def juice(self) -> float:
        return self.weight


class Pear(Apple):
    kind: Literal["pear"] = "pear"  # type: ignore[assignment]
    ripe: bool


@pytest.fixture
def fruits() -> Registry[Fruit]:
    return Registry("fruit", Fruit, (Apple, Pear))


def test_a_kind_that_needs_settings_is_registered_but_not_offered_by_name(
    fruits: Registry[Fruit],
) -> None:
    assert fruits.classes == (Apple, Pear)
    assert dict(fruits) == {"apple": Apple} and len(fruits) == 1
    assert fruits.find("apple") is Apple
    with pytest.raises(SettingError, match=r"no fruit 'appel'(.|\n)*did you mean 'apple'"):
        fruits.find("appel")
    with pytest.raises(SettingError, match="no fruit 'pear'"):
        fruits.find("pear")
    assert Tuned in SAMPLERS.classes and "tuned" not in SAMPLERS


def test_an_annotation_reads_what_is_registered_at_that_moment(fruits: Registry[Fruit]) -> None:
    class Basket(BaseModel):
        fruit: Annotated[Fruit, fruits]
        maybe: Annotated[Fruit, fruits] | None = None

    with pytest.raises(ValidationError) as caught:
        Basket.model_validate({"fruit": {"kind": "plum"}})
    (problem,) = caught.value.errors()
    assert (problem["type"], problem["loc"]) == ("union_tag_invalid", ("fruit",))
    assert problem["ctx"]["expected_tags"] == "'apple', 'pear'"

    @fruits.register
    class Plum(Fruit):
        kind: Literal["plum"] = "plum"

        def juice(self) -> float:
            return 0.5

    assert Basket.model_validate({"fruit": {"kind": "plum"}}).fruit == Plum()
    assert Basket.model_validate_json('{"fruit": {"kind": "plum"}}').fruit == Plum()


def test_a_value_is_serialised_with_all_fields_of_its_class(fruits: Registry[Fruit]) -> None:
    class Basket(BaseModel):
        fruit: Annotated[Fruit, fruits]

    basket = Basket(fruit=Pear(ripe=True))
    assert basket.model_dump_json() == '{"fruit":{"kind":"pear","weight":1.0,"ripe":true}}'
    assert Basket.model_validate(basket.model_dump()) == basket
    assert Basket.model_validate_json(basket.model_dump_json()) == basket


@pytest.mark.parametrize(
    ("value", "kind", "place"),
    [
        (5, "model_attributes_type", ()),
        ({}, "union_tag_not_found", ()),
        ({"kind": "pear"}, "missing", ("pear", "ripe")),
        ({"kind": "apple", "weight": "much"}, "float_parsing", ("apple", "weight")),
        ({"kind": "apple", "ripe": True}, "extra_forbidden", ("apple", "ripe")),
    ],
)
def test_errors_are_those_of_a_discriminated_union(
    fruits: Registry[Fruit], value: Any, kind: str, place: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Annotated[Fruit, fruits]).validate_python(value)
    (problem,) = caught.value.errors()
    assert (problem["type"], problem["loc"]) == (kind, place)


def test_a_registry_of_one_class_reads_specs_too() -> None:
    adapter = TypeAdapter(Annotated[Fruit, Registry("fruit", Fruit, (Apple,))])
    assert adapter.validate_python({"kind": "apple", "weight": 2}) == Apple(weight=2)


def test_some_of_the_classes_can_be_asked_for(fruits: Registry[Fruit]) -> None:
    adapter = TypeAdapter(Annotated[Fruit, fruits.only(lambda kind: kind is not Pear)])
    assert adapter.validate_python(Apple()) == Apple()
    for value in (Pear(ripe=True), {"kind": "pear", "ripe": True}):
        with pytest.raises(ValidationError, match="'pear'"):
            adapter.validate_python(value)


def test_an_unregistered_instance_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"sampler Euler is not registered.*register\(Euler"):
        TypeAdapter(AnySampler).validate_python(Euler())


def test_a_subclass_of_a_registered_class_is_another_class() -> None:
    class Mine(Wiener):
        pass

    with pytest.raises(SettingError, match="Mine is not registered"):
        SAMPLERS.require(Mine())


# Registering --------------------------------------------------------------------------------------


def test_registering_gives_the_class_back_and_twice_is_harmless() -> None:
    assert sfumato.register(Euler) is Euler
    assert sfumato.register(Euler) is Euler
    assert SAMPLERS["euler"] is Euler
    SAMPLERS.require(Euler())


def notebook_cell(default: float) -> type[Fruit]:
    class Melon(Fruit):
        kind: Literal["melon"] = "melon"
        weight: float = default

        def juice(self) -> float:
            return self.weight

    return Melon


def test_a_class_that_is_defined_again_replaces_the_earlier_one(fruits: Registry[Fruit]) -> None:
    first, second = notebook_cell(1.0), notebook_cell(2.0)
    fruits.register(first)
    adapter = TypeAdapter(Annotated[Fruit, fruits])
    assert adapter.validate_python({"kind": "melon"}) == first(weight=1.0)
    fruits.register(second)
    assert adapter.validate_python({"kind": "melon"}) == second(weight=2.0)
    with pytest.raises(SettingError, match="Melon is not registered"):
        fruits.require(first())


class Nameless(Sampler):
    def step(self, x_t: Tensor, t: Tensor, s: Tensor, context: Context) -> Tensor:
        return x_t


class Wordy(Nameless):
    kind: str = "wordy"


class Ambiguous(Nameless):
    kind: Literal["one", "two"] = "one"


class Undecided(Nameless):
    kind: Literal["undecided"]


class Abstract(Sampler):
    kind: Literal["abstract"] = "abstract"


class SecondHeun(Nameless):
    kind: Literal["heun"] = "heun"


class Child(Heun):
    """It has no kind of its own."""


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (Nameless, r"no field 'kind'(.|\n)*Literal\[\"nameless\"\]"),
        (Wordy, "no field 'kind'"),
        (Ambiguous, "no field 'kind'"),
        (Undecided, "no field 'kind'"),
        (Abstract, "it does not define step"),
        (SecondHeun, r"'heun' is the name of sfumato\.sampling\.runge_kutta\.Heun"),
        (Child, "'heun' is the name of"),
        (Sampler, "it does not define step"),
        (int, "not a subclass of any of Sampler, TokenSampler"),
        (nn.Module, "not a subclass of any of"),
        (5, "5 cannot be registered"),
        (Euler(), "cannot be registered"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_refusals_say_why(cls: Any, words: str) -> None:
    before = [registry.classes for registry in REGISTRIES]
    with pytest.raises(SettingError, match=words):
        sfumato.register(cls)
    assert [registry.classes for registry in REGISTRIES] == before


@pytest.mark.parametrize(
    "cls",
    [Euler, Lifting, Square, Scaled, ConvolutionSpec, Gradient, Tripled, Doubled, DoubledBound],
)
def test_the_base_decides_on_the_registry(cls: type[Part]) -> None:
    sfumato.register(cls)
    (registry,) = [registry for registry in REGISTRIES if cls in registry.classes]
    assert issubclass(cls, registry.base)


def test_samplers_of_numbers_and_of_tokens_may_share_a_kind() -> None:
    assert SAMPLERS["ancestral"] is not TOKEN_SAMPLERS["ancestral"]
    with pytest.raises(SettingError, match="Bridge cannot be registered"):
        SAMPLERS.register(Bridge)


@pytest.mark.parametrize("registry", REGISTRIES, ids=repr)
def test_every_class_is_in_one_registry_and_names_itself(registry: Registry[Any]) -> None:
    for cls in registry.classes:
        assert [other for other in REGISTRIES if other.takes(cls)] == [registry]
        assert cls.model_fields["kind"].default in repr(registry)
        assert cls.__doc__ and cls.model_config["frozen"] and cls.model_config["extra"] == "forbid"
    assert list(registry.values()) == [cls for cls in registry.classes if cls in registry.values()]


def test_a_grid_and_times_say_what_they_are_for() -> None:
    @sfumato.register
    class Halving(UniformGrid):
        kind: Literal["halving"] = "halving"  # type: ignore[assignment]
        for_tokens: ClassVar[bool] = False

    @sfumato.register
    class Late(LogitNormal):
        kind: Literal["late"] = "late"  # type: ignore[assignment]
        for_tokens: ClassVar[bool] = True

    assert TypeAdapter(AnyGrid).validate_python({"kind": "halving"}) == Halving()
    assert Heun(grid=Halving()).grid == Halving()
    with pytest.raises(ValidationError, match="'halving'"):
        TypeAdapter(AnyTokenGrid).validate_python({"kind": "halving"})
    for annotation in (AnyTimes, AnyTokenTimes):
        assert TypeAdapter(annotation).validate_python({"kind": "late"}) == Late()


def test_a_registered_schedule_can_be_shifted_and_a_shifted_one_cannot() -> None:
    sfumato.register(Square)
    shifted = Shifted.model_validate({"base": {"kind": "square"}, "shift": 2.0})
    t = torch.tensor([0.2, 0.7], dtype=torch.float64)
    ratio = [sigma / alpha for alpha, sigma in (shifted.coefficients(t), Square().coefficients(t))]
    torch.testing.assert_close(ratio[0], 2 * ratio[1])
    with pytest.raises(ValidationError, match="'shifted'"):
        Shifted(base=shifted, shift=2.0)


def test_a_registered_rule_is_guidance_by_name() -> None:
    with pytest.raises(SettingError, match="no guidance 'tripled'"):
        guidance_named("tripled", None)
    sfumato.register(Tripled)
    assert guidance_named("tripled", None).rule == Tripled()


# From end to end ----------------------------------------------------------------------------------


def evaluations(run: sfumato.Run) -> list[int]:
    """A list that grows with every evaluation of the network."""
    found: list[int] = []
    run.denoiser.register_forward_pre_hook(lambda *_: found.append(1))
    return found


def test_a_sampler_works_from_the_first_call_to_like(runs: Runs, tmp_path: Path) -> None:
    sfumato.register(Euler)
    run = open_run(runs("unet"))
    made = run.sample(3, seed=5, steps=4, sampler=Euler())
    # DDIM without noise is the same step.
    same = run.sample(3, seed=5, steps=4, sampler=DDIM())
    apart = np.abs(made.items.astype(int) - same.items.astype(int))
    assert apart.max() <= 1
    *_, path = made.save(tmp_path / "out")
    again = open_run(run.directory.root).like(path)
    assert np.array_equal(again.items[0], made.items[2])


def test_a_sampler_is_found_by_name_in_this_process(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    sfumato.register(Euler)
    run = open_run(runs("unet"))
    main(["sample", "unet", "-n", "1", "--steps", "3", "--sampler", "euler", "--out", "by-name"])
    again = run.like("by-name/00000.png")
    by_class = run.sample(1, steps=3, sampler=Euler(), batch=1)
    assert np.array_equal(again.items, by_class.items)
    capsys.readouterr()
    main(["samplers", "--json"])
    assert Euler.summary in capsys.readouterr().out


def test_a_file_whose_sampler_is_not_registered_is_refused(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(runs("unet"))
    with monkeypatch.context() as patch:
        patch.setattr(SAMPLERS, "_classes", dict(SAMPLERS._classes))
        sfumato.register(Euler)
        (path,) = run.sample(1, steps=2, sampler=Euler()).save(tmp_path / "out")
    with pytest.raises(DataError, match="'euler'"):
        run.like(path)


@pytest.mark.parametrize(
    ("sampler", "words"),
    [
        (Euler(), r"sampler Euler is not registered(.|\n)*sfumato\.register\(Euler\)"),
        (Bridge(), "Bridge cannot be used as the sampler here"),
        ("eulr", "There is no sampler 'eulr'"),
        (5, "sampler cannot be 5"),
    ],
)
def test_what_cannot_sample_images_is_refused_before_any_evaluation(
    finished_runs: Path, sampler: Any, words: str
) -> None:
    run = open_run(finished_runs / "unet")
    counted = evaluations(run)
    with pytest.raises(SettingError, match=words):
        run.sample(1, sampler=sampler)
    assert not counted


@pytest.mark.parametrize(
    ("sampler", "words"),
    [
        (Lifting(), r"sampler of text Lifting is not registered(.|\n)*sfumato\.register\(Lifting"),
        (Heun(), "Heun cannot be used as the sampler of text here"),
        (SAMPLERS["ancestral"](), "did you mean 'ancestral'"),
    ],
)
def test_what_cannot_sample_texts_is_refused_before_any_evaluation(
    finished_texts: Path, sampler: Any, words: str
) -> None:
    run = open_run(finished_texts / "prose")
    counted = evaluations(run)
    with pytest.raises(SettingError, match=words):
        run.sample(1, sampler=sampler)
    with pytest.raises(SettingError, match=words):
        run.fill("the sea ____ blue", sampler=sampler)
    assert not counted


def test_a_token_sampler_works_from_the_first_call_to_like(
    finished_texts: Path, tmp_path: Path
) -> None:
    assert issubclass(Lifting, TokenSampler)
    sfumato.register(Lifting)
    run = open_run(finished_texts / "prose")
    made = run.sample(2, steps=6, sampler=Lifting())
    assert list(made) == list(run.sample(2, steps=6, sampler="ancestral"))
    (path,) = made.save(tmp_path / "out")
    assert run.like(f"{path}:2")[0] == made[1]


OWN = (
    "medium.size=16",
    "schedule.kind=square",
    "objective.weighting.kind=scaled",
    "objective.weighting.factor_of=3",
    "backbone.kind=convolutions",
    "backbone.width=6",
    "engine.optimizer.kind=gradient",
    "engine.optimizer.lr=0.02",
    "engine.batch=4",
    "engine.threads=1",
    "engine.preview_minutes=null",
    "engine.progress_seconds=0",
    "sampling.steps=3",
    "sampling.sampler.kind=euler",
)


@pytest.fixture
def own_run(pictures: Path, tmp_path: Path) -> sfumato.Run:
    for cls in (Euler, Square, Scaled, ConvolutionSpec, Gradient):
        sfumato.register(cls)
    return sfumato.train(pictures, name="own", steps=2, settings=OWN, root=tmp_path)


def test_registered_parts_train_resume_and_sample(own_run: sfumato.Run) -> None:
    recipe = json.loads(own_run.directory.spec.read_text())["recipe"]
    assert recipe["schedule"] == {"kind": "square"}
    weighting = {"kind": "scaled", "factor_of": 3.0}
    assert recipe["objective"] == {"kind": "regression", "weighting": weighting}
    assert recipe["backbone"] == {"axes": 2, "kind": "convolutions", "width": 6}
    assert recipe["engine"]["optimizer"] == {"kind": "gradient", "lr": 0.02}
    assert own_run.resume(steps=4).info()["step"] == 4
    again = open_run(own_run.directory.root)
    assert again.info()["backbone"] == "convolutions"
    made = again.sample(2)
    assert made.provenance[0].sampler.kind == "euler"


@pytest.mark.parametrize("medium", ["image", "text"])
def test_a_registered_objective_is_what_is_trained(
    medium: str,
    pictures: Path,
    prose: Path,
    tiny: tuple[str, ...],
    tiny_text: tuple[str, ...],
    tmp_path: Path,
) -> None:
    source, settings = (pictures, tiny) if medium == "image" else (prose, tiny_text)
    settings = (*settings, "engine.progress_seconds=0")
    sfumato.register(Doubled)
    sfumato.register(DoubledBound)
    runs = [
        sfumato.train(source, name=name, steps=2, settings=(*settings, *more), root=tmp_path)
        for name, more in (("plain", ()), ("doubled", ("objective.kind=doubled",)))
    ]
    logs = [
        [json.loads(line) for line in (run.directory.root / "log.jsonl").read_text().splitlines()]
        for run in runs
    ]
    # The first batch meets the same weights; the second meets others.
    first, second = (next(line["loss"] for line in log if line.get("step") == 1) for log in logs)
    assert second == 2 * first
    spec = json.loads(runs[1].directory.spec.read_text())
    assert spec["recipe"]["objective"] == {"kind": "doubled"}
    assert runs[1].resume(steps=3).info()["step"] == 3


def test_a_run_whose_parts_are_not_registered_says_so(
    own_run: sfumato.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for registry in REGISTRIES:
        monkeypatch.setattr(
            registry,
            "_classes",
            {k: v for k, v in registry._classes.items() if v.__module__ != __name__},
        )
    with pytest.raises(DamagedFile, match=r"expected tags(.|\n)*sfumato\.register"):
        open_run(own_run.directory.root)


def test_a_setting_names_a_kind_that_is_not_registered(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"'schedule.kind' cannot be \"square\""):
        sfumato.train(pictures, steps=2, settings=["schedule.kind=square"], root=tmp_path)


def test_parts_have_one_base() -> None:
    for part in (Linear(), LinearKeep(), V(), Wiener(), AdamWSpec()):
        assert isinstance(part, Part)
