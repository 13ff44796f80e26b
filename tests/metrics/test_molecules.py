from __future__ import annotations

import sys

import pytest

from sfumato.errors import MissingExtra
from sfumato.metrics.molecules import Molecules, canonical, measure

ETHANOL = ["CCO", "OCC", "C(O)C", "[CH3][CH2][OH]"]
BENZENE = ["c1ccccc1", "C1=CC=CC=C1"]
# An open ring, an open bracket, five bonds of carbon, an aromatic ring that cannot be, a word;
# nothing, white space, and a molecule with a name.
WRONG = ["C1CC", "C(C", "C(C)(C)(C)(C)C", "c1cccc1", "hello", "", " ", "CCO ethanol"]


def test_one_molecule_has_one_form() -> None:
    assert len(set(canonical(ETHANOL))) == len(set(canonical(BENZENE))) == 1
    assert set(canonical(ETHANOL)).isdisjoint(canonical(BENZENE))


def test_what_is_no_molecule(capfd: pytest.CaptureFixture[str]) -> None:
    assert canonical(WRONG) == [None] * len(WRONG)
    assert capfd.readouterr() == ("", "")


def test_the_measures_of_a_small_set() -> None:
    training = {form for form in canonical(["c1ccccc1", "CCCC"]) if form}
    generated = [*ETHANOL[:3], *BENZENE, "CC(=O)[O-]", *WRONG[:4]]
    # Six valid of ten; ethanol, benzene and acetate; benzene is known.
    assert measure(generated, training) == Molecules(10, 0.6, 0.5, 2 / 3)


def test_shares_of_nothing() -> None:
    assert measure([], set()) == Molecules(0, 0, 0, 0)
    assert measure(["C("], set()) == Molecules(1, 0, 0, 0)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdkit.Chem", None)
    with pytest.raises(MissingExtra, match="rdkit") as caught:
        canonical(["C"])
    assert "sfumato[molecules]" in caught.value.hint
