"""The demonstration on text: a text that resolves, and a gap that is filled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sfumato.model.text_writing import WrittenTexts, write_texts
from sfumato.model.tokens import TextModel
from sfumato.run import Run
from sfumato.runs.directory import RunDirectory, new_folder
from sfumato.verbs.demo_events import Finished, Note
from sfumato.verbs.filling import Filled, Gaps, fill

_TEMPERATURE = 0.7
_GAP = "Shall I compare thee to a ____ day?"


@dataclass(frozen=True)
class Writing(Finished):
    """What the demonstration made.

    Attributes:
        written: New texts.
        filled: A famous line with another word in it, the likeliest first.
    """

    written: WrittenTexts
    filled: list[Filled]

    def lines(self) -> list[str]:
        """See :meth:`Finished.lines`."""
        name = self.directory.name
        return [
            "",
            *(f"--- {number} ---\n{text}\n" for number, text in enumerate(self.written.texts)),
            f"'{_GAP}' becomes",
            *(f"  {filled.text}" for filled in self.filled),
            "",
            f"texts and how they came about: {self.written.folder}",
            "",
            "next:",
            f"  sfumato sample {name} --temperature 0.8   watch texts resolve on your terminal",
            f'  sfumato fill {name} "To be, or not to be: that is the ____:"',
            f"  sfumato resume {name} --minutes 60        train on, it gets better",
            "  sfumato train FILE.txt                  your own text",
        ]


def show(directory: RunDirectory) -> Iterator[Note | Finished]:
    """Write a few texts with a run, and fill a gap."""
    model = TextModel(directory, Run(directory).spec)
    request = model.request(2, temperature=_TEMPERATURE)
    events = write_texts(directory, model, request, new_folder(directory), trajectory=True)
    (written,) = [event for event in events if isinstance(event, WrittenTexts)]
    yield Writing(directory, written, fill(model, Gaps(_GAP, n=4)))
