from __future__ import annotations

import hashlib

import torch

from sfumato.metrics.identity import identity_of, identity_of_bytes


def test_all_that_counts_changes_it() -> None:
    a, b = torch.arange(4.0), torch.arange(4.0) + 1
    found = [
        identity_of("x", {}),
        identity_of("y", {}),
        identity_of("x", {"a": a}),
        identity_of("x", {"b": a}),
        identity_of("x", {"a": b}),
        identity_of("x", {"a": a.reshape(2, 2)}),
        identity_of("x", {"a": a.view(torch.int32)}),
        identity_of("x", {"a": a[:2], "b": a[2:]}),
        identity_of("x", {"a": a[:1], "b": a[1:]}),
        identity_of("x", {"a": torch.tensor(True)}),
    ]
    assert len(set(found)) == len(found)
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in found)


def test_order_and_layout_do_not() -> None:
    a, b = torch.randn(3, 4), torch.randn(2)
    assert identity_of("x", {"a": a, "b": b}) == identity_of("x", {"b": b, "a": a})
    assert identity_of("x", {"a": a.T.contiguous().T}) == identity_of("x", {"a": a})


def test_bytes() -> None:
    whole = hashlib.sha256(b"x\0data").hexdigest()
    assert identity_of_bytes("x", b"data") == whole[:16]
