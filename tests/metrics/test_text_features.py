from __future__ import annotations

import random
import re
import string
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sfumato.errors import DamagedFile, DataError, MissingExtra
from sfumato.metrics.extractor import Extractor
from sfumato.metrics.kernel_distance import GaussianKernel, kernel_distance
from sfumato.metrics.text_features import NgramFeatures, SentenceEmbedding
from sfumato.minilm import TOKENIZER_FILE, WEIGHTS_FILE, MiniLM, encode
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
    found = encode(tensors, ids, there)
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
    with pytest.raises(DamagedFile, match="not hold this network"):
        SentenceEmbedding(folder)
    (folder / TOKENIZER_FILE).write_text("{}")
    with pytest.raises(DamagedFile, match="not hold a tokenizer"):
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


EXTRACTOR: Extractor[list[str]] = NgramFeatures()
SENTENCE_WORDS = (
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "saw",
    "its",
    "hat",
    "while",
    "rain",
    "fell",
)


def texts(count: int, seed: int, words: int = 40) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(SENTENCE_WORDS, k=words)) for _ in range(count)]


def spoilt(items: list[str], share: float) -> list[str]:
    draw = random.Random(1)
    return [
        "".join(
            draw.choice(string.ascii_lowercase) if draw.random() < share else letter
            for letter in text
        )
        for text in items
    ]


def test_it_is_an_extractor() -> None:
    found = EXTRACTOR(texts(3, 0))
    assert found.shape == (3, EXTRACTOR.dimension)
    assert found.dtype == torch.float32
    assert re.fullmatch("[0-9a-f]{16}", EXTRACTOR.identity)


def test_each_length_has_length_one() -> None:
    parts = EXTRACTOR(texts(2, 0)).view(2, 4, -1)
    assert torch.allclose(parts.norm(dim=-1), torch.ones(2, 4), atol=1e-5)


def test_entries_are_the_square_roots_of_shares() -> None:
    single = EXTRACTOR(["a" * 16 + "b" * 9])[0].view(4, -1)[0].abs()
    assert single[single > 0].sort().values.tolist() == pytest.approx([3 / 5, 4 / 5])


def test_collisions_cancel() -> None:
    # Thousands of runs that two texts do not share, in 256 entries.
    draw = random.Random(0)
    halves = string.ascii_letters[:26], string.ascii_letters[26:]
    one, other = EXTRACTOR(["".join(draw.choices(half, k=5000)) for half in halves]).view(2, 4, -1)
    # Four standard deviations of the product of two random directions in 256 dimensions.
    assert (one[2:] * other[2:]).sum(1).abs().max() < 4 / 16


def test_the_same_runs_are_the_same_vector_however_long_the_text() -> None:
    once, more = EXTRACTOR(["ab" * 50, "ab" * 500])
    assert (once - more).norm() < 0.05
    assert EXTRACTOR(["abc"])[0].equal(EXTRACTOR(["abc"])[0])


def test_order_counts_in_the_long_runs_only() -> None:
    one, other = EXTRACTOR(["abcd", "dcba"]).view(2, 4, -1)
    assert one[0].equal(other[0])
    assert not any(one[length].equal(other[length]) for length in (1, 2, 3))


def test_a_text_is_for_itself() -> None:
    items = texts(5, 0)
    assert EXTRACTOR(items)[3].equal(EXTRACTOR(items[3:4])[0])


@pytest.mark.parametrize("text", ["", "a", "héé", "\U0001f600", "\ud800"])
def test_any_text_has_a_finite_vector(text: str) -> None:
    found = EXTRACTOR([text])[0]
    assert found.isfinite().all()
    lengths = found.view(4, -1).norm(dim=1)
    assert lengths.tolist() == pytest.approx([float(length < len(text)) for length in range(4)])


def test_nothing_gives_nothing() -> None:
    assert EXTRACTOR([]).shape == (0, EXTRACTOR.dimension)


def test_unrelated_texts_are_further_than_related_ones() -> None:
    draw = random.Random(2)
    digits = ["".join(draw.choices("0123456789", k=200)) for _ in range(1)]
    first, second, other = EXTRACTOR([*texts(2, 0), *digits])
    assert 2 * (first - second).norm() < (first - other).norm()


def test_the_distance_grows_with_the_damage() -> None:
    real, beside = EXTRACTOR(texts(80, 3)), texts(80, 4)
    kernel = GaussianKernel.of(real)
    found = [
        kernel_distance(EXTRACTOR(spoilt(beside, share)), real, kernel)
        for share in (0.0, 0.02, 0.1, 0.3)
    ]
    assert found[0].low < 0 < found[0].high
    values = [one.value for one in found]
    assert values == sorted(values)
    assert found[2].low > 0


def test_states_are_those_of_the_encoder_and_zeros_behind(folder: Path) -> None:
    encoder = MiniLM(folder)
    states = encoder.states(["a cat sat", "dog", ""], 5)
    encoded, mask = encoder.encoded(["a cat sat"])
    assert torch.allclose(states[0, :3], encoded[0][mask[0]], atol=1e-5)
    assert [int(row.any(1).sum()) for row in states] == [3, 1, 0]
    assert states.shape == (3, 5, 384)


def test_states_do_not_depend_on_the_other_texts(folder: Path) -> None:
    encoder = MiniLM(folder)
    texts = ["a cat sat", "dog", "a dog ran quickly", "cat"]
    together = encoder.states(texts, 4)
    for row, text in zip(together, texts, strict=True):
        assert torch.equal(row, encoder.states([text], 4)[0])


def test_a_long_text_is_cut_to_the_length(folder: Path) -> None:
    states = MiniLM(folder).states(["a cat sat a dog ran quickly " * 40], 6)
    assert states.shape == (1, 6, 384)
    assert states.any(2).all()
