from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sfumato.errors import RunError, SettingError
from sfumato.evaluation.files import Compared, Evaluated, compare_runs, evaluate_run
from sfumato.evaluation.of import text as text_module
from sfumato.model.options import CompareOptions, EvaluateOptions
from sfumato.run import open_run
from sfumato.runs.progress import Progress

Runs = Callable[..., Path]
SMALL = EvaluateOptions(n=6, rows=3, draws=2)
NO_STEPS = CompareOptions(n=6, at=())


def evaluated(run: Path, asked: EvaluateOptions = SMALL, out: Path | None = None) -> Evaluated:
    *progress, last = evaluate_run(run, asked, out)
    assert progress
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(last, Evaluated)
    return last


def compared(first: Path, second: Path, steps: tuple[int, ...] = ()) -> Compared:
    *progress, last = compare_runs(first, second, CompareOptions(n=6, at=steps))
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(last, Compared)
    return last


class TestEvaluate:
    def test_a_report_tells_nothing_of_the_machine(self, runs: Runs, tmp_path: Path) -> None:
        run = runs("unet")
        (run / "evaluation/.partial-report-0123456789abcdef").mkdir(parents=True)
        found = evaluated(run)
        source = open_run(run).info()["data"]
        assert Path(source).is_absolute()
        for path in (found.path, found.page):
            content = path.read_text()
            assert source not in content
            assert str(tmp_path) not in content
            assert Path(source).name in content
        names = sorted(path.name for path in (run / "evaluation").iterdir())
        assert names == ["report.html", "report.json"]

    def test_a_report_is_json_and_a_page(self, runs: Runs) -> None:
        run = runs("unet")
        found = evaluated(run)
        assert (found.path, found.page) == (
            run / "evaluation/report.json", run / "evaluation/report.html",
        )  # fmt: skip
        stored = json.loads(found.path.read_text())
        assert stored == json.loads(json.dumps(found.report.to_json(), allow_nan=False))
        assert stored["format"] == 2
        page = found.page.read_text()
        assert page.startswith("<!doctype html>")
        assert "://" not in page.replace("http://www.w3.org", "")
        for section in found.report.sections:
            assert section.title in page

    def test_it_is_repeatable_and_goes_where_it_is_asked(self, runs: Runs, tmp_path: Path) -> None:
        run = runs("unet")
        out = tmp_path / "deep/report"
        first = evaluated(run, out=out)
        again = evaluated(run)
        assert first.path == out / "report.json"
        assert first.path.read_bytes() == again.path.read_bytes()
        assert first.page.read_bytes() == again.page.read_bytes()

    def test_a_file_is_no_folder(self, runs: Runs, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("mine")
        with pytest.raises(SettingError, match="is a file"):
            evaluated(runs("unet"), out=tmp_path / "taken")
        assert (tmp_path / "taken").read_text() == "mine"

    def test_from_python(self, runs: Runs) -> None:
        report = open_run(runs("unet")).evaluate(n=6, rows=3, draws=2)
        assert report == evaluated(Path("runs/unet")).report


class TestCompare:
    def test_two_networks_on_the_same_pictures(self, runs: Runs) -> None:
        first = runs("unet", "transformer")
        found = compared(first, Path("runs/transformer"), (1, 2))
        assert found.path == first / "evaluation/unet-transformer.json"
        stored = json.loads(found.path.read_text())
        keys = [row["key"] for row in stored["rows"]]
        assert "distance/random-features/held_out" in keys
        assert "likelihood/training" in keys
        page = found.page.read_text()
        assert "quality against steps" in page
        assert "unet" in page
        assert "transformer" in page

    def test_a_run_cannot_be_told_from_itself(self, runs: Runs) -> None:
        run = runs("unet")
        verdicts = {row.verdict for row in compared(run, run).comparison.rows}
        assert verdicts <= {"", "cannot be distinguished"}

    def test_other_data_are_refused_before_any_work(self, runs: Runs) -> None:
        with pytest.raises(RunError, match="cannot be compared"):
            next(compare_runs(runs("unet", "plain"), Path("runs/plain"), NO_STEPS))

    def test_another_medium_is_refused(
        self, runs: Runs, finished_texts: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(text_module, "asset_here", lambda name: None)
        with pytest.raises(
            RunError, match="the medium of one is image, and that of the other is text"
        ):
            next(compare_runs(runs("unet"), finished_texts / "prose", NO_STEPS))

    @pytest.mark.parametrize(("steps", "words"), [((0,), "steps cannot be 0"), ((3, 3), "once")])
    def test_steps_that_cannot_be(self, runs: Runs, steps: tuple[int, ...], words: str) -> None:
        options = CompareOptions(n=6, at=steps)
        with pytest.raises(SettingError, match=words):
            next(compare_runs(runs("unet", "transformer"), Path("runs/transformer"), options))
