from __future__ import annotations

from sfumato.conditioning.condition import DIGEST, digest_of


def test_a_digest_is_of_names_values_and_order() -> None:
    values = [("a.png", ("a kite",)), ("b.png", None)]
    found = digest_of(values)
    assert len(found) == DIGEST
    assert digest_of(values) == found
    others = ([*values[::-1]], values[:1], [("a.png", ("a", "kite")), ("b.png", None)])
    assert len({found, *map(digest_of, others)}) == 4


def test_a_digest_takes_any_text() -> None:
    assert digest_of([("\ud800.png", "\ud800")]) != digest_of([("\ud801.png", "\ud801")])
