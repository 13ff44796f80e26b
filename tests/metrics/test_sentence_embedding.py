from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sfumato.errors import DamagedFile, DataError, MissingExtra
from sfumato.metrics.sentence_embedding import (
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    SentenceEmbedding,
    encoded,
)
from sfumato.storage import default_cache

# The user's own; tests get another.
MODELS = default_cache() / "models"
PARAPHRASES = (
    ("The cat sat on the mat.", "A kitten was sitting on a rug."),
    ("How do I learn to play the guitar?", "What is the best way to start learning guitar?"),
    ("The firm reported a large loss.", "The company lost a lot of money."),
    ("Heavy rain flooded the streets.", "The roads were under water after the downpour."),
)
WORDS = ("[PAD]", "[UNK]", "a", "cat", "dog", "sat", "ran", "quickly")


def weights(layers: int = 6, width: int = 384, seed: int = 0) -> dict[str, Tensor]:
    """Random weights with the names and shapes of the published file."""
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng) / shape[-1] ** 0.5

    found = {
        "embeddings.word_embeddings.weight": draw(len(WORDS), width),
        "embeddings.position_embeddings.weight": draw(512, width),
        "embeddings.token_type_embeddings.weight": draw(2, width),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        sizes = {
            "attention.self.query": (width, width), "attention.self.key": (width, width),
            "attention.self.value": (width, width), "attention.output.dense": (width, width),
            "intermediate.dense": (4 * width, width), "output.dense": (width, 4 * width),
        }  # fmt: skip
        for part, size in sizes.items():
            found[f"{name}.{part}.weight"] = draw(*size)
            found[f"{name}.{part}.bias"] = draw(size[0])
        norms += [f"{name}.attention.output.LayerNorm", f"{name}.output.LayerNorm"]
    for norm in norms:
        found[f"{norm}.weight"] = 1 + 0.1 * draw(width)
        found[f"{norm}.bias"] = 0.1 * draw(width)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    model = tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / TOKENIZER_FILE))
    save_file(weights(), tmp_path / WEIGHTS_FILE)
    return tmp_path


def test_the_encoder_is_that_of_torch() -> None:
    """Torch's own layer, with attention, norms and widths in the places of BERT."""
    tensors = weights()
    ids = torch.tensor([[2, 3, 5, 0], [4, 6, 7, 2]])
    there = torch.tensor([[True, True, True, False], [True] * 4])
    embeddings = (
        tensors["embeddings.word_embeddings.weight"][ids]
        + tensors["embeddings.position_embeddings.weight"][:4]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    x = nn.functional.layer_norm(
        embeddings, (384,), tensors["embeddings.LayerNorm.weight"],
        tensors["embeddings.LayerNorm.bias"], 1e-12,
    )  # fmt: skip
    for layer in range(6):
        x = layer_of(tensors, f"encoder.layer.{layer}")(x, src_key_padding_mask=~there)
    found = encoded(tensors, ids, there)
    assert torch.allclose(found[there], x[there], atol=1e-4)


def layer_of(tensors: dict[str, Tensor], name: str) -> nn.TransformerEncoderLayer:
    layer = nn.TransformerEncoderLayer(
        384, 12, 1536, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    )
    parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    state = {
        "self_attn.in_proj_weight": torch.cat([tensors[f"{part}.weight"] for part in parts]),
        "self_attn.in_proj_bias": torch.cat([tensors[f"{part}.bias"] for part in parts]),
    }
    for theirs, ours in (
        ("self_attn.out_proj", "attention.output.dense"), ("linear1", "intermediate.dense"),
        ("linear2", "output.dense"), ("norm1", "attention.output.LayerNorm"),
        ("norm2", "output.LayerNorm"),
    ):  # fmt: skip
        for kind in ("weight", "bias"):
            state[f"{theirs}.{kind}"] = tensors[f"{name}.{ours}.{kind}"]
    layer.load_state_dict(state)
    return layer.train(False).requires_grad_(False)


def test_each_text_is_for_itself(folder: Path) -> None:
    extractor = SentenceEmbedding(folder)
    texts = ["a cat sat", "a dog ran quickly a cat sat", "cat", "a cat sat"]
    found = extractor(texts)
    assert found.shape == (4, extractor.dimension)
    assert torch.allclose(found.norm(dim=1), torch.ones(4), atol=1e-5)
    assert found[0].equal(found[3])
    for number, text in enumerate(texts):
        assert torch.allclose(extractor([text])[0], found[number], atol=1e-5)


def test_no_text_and_empty_texts(folder: Path) -> None:
    extractor = SentenceEmbedding(folder)
    assert extractor([]).shape == (0, 384)
    assert extractor(["", "a"])[0].eq(0).all()


def test_the_identity_follows_the_weights(folder: Path) -> None:
    before = SentenceEmbedding(folder).identity
    assert re.fullmatch("[0-9a-f]{16}", before)
    save_file(weights(seed=1), folder / WEIGHTS_FILE)
    assert SentenceEmbedding(folder).identity != before


def test_the_identity_follows_the_words(folder: Path) -> None:
    before = SentenceEmbedding(folder).identity
    path = folder / TOKENIZER_FILE
    path.write_text(path.read_text().replace("quickly", "slowly"))
    assert SentenceEmbedding(folder).identity != before


def test_of_a_long_text_the_beginning_counts(folder: Path) -> None:
    extractor = SentenceEmbedding(folder)
    begin = "a cat sat " * 85  # 255 pieces, where the network has places for 512.
    last, cut, other = extractor([begin + "ran", begin + "ran" + " dog" * 400, begin + "dog"])
    assert torch.allclose(cut, last, atol=1e-5)
    assert not torch.allclose(other, last, atol=1e-5)


@pytest.mark.parametrize("damage", ["text", "missing", "shape"])
def test_files_that_are_missing_or_broken(folder: Path, damage: str) -> None:
    path = folder / WEIGHTS_FILE
    tensors = weights()
    if damage == "text":
        path.write_text("no tensors")
    elif damage == "missing":
        del tensors["encoder.layer.5.output.dense.bias"]
        save_file(tensors, path)
    else:
        save_file({**tensors, "encoder.layer.0.output.dense.weight": torch.zeros(3, 3)}, path)
    with pytest.raises(DamagedFile, match="no such network"):
        SentenceEmbedding(folder)
    (folder / TOKENIZER_FILE).write_text("{}")
    with pytest.raises(DamagedFile, match="no tokenizer"):
        SentenceEmbedding(folder)
    path.unlink()
    with pytest.raises(DataError, match="There is no"):
        SentenceEmbedding(folder)


def test_a_missing_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match="tokenizers") as caught:
        SentenceEmbedding(folder)
    assert "sfumato[text]" in caught.value.hint


def test_the_real_one_knows_what_a_text_is_about() -> None:
    folders = sorted(MODELS.glob("sentence-embedding-*"))
    if not folders:
        pytest.skip("no embedding has been fetched")
    pytest.importorskip("tokenizers")
    extractor = SentenceEmbedding(folders[0])
    ones, others = (extractor(list(side)) for side in zip(*PARAPHRASES, strict=True))
    alike = ones @ others.T
    unrelated = alike[~torch.eye(len(alike), dtype=torch.bool)]
    assert alike.diagonal().min() > unrelated.max() + 0.3
