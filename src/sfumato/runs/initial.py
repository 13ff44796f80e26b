"""The initial weights of a run that began with the weights of another run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.engine import tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.events import Warned
from sfumato.errors import DamagedFile, SettingError
from sfumato.runs import spec as specs
from sfumato.runs import weights
from sfumato.runs.directory import ROOT, RunDirectory, locate
from sfumato.runs.spec import Initial, Spec

_SHOWN = 3


@dataclass(frozen=True)
class InitialWeights:
    """The published weights of a run, to begin another run with.

    Attributes:
        facts: What the spec of the new run says about them.
        tensors: The averaged weights.
        spec: The spec of the run that trained them.
        folder: The folder of that run.
    """

    facts: Initial
    tensors: Mapping[str, Tensor]
    spec: Spec
    folder: Path

    @classmethod
    def of(cls, run: str | Path, root: Path = ROOT) -> InitialWeights:
        """The published weights of a run.

        Args:
            run: Name or path of the run.
            root: Folder of all runs.

        Raises:
            RunError: There is no such run, or it has no weights yet.
            DamagedFile: Its spec or its weights cannot be read.
        """
        directory = locate(run, root)
        spec = specs.read(directory.spec)
        denoiser, found = weights.load(directory, weights.build(spec))
        facts = Initial(run=directory.name, model=found.fingerprint, step=found.step)
        return cls(facts, denoiser.backbone.state_dict(), spec, directory.root)

    def require_fit(self, denoiser: NetworkDenoiser | TokenDenoiser, spec: Spec) -> None:
        """Check that the weights fit the network of a new run.

        Args:
            denoiser: The denoiser of the new run.
            spec: The spec of the new run.

        Raises:
            SettingError: The networks differ; the error names the settings or the tensors.
        """
        ours = {name: tuple(value.shape) for name, value in denoiser.backbone.state_dict().items()}
        theirs = {name: tuple(value.shape) for name, value in self.tensors.items()}
        names = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
        if not names:
            return
        differ = "; ".join(_difference(name, ours, theirs) for name in names[:_SHOWN])
        more = f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        causes = " and ".join(_causes(spec, self.spec))
        raise SettingError(
            f"The weights of the run '{self.facts.run}' do not fit the network of the new run.",
            why=f"{causes}: {differ}{more}" if causes else f"{differ}{more}",
            hint="leave out the settings that change the network, or train without --from.",
        )

    def notes(self, spec: Spec) -> Iterator[Warned]:
        """What a user should know about a new run that begins with the weights."""
        new, old = spec.data.classes, self.spec.data.classes
        if spec.classes and new != old:
            changed = [f"{a} is now {b}" for a, b in zip(old, new, strict=True) if a != b]
            more = ", ..." if len(changed) > _SHOWN else ""
            yield Warned(
                step=0,
                message=f"The classes have other names than in the run '{self.facts.run}', and "
                f"begin with the weights of the class in the same place: "
                f"{', '.join(changed[:_SHOWN])}{more}.",
            )

    def store(self, directory: RunDirectory) -> None:
        """Write the weights into the folder of the new run, so that it needs the other no more."""
        facts = {"run": self.facts.run, "model": self.facts.model}
        tensor_file.write_sealed(directory.initial, self.tensors, facts)


def begin_with_initial(
    directory: RunDirectory, spec: Spec, denoiser: NetworkDenoiser | TokenDenoiser
) -> None:
    """Load the initial weights of a run into its denoiser, if it began with any.

    A run that has a checkpoint needs them no more.

    Raises:
        RunError: The file of the weights is missing.
        DamagedFile: The file is damaged, or belongs to another network.
    """
    if spec.initial is None or CheckpointStore(directory.checkpoints).steps():
        return
    tensors, _ = tensor_file.read_sealed(directory.initial)
    try:
        denoiser.backbone.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise DamagedFile(
            f"{directory.initial} does not hold the weights that this run began with.",
            why=" ".join(str(error).split())[:200],
            hint="restore it from a copy, or begin the run again.",
        ) from error


def _difference(
    name: str, ours: Mapping[str, tuple[int, ...]], theirs: Mapping[str, tuple[int, ...]]
) -> str:
    """How a tensor differs, in words."""
    if name not in theirs:
        return f"'{name}' is new"
    if name not in ours:
        return f"'{name}' is no longer there"
    return f"'{name}' has the shape {theirs[name]} there and {ours[name]} here"


def _causes(here: Spec, there: Spec) -> list[str]:
    """What makes two networks differ, in words, as far as it is known."""
    found = []
    for what, new, old in (
        ("the number of classes", here.classes, there.classes),
        ("the medium", here.medium.name, there.medium.name),
        ("the number of tokens", here.data.vocabulary, there.data.vocabulary),
    ):
        if new != old:
            found.append(f"{what} was {old} and is {new}")
    if list(here.conditions) != list(there.conditions):
        found.append("the conditions differ")
    if here.recipe.backbone != there.recipe.backbone:
        found.append("the backbone has other settings")
    return found
