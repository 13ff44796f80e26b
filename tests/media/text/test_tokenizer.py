from __future__ import annotations

import json
import sys

import pytest

from sfumato.errors import DamagedFile, MissingExtra
from sfumato.media.text.settings import TextSettings
from sfumato.media.text.tokenizer import BPETokenizer
from sfumato.media.text.tokens import require_extra, tokenizer_from_json


def test_frequent_runs_become_one_token() -> None:
    tokenizer = BPETokenizer.learn(["banana banana banana band"], 256 + 6)
    assert tokenizer.size <= 262
    assert len(tokenizer.encode(" banana")) == 1
    assert len(tokenizer.encode("xyz")) == 3


def test_pieces_may_run_across_signs_but_not_across_lines() -> None:
    molecules = ["CC(=O)N\nCC(=O)N\n"] * 9
    within = BPETokenizer.learn(molecules, 256 + 20)
    across = BPETokenizer.learn(molecules, 256 + 20, across_words=True)
    assert len(across.encode("CC(=O)N")) == 1 < len(within.encode("CC(=O)N"))
    assert len(across.encode("CC(=O)N\nCC(=O)N")) == 3


def test_learning_is_repeatable() -> None:
    texts = ["the cat sat on the mat", "the dog sat on the log"] * 5
    one, other = (BPETokenizer.learn(iter(texts), 300) for _ in range(2))
    assert one.to_json() == other.to_json()


def test_the_smallest_vocabulary_is_the_bytes() -> None:
    tokenizer = BPETokenizer.learn(["banana"] * 9, 256)
    assert tokenizer.size == 256
    assert len(tokenizer.encode("é🙂a")) == 2 + 4 + 1


def test_a_changed_vocabulary_is_damage() -> None:
    model = json.loads(BPETokenizer.learn(["banana"] * 9, 256).to_json()["model"])
    del model["model"]["vocab"]["!"]
    with pytest.raises(DamagedFile, match="tokens"):
        tokenizer_from_json({"kind": "bpe", "model": json.dumps(model)})


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"sfumato\[text\]"):
        BPETokenizer.learn(["banana"], 300)
    with pytest.raises(MissingExtra, match=r"sfumato\[text\]"):
        require_extra(TextSettings(tokens="bpe"))
    require_extra(TextSettings(tokens="bytes"))
