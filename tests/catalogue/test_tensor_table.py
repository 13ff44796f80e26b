from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from sfumato.catalogue import assets
from sfumato.catalogue.assets import as_safetensors

HEADINGS = "tensor\toffset\tshape\tstrides\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tables are looked for."""
    monkeypatch.setattr(assets.resources, "files", lambda package: tmp_path)
    return tmp_path


def test_numbers_are_taken_from_where_the_table_says(folder: Path) -> None:
    matrix = np.arange(6, dtype="<f4").reshape(2, 3)
    data = b"junk!" + matrix.tobytes() + b"more" + np.float32([7, 8]).tobytes()
    rows = ["rows\t5\t2 3\t3 1", "columns\t5\t3 2\t1 3", "last\t33\t2\t1"]
    (folder / "t.tsv").write_text(HEADINGS + "\n".join(rows) + "\n")
    found = load(as_safetensors(data, "t.tsv"))
    assert found.keys() == {"rows", "columns", "last"}
    assert (found["rows"] == matrix).all()
    assert (found["columns"] == matrix.T).all()
    assert found["last"].tolist() == [7, 8]


@pytest.mark.parametrize("row", ["a\t0\t5\t1", "a\t12\t2\t1", "a\t99\t1\t1", "a\t0\t2\t4"])
def test_a_short_file(folder: Path, row: str) -> None:
    (folder / "t.tsv").write_text(HEADINGS + row + "\n")
    with pytest.raises(ValueError, match="before the end of 'a'"):
        as_safetensors(bytes(16), "t.tsv")


def test_the_tensors_of_the_network_lie_side_by_side() -> None:
    # Of the file that is pinned, this is the size.
    data = bytes(18_826_032)
    table = Path(assets.__file__).with_name("efficientnet-lite0.tsv").read_text()
    found = load(as_safetensors(data, "efficientnet-lite0.tsv"))
    places = []
    for line in table.splitlines()[1:]:
        name, offset, shape, strides = line.split("\t")
        sizes = [int(size) for size in shape.split()]
        assert found[name].shape == tuple(sizes)
        # Strides that reach each entry of a dense block once.
        step = 1
        for stride, size in sorted(zip(map(int, strides.split()), sizes, strict=True)):
            assert stride == step or size == 1
            step *= size
        places.append((int(offset), int(offset) + 4 * step))
    places.sort()
    # Between two tensors there are at least the 8 bytes of a count.
    assert all(end + 8 <= start for (_, end), (start, _) in itertools.pairwise(places))
    assert len(places) == 245
