"""Validity, uniqueness and novelty of generated molecules, with the optional package ``rdkit``."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sfumato.errors import MissingExtra


@dataclass(frozen=True)
class Molecules:
    """Shares in [0, 1], as defined by MOSES (Polykovskiy et al. 2020, arXiv:1811.12823).

    Attributes:
        count: The number of strings that were measured.
        valid: The share of the strings that are molecules with sensible valences and aromatic
            rings.
        unique: The number of different molecules as a share of the valid strings.
        novel: The share of the different molecules that are not in the training set.
    """

    count: int
    valid: float
    unique: float
    novel: float


def measure(generated: Sequence[str], training: Collection[str]) -> Molecules:
    """Measure generated SMILES strings.

    Args:
        generated: One string for each molecule.
        training: The training set in rdkit's canonical form; a set, for speed. Its strings are
            compared as they are, since canonicalising a million takes long: apply
            :func:`canonical` to a set in other forms. The strings of MOSES were written by an older
            rdkit, and a newer one writes about 1 in 10,000 differently, which can raise ``novel``
            by no more than that.

    Returns:
        The measures; a share of zero strings is 0.

    Raises:
        MissingExtra: rdkit is not installed.
    """
    forms = canonical(generated)
    valid = [form for form in forms if form is not None]
    different = set(valid)
    novel = sum(form not in training for form in different)
    return Molecules(
        count=len(forms),
        valid=len(valid) / max(len(forms), 1),
        unique=len(different) / max(len(valid), 1),
        novel=novel / max(len(different), 1),
    )


def canonical(smiles: Sequence[str]) -> list[str | None]:
    """The canonical form of every string; ``None`` for a string that is not a molecule.

    Empty strings are not molecules, nor are strings with white space, after which rdkit would read
    a name.

    Raises:
        MissingExtra: rdkit is not installed.
    """
    chemistry, base = _rdkit()
    with base.BlockLogs():
        return [_canonical(chemistry, one) for one in smiles]


def _canonical(chemistry: Any, smiles: str) -> str | None:
    if smiles.split() != [smiles]:
        return None
    molecule = chemistry.MolFromSmiles(smiles)
    return None if molecule is None else str(chemistry.MolToSmiles(molecule))


def _rdkit() -> tuple[Any, Any]:
    try:
        return importlib.import_module("rdkit.Chem"), importlib.import_module("rdkit.rdBase")
    except ImportError as error:
        raise MissingExtra("rdkit", "molecules", "Measuring molecules") from error
