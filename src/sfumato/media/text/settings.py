"""Settings for text: reading and tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfumato.reading.encoding import AUTO, named

# The field of this name is optional; any other name was set by the user and must exist.
USUAL_LABEL = "label"


class TextSettings(BaseModel):
    """How files become documents, and how documents become rows of tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text"] = "text"
    tokens: Literal["characters", "bytes", "bpe"] = Field(
        "characters",
        description="the kind of token: a character, a byte, or a piece of a word (BPE)",
    )
    vocabulary: int = Field(
        4096, ge=256, le=65_536, description="number of different tokens; for bpe only"
    )
    across_words: bool = Field(
        False,
        description="whether a piece may run across words and signs, within a line, for "
        "notations such as SMILES; for bpe only",
    )
    context: int = Field(256, ge=8, le=8192, description="tokens that the model sees at once")
    split: Literal["auto", "file", "paragraph", "line"] = Field(
        "auto",
        description="the documents of a .txt file: the file (also for auto), its paragraphs "
        "between blank lines, or its lines",
    )
    text_field: str = Field(
        "text",
        min_length=1,
        description="the text in records; message.content is a field in a field, and title+body "
        "are two fields, one after the other",
    )
    label_field: str = Field(
        USUAL_LABEL, min_length=1, description="the class in records; meta.topic is one in a field"
    )
    joint: str = Field(
        "\n\n", max_length=100, description="what stands between the fields of text_field=a+b"
    )
    encoding: str = Field(
        AUTO,
        description="the encoding of the files, such as latin-1; auto is UTF-8, or what a file "
        "shows to be in: UTF-16, UTF-32, Windows-1252 (.txt, .md, .csv, .tsv)",
    )
    max_line_mb: int = Field(
        16, ge=1, le=1024, description="longer lines and records are skipped, in MiB"
    )

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return named(value)
