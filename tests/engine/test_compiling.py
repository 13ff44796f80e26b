"""Compiling: what is compiled, when, and what becomes of a compiler that fails."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sfumato.engine import compiling
from sfumato.engine.compiling import choose_compile, compile_parts, compiled_parts, eager, twin
from sfumato.errors import SettingError

CPU = torch.device("cpu")


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "cpp_compiler", lambda: "/bin/c++")
    monkeypatch.setattr(compiling, "trial", lambda device: "")


def blocks(count: int, *widths: int) -> nn.Module:
    sizes = widths or (4,) * count
    return nn.Sequential(nn.Linear(4, 4), nn.ModuleList(nn.Linear(4, size) for size in sizes))


def test_blocks_that_are_alike_are_the_parts() -> None:
    module = blocks(5)
    assert compiled_parts(module) == list(module[1])
    assert compiling.is_repeated(module)


@pytest.mark.parametrize("module", [blocks(2), blocks(3, 4, 4, 5), nn.Linear(2, 2)])
def test_else_the_whole_is(module: nn.Module) -> None:
    assert compiled_parts(module) == [module]
    assert not compiling.is_repeated(module)


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize(
    ("minutes", "repeated", "choice"),
    [
        (60, False, "on"),
        (10, False, "off"),
        (10, True, "on"),
        (1, True, "off"),
        (None, True, "off"),
    ],
)
def test_it_is_chosen_where_the_run_repays_it(
    minutes: float | None, repeated: bool, choice: str
) -> None:
    assert choose_compile("auto", CPU, minutes, repeated).choice == choice
    assert choose_compile("on", CPU, minutes, repeated).choice == "on"
    assert choose_compile("off", CPU, minutes, repeated).choice == "off"


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("broken", ["none", "fails"])
def test_without_a_compiler_that_works_it_is_off_or_an_error(
    monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    if broken == "none":
        monkeypatch.setattr(compiling, "cpp_compiler", lambda: None)
    else:
        monkeypatch.setattr(compiling, "trial", lambda device: "a trial failed: no Python.h")
    decision = choose_compile("auto", CPU, 300, True)
    assert decision.choice == "off" and (
        "compiler" in decision.reason or "Python.h" in str(decision)
    )
    with pytest.raises(SettingError, match="compile = on"):
        choose_compile("on", CPU, 300, True)


def test_a_trial_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(function: object) -> object:
        raise RuntimeError("fatal error: Python.h: No such file\nand more")

    monkeypatch.setattr(torch, "compile", broken)
    compiling.trial.cache_clear()
    assert compiling.trial(CPU) == "a trial failed: fatal error: Python.h: No such file and more"
    compiling.trial.cache_clear()


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.linear(x).sin()


def test_compiled_parts_compute_the_same_and_can_be_told_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def counted(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        calls.append(graph)
        return graph.forward

    module = nn.ModuleList(Block() for _ in range(3))
    x = torch.randn(2, 4)
    expected = [part(x) for part in module]
    real = nn.Module.compile
    monkeypatch.setattr(
        nn.Module, "compile", lambda self, **how: real(self, backend=counted, **how)
    )
    compile_parts(module)
    with eager():
        torch.testing.assert_close([part(x) for part in module], expected, rtol=0, atol=0)
    assert not calls
    torch.testing.assert_close([part(x) for part in module], expected)
    assert len(calls) == 1  # the first speaks for all


def test_a_twin_has_the_same_weights_and_is_compiled_alone() -> None:
    module = nn.ModuleList(Block() for _ in range(3))
    module.register_buffer("shift", torch.zeros(1))
    other = twin(module)
    for one, same in zip(module.state_dict().values(), other.state_dict().values(), strict=True):
        assert one.data_ptr() == same.data_ptr()
    compile_parts(other, dynamic=False)
    assert all(part._compiled_call_impl is None for part in module)
    assert all(part._compiled_call_impl is not None for part in other)
