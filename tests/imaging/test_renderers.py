from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sfumato
from sfumato.errors import MissingExtra
from sfumato.imaging import renderers
from sfumato.imaging.renderers import render

pytest.importorskip("resvg_py")

_XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
RED = f'<svg {_XMLNS} viewBox="0 0 9 9"><rect width="9" height="9" fill="#f00"/></svg>'
# Noise and a wide blur, many times: minutes of work.
_SLOW = "".join(
    [
        f'<svg {_XMLNS} viewBox="0 0 9 9"><filter id="f">',
        '<feTurbulence baseFrequency="0.05" numOctaves="9"/></filter>',
        '<rect width="9" height="9" filter="url(#f)"/>' * 20_000,
        "</svg>",
    ]
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code without a file, as `python -c` does."""
    environment = {**os.environ, "PYTHONPATH": str(Path(sfumato.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def test_a_picture_from_many_threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda side: render(RED, side, side), [8] * 20))
    assert len(set(pictures)) == 1
    assert pictures[0].startswith(b"\x89PNG")


def test_a_drawing_that_takes_all_the_memory_costs_itself_alone() -> None:
    with pytest.raises(ValueError, match="ran out of memory"):
        render(RED, 30_000, 30_000)
    assert render(RED, 8, 8)


def test_a_drawing_that_takes_too_long_costs_itself_alone() -> None:
    with pytest.raises(ValueError, match=r"took longer than 0\.2 s"):
        render(_SLOW, 500, 500, seconds=0.2)
    assert render(RED, 8, 8)


def test_a_renderer_that_died_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "_POOL", renderers._Pool())
    render(RED, 8, 8)
    process = renderers._POOL.take(renderers.MEMORY, renderers.SECONDS)
    process._process.send_signal(signal.SIGSEGV)
    renderers._POOL.give(process)
    assert render(RED, 8, 8)
    renderers._POOL.close()


def test_a_renderer_that_always_crashes_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "svg_child.py").write_text(
        "import os, signal, sys\nsys.stdin.buffer.read(12)\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    monkeypatch.setattr(renderers, "__file__", str(tmp_path / "renderers.py"))
    monkeypatch.setattr(renderers, "_POOL", renderers._Pool())
    with pytest.raises(ValueError, match=r"crashed on it \(SIGSEGV\)"):
        render(RED, 8, 8)


def test_a_renderer_that_is_ended_from_outside_is_no_fault_of_the_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the drawing is tried again later."""
    (tmp_path / "svg_child.py").write_text(
        "import os, signal, sys\nsys.stdin.buffer.read(12)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.setattr(renderers, "__file__", str(tmp_path / "renderers.py"))
    monkeypatch.setattr(renderers, "_POOL", renderers._Pool())
    with pytest.raises(OSError, match="ended from outside") as caught:
        render(RED, 8, 8)
    assert caught.value.errno is not None


def test_a_package_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderers, "renderer", lambda: str(tmp_path))
    monkeypatch.setattr(renderers, "_POOL", renderers._Pool())
    with pytest.raises(MissingExtra):
        render(RED, 8, 8)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_renderer_gets_no_secrets_and_can_open_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    monkeypatch.setattr(renderers, "_POOL", renderers._Pool())
    render(RED, 8, 8)
    process = renderers._POOL.take(renderers.MEMORY, renderers.SECONDS)
    place = Path("/proc", str(process._process.pid))
    assert b"SECRET" not in (place / "environ").read_bytes()
    assert (place / "cwd").readlink() == Path("/")
    assert "Max open files            3" in (place / "limits").read_text()
    assert sorted(file.name for file in (place / "fd").iterdir()) == ["0", "1", "2"]
    process.close()


def test_a_renderer_reads_no_file_even_if_it_is_asked_to(tmp_path: Path) -> None:
    """The check of the drawing is passed by here: this is the second wall."""
    from PIL import Image

    Image.new("RGB", (9, 9), "#0f0").save(tmp_path / "a.png")
    head = f'<svg {_XMLNS} viewBox="0 0 9 9">'
    text = f'{head}<image href="{tmp_path}/a.png" width="9" height="9"/></svg>'
    empty = f"{head}</svg>"
    assert render(text, 9, 9) == render(empty, 9, 9)


def test_without_a_guard_and_without_a_file() -> None:
    done = python(
        f"from sfumato.imaging.renderers import render\nprint(len(render({RED!r}, 8, 8)) > 50)"
    )
    assert done.stdout == "True\n", done.stderr
    assert not done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_renderers_of_its_own() -> None:
    done = python(
        "import os, warnings; warnings.simplefilter('ignore')\n"
        "from sfumato.imaging.renderers import render\n"
        f"render({RED!r}, 8, 8); child = os.fork(); render({RED!r}, 8, 8)\n"
        "status = os.waitpid(child, 0)[1] if child else 0\n"
        "print('parent' if child else 'child', status, flush=True)"
    )
    assert sorted(done.stdout.split("\n")) == ["", "child 0", "parent 0"], done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_renderers_end_when_their_parent_is_killed() -> None:
    code = (
        "import os, signal\nfrom sfumato.imaging import renderers\n"
        f"renderers.render({RED!r}, 8, 8)\n"
        "one = renderers._POOL.take(renderers.MEMORY, renderers.SECONDS)\n"
        "print(one._process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = python(code)
    assert done.returncode == -signal.SIGKILL
    place = Path("/proc", done.stdout.strip())
    deadline = time.monotonic() + 10
    while _runs(place) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(place)


def _runs(place: Path) -> bool:
    try:
        return ") Z" not in (place / "stat").read_text()
    except OSError:
        return False


def test_an_idle_renderer_ends_and_is_replaced() -> None:
    process = renderers._POOL.take(renderers.MEMORY, renderers.SECONDS)
    assert process._process.stdin is not None
    process._process.stdin.close()
    assert process._process.wait(timeout=10) == 0
    renderers._POOL.give(process)
    assert render(RED, 8, 8)


def test_threads_end_with_the_pool_in_order() -> None:
    thread = threading.Thread(target=lambda: render(RED, 8, 8))
    thread.start()
    thread.join()
    renderers._POOL.close()
    assert render(RED, 8, 8)
