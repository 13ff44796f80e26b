"""Keyword arguments from classes of options: types, signatures and help."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from sfumato.errors import SettingError
from sfumato.model import options
from sfumato.model.keywords import argument_and_keywords, converted, help_of, keywords
from sfumato.model.options import (
    CompareOptions,
    FillOptions,
    Options,
    Part,
    SampleOptions,
    ScoreOptions,
    TrainOptions,
)
from sfumato.sampling import Heun

KINDS = [kind for kind in vars(options).values() if inspect.isclass(kind)
         and issubclass(kind, Options) and kind is not Options]  # fmt: skip


class Verbs:
    @keywords(SampleOptions)
    def sample(self, options: SampleOptions) -> SampleOptions:
        """Make samples.

        Returns:
            The samples.
        """
        return options

    @argument_and_keywords(FillOptions)
    def fill(self, text: str, options: FillOptions) -> tuple[str, FillOptions]:
        """Fill gaps.

        Args:
            text: The text.
        """
        return text, options

    @argument_and_keywords(ScoreOptions)
    def score(self, files: Any, options: ScoreOptions) -> tuple[Any, ScoreOptions]:
        """Score files."""
        return files, options


class TestConverted:
    @pytest.mark.parametrize(
        ("value", "annotation", "expected"),
        [
            (np.int64(7), int, 7),
            (torch.tensor(7), int, 7),
            (7, float, 7.0),
            (np.float64(0.5), float | None, 0.5),
            (np.bool_(True), bool, True),
            (7, str | None, "7"),
            (np.int32(7), str, "7"),
            (Path("a/b"), str | None, "a/b"),
            (Path("a/b"), str | Path | None, Path("a/b")),
            ("a/b", str | Path | None, "a/b"),
            (None, int | None, None),
            ([0, 1], tuple[float, float] | None, (0.0, 1.0)),
            (np.array([0.25, 0.75]), tuple[float, float], (0.25, 0.75)),
            ((2, 5), int | str | tuple[int, int], (2, 5)),
            ([1, np.int64(2)], Iterable[int], (1, 2)),
            (5, Iterable[int], (5,)),
            ("eye.onnx", Iterable[Any], ("eye.onnx",)),
            ("a=1", Mapping[str, object] | Iterable[str], ("a=1",)),
            ({"a": 1}, Mapping[str, object] | Iterable[str], {"a": 1}),
            ("ode", Literal["bound", "ode"], "ode"),
            (Heun(), str | Part | None, Heun()),
        ],
    )
    def test_values_that_fit(self, value: object, annotation: Any, expected: object) -> None:
        found = converted("label", value, annotation)
        assert type(found) is type(expected)
        assert found == expected

    @pytest.mark.parametrize(
        ("value", "annotation", "words"),
        [
            (2.5, int | None, "x cannot be 2.5.\nwhy: it should be a whole number"),
            (True, int, "x cannot be True"),
            ("3", int, "x cannot be '3'"),
            ("3", float, "it should be a number"),
            (1, bool, "it should be True or False"),
            (None, str, "x cannot be None"),
            (True, str, "it should be text"),
            (5, str, "it should be text"),
            (5, str | Path, "it should be text or a path"),
            (float("nan"), float | None, "it should be a finite number"),
            (np.float32("inf"), float, "it should be a finite number"),
            ("", str | None, "x is empty"),
            (" ", str | None, "x is empty"),
            ([5], Iterable[str], "a sequence"),
            ([1], str, "it should be text"),
            ((1,), tuple[float, float] | None, "2 values, each a number"),
            ("ab", tuple[float, float], "2 values"),
            (["a"], Iterable[int], "a sequence"),
            ("odd", Literal["bound", "ode"], "hint: did you mean 'ode'"),
            (3, Literal["bound", "ode"], "it should be one of bound, ode"),
            (Heun, str | Part | None, "a configured object"),
            ({"a": 1}, Iterable[str], "a sequence"),
            (np.zeros((300, 300)), int, "..."),
        ],
    )
    def test_values_that_do_not_fit(self, value: object, annotation: Any, words: str) -> None:
        with pytest.raises(SettingError) as caught:
            converted("x", value, annotation)
        assert words in str(caught.value)
        assert len(str(caught.value).splitlines()) <= 3

    def test_options_are_checked_when_they_are_made(self) -> None:
        assert SampleOptions(np.int64(3), label=7) == SampleOptions(3, label="7")  # type: ignore[arg-type]
        assert TrainOptions(settings=["a=1"]).settings == ("a=1",)
        with pytest.raises(SettingError, match="seed cannot be '1'"):
            CompareOptions(seed="1")  # type: ignore[arg-type]


class TestMethods:
    def test_they_take_the_options_as_arguments(self) -> None:
        verbs = Verbs()
        assert verbs.sample() == SampleOptions()
        assert verbs.sample(4, seed=2) == SampleOptions(4, seed=2)
        assert verbs.fill("a ____", 3, steps=4) == ("a ____", FillOptions(3, steps=4))
        assert verbs.fill(text="a ____", n=3) == ("a ____", FillOptions(3))  # type: ignore[call-arg]

    def test_more_positions_than_options_join_the_first_argument(self) -> None:
        verbs: Any = Verbs()
        assert verbs.score("a", seed=1) == ("a", ScoreOptions(seed=1))
        assert verbs.score(["a", "b"]) == (["a", "b"], ScoreOptions())
        assert verbs.score("a", "b", seed=1) == (("a", "b"), ScoreOptions(seed=1))
        assert verbs.score() == ((), ScoreOptions())

    @pytest.mark.parametrize(
        ("args", "kwargs", "words"),
        [
            ((), {"lable": "cat"}, "no option 'lable'.\nhint: did you mean 'label'"),
            ((), {"_": 1}, "no option '_'"),
            ((4, 2), {}, "which option 2 is for"),
            ((4,), {"n": 4}, "'n' is given twice"),
            ((), {"n": "4"}, "n cannot be '4'"),
        ],
    )
    def test_wrong_arguments(self, args: tuple[Any, ...], kwargs: Any, words: str) -> None:
        with pytest.raises(SettingError) as caught:
            Verbs().sample(*args, **kwargs)
        assert words in str(caught.value)

    def test_a_missing_argument(self) -> None:
        with pytest.raises(SettingError, match="fill needs an argument 'text'"):
            Verbs().fill()  # type: ignore[call-arg]

    def test_their_signature_is_that_of_the_options(self) -> None:
        found = inspect.signature(Verbs().sample)
        assert found.parameters == inspect.signature(SampleOptions).parameters
        assert found.return_annotation == "SampleOptions"
        assert list(inspect.signature(Verbs.fill).parameters)[:3] == ["self", "text", "n"]
        assert "options" not in Verbs.sample.__annotations__

    def test_their_docstring_has_the_options_among_the_arguments(self) -> None:
        doc = inspect.getdoc(Verbs.sample) or ""
        seed = help_of(SampleOptions)["seed"]
        assert doc.startswith("Make samples.\n\nArgs:\n    n: ")
        assert f"\n    seed: {seed}\n" in doc
        assert doc.endswith("\n\nReturns:\n    The samples.")
        doc = inspect.getdoc(Verbs.fill) or ""
        assert "\n\nArgs:\n    text: The text.\n    n: " in doc
        assert doc.count("Args:") == 1


class TestHelp:
    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
    def test_every_option_has_whole_sentences(self, kind: Any) -> None:
        assert set(help_of(kind)) == {field.name for field in fields(kind)}
        assert all(text.endswith(".") and "  " not in text for text in help_of(kind).values())

    def test_those_of_a_subclass_come_after_those_of_its_base(self) -> None:
        @dataclass(frozen=True)
        class Longer(ScoreOptions):
            """More.

            Attributes:
                root: A folder,
                    in two lines.
            """

            _: KW_ONLY
            root: str = "runs"

        assert list(help_of(Longer)) == [*help_of(ScoreOptions), "root"]
        assert help_of(Longer)["root"] == "A folder, in two lines."
