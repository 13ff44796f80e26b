"""What type checkers and editors see of the Python face; checked by mypy and never run.

An ``ignore`` that is not needed is an error of its own, so each marks a mistake that is found.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import sfumato
from sfumato.evaluation.compare import Comparison
from sfumato.evaluation.result import Report
from sfumato.evaluation.score import Scores
from sfumato.runs.tuned import Tuned
from sfumato.runs.verify import Verified
from sfumato.sampling import Heun
from sfumato.verbs.fill import Filled


def training() -> None:
    run = sfumato.train("images/", minutes=15, settings={"engine.batch": 32}, root="runs")
    assert_type(run, sfumato.Run)
    assert_type(sfumato.open("images-image", "best"), sfumato.Run)
    assert_type(run.resume(minutes=30), sfumato.Run)
    sfumato.train("images/", minute=15)  # type: ignore[call-arg]
    sfumato.train("images/", steps="many")  # type: ignore[arg-type]
    assert_type(sfumato.open_run("a"), sfumato.Run)
    sfumato.train("images/", from_run=Path("runs/a"))
    run.resume(data=Path("elsewhere"))
    run.resume(30)  # type: ignore[call-arg]


def sampling(run: sfumato.Run) -> None:
    samples = run.sample(16, seed=0, start=Path("a.png"), sampler=Heun(), interval=(0.1, 0.8))
    assert_type(samples, sfumato.Samples)
    assert_type(samples[:4], sfumato.Samples)
    assert_type(samples.save("out/", format="flac"), list[Path])
    assert_type(run.like("out/00000.png"), sfumato.Samples)
    run.sample(lable="cat")  # type: ignore[call-arg]
    run.sample(4, 0)  # type: ignore[call-arg]
    run.sample(n="4")  # type: ignore[arg-type]
    run.sample(sampler=3)  # type: ignore[arg-type]


def filling(run: sfumato.Run) -> None:
    assert_type(run.fill("to be ____", 3, length=(2, 5)), list[Filled])
    run.fill("to be ____", pattern=r"[a-z]+", words=["not", "or"], particles=4)
    run.fill()  # type: ignore[call-arg]
    run.fill("to be ____", steps=4, candidate=8)  # type: ignore[call-arg]


def measuring(run: sfumato.Run, other: sfumato.Run) -> None:
    assert_type(run.evaluate(n=1000, extractors=["efficientnet-lite0"]), Report)
    assert_type(run.compare(other, 100, at=[5, 10]), Comparison)
    assert_type(run.compare("other"), Comparison)
    assert_type(run.score(["a.png", Path("folder")], method="ode"), Scores)
    assert_type(run.tune(5, rounds=2), Tuned)
    run.evaluate(extractor="eye.onnx")  # type: ignore[call-arg]
    run.compare()  # type: ignore[call-arg]
    run.score("a.png", method="odd")  # type: ignore[arg-type]
    run.tune(round=2)  # type: ignore[call-arg]


def looking(run: sfumato.Run) -> None:
    assert_type(run.name, str)
    assert_type(run.info(), dict[str, Any])
    assert_type(run.verify(), Verified)
