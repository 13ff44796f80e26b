"""Reading the data of a run, for any medium."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sfumato.conditioning.condition import Condition
from sfumato.conditioning.survey import require_coverage
from sfumato.data.digests import changes_since
from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.errors import DataError, RunError
from sfumato.media.facts import DataFacts
from sfumato.media.medium import Data, Reading, Source
from sfumato.media.number_data import NumberData
from sfumato.media.registry import AnyRecipe, medium_of
from sfumato.media.text.medium import TextData
from sfumato.runs.directory import RunDirectory
from sfumato.runs.place import placed
from sfumato.runs.progress import Progress
from sfumato.runs.spec import Spec
from sfumato.training.number_task import NumberTask
from sfumato.training.source import Fetching, fetching, located, located_again
from sfumato.training.task import Task
from sfumato.training.token_task import TokenTask

DataT = TypeVar("DataT", bound=Data)


def prepare(
    source: str | Path, recipe: AnyRecipe, stored: Path | None = None
) -> Iterator[Fetching | Reading | Data]:
    """Read the data of a new run; yields progress, and finally the data.

    Args:
        source: A path, or a name in the catalogue.
        recipe: The run's recipe.
        stored: The folder of the run whose weights the new run begins with. Its files that
            determine the meaning of tensors are used, see ``Medium.open``.

    Raises:
        DataError: No usable data were found, or too few items have a value of a condition.
    """
    medium = medium_of(recipe)
    medium.require()  # Checked before a download.
    event = fetching(source)
    if event is not None:
        yield event
    for found in medium.open(located(source), recipe, stored):
        if isinstance(found, NumberData):
            require_coverage(found.conditions, found.dataset.items, found.facts.source)
        yield found


def reopen(
    directory: RunDirectory,
    facts: DataFacts,
    recipe: AnyRecipe,
    place: str | Path | None = None,
    known_first: bool = False,
) -> Iterator[Reading | Data]:
    """Read the data of an existing run again, from the first place that has the same data.

    Args:
        directory: The run's directory.
        facts: The facts about the data of the run.
        recipe: The run's recipe.
        place: A path or a name in the catalogue, if the data were moved; by default the places that
            the run knows are tried.
        known_first: Try the places that the run knows before ``place``.

    Yields:
        Progress, and finally the data. Their facts name the place where they were found.

    Raises:
        DataError: The data are missing.
        RunError: The data changed since the run began.
    """
    sources: list[Source] = []
    problem: DataError | RunError | None = None
    if place is None or known_first:
        try:
            sources = located_again(facts, directory.root)
        except DataError as error:
            problem = error
    if place is not None:
        sources.append(located(place))
    for source in sources:
        here = placed(facts, source, directory.root)
        try:
            for event in medium_of(recipe).open(source, recipe, directory.root):
                if isinstance(event, Data):
                    _require_same_conditions(getattr(recipe, "conditions", {}), event)
                    event = _unchanged(directory, here, event)
                yield event
        except (DataError, RunError) as error:
            problem = problem or error
        else:
            return
    if problem is not None:
        raise problem


def _require_same_conditions(learnt: Mapping[str, Condition], data: Data) -> None:
    """Check that the values of all conditions are those that a run began with.

    Raises:
        RunError: Some changed.
    """
    for name, each in learnt.items():
        if data.conditions[name].digest != each.digest:
            raise RunError(
                f"The {each.noun}s of the data are not what this run began with.",
                why=f"the condition '{name}' has other values than at the beginning",
                hint="put the files back, or begin a new run with: sfumato train",
            )


def found_at(facts: DataFacts, place: str) -> bool:
    """Whether the data of a run were found at a place that the user named."""
    return facts.source in (place, str(Path(place).expanduser().resolve()))


def _unchanged(directory: RunDirectory, facts: DataFacts, data: Data) -> Data:
    """Check that data are those of a run; returns them with the facts of the run.

    Raises:
        RunError: The data changed since the run began.
    """
    now = data.facts
    # Old runs have no digest of the content.
    same = now.content == facts.content if facts.content else now.fingerprint == facts.fingerprint
    changes = None
    if not same:
        # A run without classes learns nothing from labels that were added since.
        labels = bool(facts.classes) and data.settled().data.labels
        changes = changes_since(directory.digests, data.entries(), labels)
    # Another version of a decoder can give other digests of the same files.
    if same or (changes is not None and not changes):
        return data.with_facts(facts)
    raise RunError(
        f"The data in '{facts.source}' are not what this run began with.",
        why=f"there were {facts.count:,} usable items and now there are {now.count:,}"
        + (f": {changes}" if changes else ", or their names, sizes, contents or labels changed"),
        hint="put the files back, or begin a new run with: sfumato train",
    )


def reopened(
    directory: RunDirectory,
    spec: Spec,
    kind: type[DataT],
    place: str | Path | None = None,
    known_first: bool = False,
) -> Generator[Progress, None, DataT]:
    """Read the data of an existing run again for a measurement; yields progress.

    Args:
        directory: The run's directory.
        spec: The run's spec.
        kind: The class of the data.
        place: Where the data are, see :func:`reopen`.
        known_first: Try the places that the run knows before ``place``.

    Raises:
        DataError: The data are missing.
        RunError: The data changed since the run began.
    """
    events = reopen(directory, spec.data, spec.recipe, place, known_first)
    return (yield from _read(events, kind))


def elsewhere(
    directory: RunDirectory, spec: Spec, source: str, kind: type[DataT]
) -> Generator[Progress, None, DataT]:
    """Read other data with the settings of a run, without a held-out part; yields progress.

    Args:
        directory: The run's directory.
        spec: The run's spec.
        source: A path, or a name in the catalogue.
        kind: The class of the data.

    Raises:
        DataError: No usable data were found.
    """
    changes = {"held_out": 0.0, "include": (), "exclude": (), "outputs": True}
    data = spec.recipe.data.model_copy(update=changes)
    recipe = spec.recipe.model_copy(update={"data": data})
    events = spec.medium.open(located(source), recipe, directory.root)
    return (yield from _read(events, kind, f" of {source}"))


def _read(
    events: Iterable[Any], kind: type[DataT], of: str = ""
) -> Generator[Progress, None, DataT]:
    for event in events:
        if isinstance(event, Reading):
            yield Progress(f"reading {event.unit}{of}", event.done, event.total)
        if isinstance(event, kind):
            return event
    raise RuntimeError("reading ended without data")


def task_for(data: Data, spec: Spec, denoiser: NetworkDenoiser | TokenDenoiser) -> Task[Any]:
    """The training task of a run on its data, with the objective of its recipe."""
    if isinstance(data, NumberData) and isinstance(denoiser, NetworkDenoiser):
        return NumberTask(data, spec, denoiser)
    if isinstance(data, TextData) and isinstance(denoiser, TokenDenoiser):
        return TokenTask(data, spec, denoiser)
    raise TypeError(f"{type(denoiser).__name__} cannot learn from {type(data).__name__}")
