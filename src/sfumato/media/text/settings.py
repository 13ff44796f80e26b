"""How texts are read, and what their tokens are."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# A field of this name is taken for the label where there is one; any other was asked for.
USUAL_LABEL = "label"


class TextSettings(BaseModel):
    """How files become documents, and documents rows of tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text"] = "text"
    tokens: Literal["characters", "bytes", "bpe"] = Field(
        "characters",
        description="what a token is: a character, a byte, or a piece of a word found by counting",
    )
    vocabulary: int = Field(
        4096, ge=256, le=65_536, description="how many different tokens there are; for bpe alone"
    )
    across_words: bool = Field(
        False,
        description="whether a piece may run across words and signs, within a line, as suits "
        "notations such as SMILES; for bpe alone",
    )
    context: int = Field(256, ge=8, le=8192, description="tokens that the model sees at once")
    split: Literal["auto", "file", "paragraph", "line"] = Field(
        "auto",
        description="how a .txt file becomes documents: it is one (auto does the same), or its "
        "pieces between blank lines are, or its lines",
    )
    text_field: str = Field("text", min_length=1, description="the text in .jsonl and .csv records")
    label_field: str = Field(
        USUAL_LABEL, min_length=1, description="the class in .jsonl and .csv records"
    )
    max_line_mb: int = Field(
        16, ge=1, le=1024, description="longer lines of .jsonl and .csv files are passed over"
    )
