"""The example of docs/trainer.md runs, and resumes to the same bits after a kill."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/trainer.md"
STEPS = 40


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)


def shortened(code: str, *changes: tuple[str, str]) -> str:
    """The code with fewer steps, and with other changes."""
    fewer = ("steps=5000", f"steps={STEPS}"), ("save_steps=1000", "save_steps=10")
    for old, new in (*fewer, *changes):
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    return code


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=120
    )


def tensors(folder: Path) -> dict[str, bytes]:
    checkpoint = folder / f"checkpoints/step-{STEPS:07d}"
    return {path.name: path.read_bytes() for path in checkpoint.glob("*.safetensors")}


def test_the_example_resumes_to_the_same_bits(tmp_path: Path) -> None:
    example, _ = blocks()
    whole = run(shortened(example), tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    assert f"done: {STEPS} steps" in whole.stdout

    killing = shortened(
        example,
        ("batch=256,", "batch=256, progress_seconds=0,"),
        ("display.show(event)", "event.step < 25 or os.kill(os.getpid(), 9)"),
        ("import sys\n", "import os\nimport sys\n"),
    )
    assert run(killing, tmp_path / "cut").returncode == -signal.SIGKILL
    resumed = run(shortened(example), tmp_path / "cut")
    assert "resuming at step 20" in resumed.stdout
    assert len(tensors(tmp_path / "whole")) == 3
    assert tensors(tmp_path / "cut") == tensors(tmp_path / "whole")


def test_the_watch_measures(tmp_path: Path) -> None:
    example, watch = blocks()
    assert watch.count("steps=6000") == 1
    code = shortened(example) + watch.replace("steps=6000", f"steps={STEPS + 20}")
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("held-out loss")]
    assert 0 < float(line.split()[-1]) < 10
