"""Kernels from files: arrays of NumPy and pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from sfumato.errors import DataError
from sfumato.restoration import Kernel, kernel_from

VALUES = np.array([[0, 64, 0], [64, 255, 32], [0, 16, 0]])


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, np.float64])
def test_an_array_is_a_kernel(tmp_path, kind):
    np.save(tmp_path / "kernel.npy", VALUES.astype(kind))
    kernel = kernel_from(tmp_path / "kernel.npy", "wrap")
    assert kernel.border == "wrap"
    torch.testing.assert_close(kernel.taps(2), torch.from_numpy(VALUES / VALUES.sum()))


@pytest.mark.parametrize("name", ["kernel.png", "kernel.bmp", "kernel.tif"])
def test_a_picture_is_a_kernel(tmp_path, name):
    Image.fromarray(VALUES.astype(np.uint8)).save(tmp_path / name)
    assert kernel_from(str(tmp_path / name)) == Kernel.of(VALUES)


def test_an_array_with_one_axis_is_a_kernel_for_sounds(tmp_path):
    np.save(tmp_path / "kernel.npy", np.ones(4))
    assert kernel_from(tmp_path / "kernel.npy").taps(1).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("a.npy", lambda f: np.save(f, np.ones((100, 100))), "at most 4,096 values"),
        ("a.npy", lambda f: np.save(f, np.ones((2, 2, 2))), "one or two axes"),
        ("a.npy", lambda f: np.save(f, np.zeros((3, 3))), "sum is not positive"),
        ("a.npy", lambda f: np.save(f, np.full((3, 3), np.nan)), "not finite"),
        ("a.npy", lambda f: np.save(f, np.array(["a", "b"])), "not an array of real numbers"),
        ("a.npy", lambda f: np.save(f, np.array([{}], object), allow_pickle=True), "."),
        ("a.npy", lambda f: np.savez(f.open("wb"), np.ones(3)), "not an array of real numbers"),
        ("a.npy", lambda f: f.write_bytes(b"nothing"), "."),
        ("a.png", lambda f: f.write_bytes(b"nothing"), "."),
        ("a.png", lambda f: Image.new("L", (70, 70), 9).save(f), "at most 4,096 values"),
        ("a.png", lambda f: Image.new("L", (7, 7), 0).save(f), "sum is not positive"),
        ("a.png", lambda f: f.mkdir(), "folder"),
        ("a.png", lambda f: None, "no such file"),
    ],
)  # fmt: skip
def test_files_that_hold_no_kernel_are_refused(tmp_path, name, write, words):
    write(tmp_path / name)
    with pytest.raises(DataError, match=words) as error:
        kernel_from(tmp_path / name)
    assert name in error.value.what
