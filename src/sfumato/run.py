"""The class :class:`Run` and the functions of the Python interface."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sfumato.denoiser import NetworkDenoiser, TokenDenoiser
from sfumato.errors import SettingError
from sfumato.media.text.medium import TextMedium
from sfumato.model.edit_options import OperatorOptions
from sfumato.model.keywords import argument_and_keywords, converted, keywords
from sfumato.model.open import AnyModel, make, open_model
from sfumato.model.options import (
    CompareOptions,
    EvaluateOptions,
    FillOptions,
    ResumeOptions,
    SampleOptions,
    ScoreOptions,
    TrainOptions,
    TuneOptions,
)
from sfumato.model.provenance import Request
from sfumato.model.samples import Samples
from sfumato.runs import spec as specs
from sfumato.runs import verify as verification
from sfumato.runs.directory import ROOT, RunDirectory, locate
from sfumato.runs.info import info as summary
from sfumato.runs.spec import Spec
from sfumato.runs.tuned import Tuned
from sfumato.runs.verify import Verified
from sfumato.runs.weights import LATEST
from sfumato.verbs import edit, fill, tune
from sfumato.verbs import train as training
from sfumato.verbs.fill import Filled

if TYPE_CHECKING:
    from sfumato.evaluation.compare import Comparison
    from sfumato.evaluation.result import Report
    from sfumato.evaluation.score import Scores

Files = str | Path | Iterable[str | Path]
ResultT = TypeVar("ResultT")


class Run:
    """A run directory opened for reading; the model is loaded when it is first needed.

    Args:
        directory: Directory of the run.
        snapshot: Weights to use, ``latest`` or ``best`` on the held-out data.

    Attributes:
        spec: The run's recipe and the facts about its data.

    Raises:
        RunError: The run was made by a newer version.
        DamagedFile: Its spec cannot be read.
    """

    def __init__(self, directory: RunDirectory, snapshot: str = LATEST) -> None:
        self.directory = directory
        self.snapshot = snapshot
        self.spec: Spec = specs.read(directory.spec)

    @classmethod
    def open(cls, run: str | Path, snapshot: str = LATEST) -> Run:
        """Open a run by its path, or by its name under ``runs/``.

        Args:
            run: Path or name of the run.
            snapshot: Weights to use, ``latest`` or ``best`` on the held-out data.

        Raises:
            RunError: There is no such run, or it was made by a newer version.
            DamagedFile: Its spec cannot be read.
        """
        run = converted("run", run, str | Path)
        return cls(locate(run), converted("snapshot", snapshot, str))

    def __repr__(self) -> str:
        info, classes = self.info(), self.spec.classes
        many = "no classes" if not classes else "1 class" if classes == 1 else f"{classes} classes"
        state = "finished" if info["finished"] else "not finished"
        steps = f"{info['step']:,} {'step' if info['step'] == 1 else 'steps'}"
        return f"<Run '{self.name}': {self.spec.medium.plural}, {many}, {steps}, {state}>"

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.directory.name

    @cached_property
    def model(self) -> AnyModel:
        """The trained model, ready to sample.

        Raises:
            RunError: The run has no weights yet.
            DamagedFile: The weights cannot be read.
        """
        return open_model(self.directory, self.snapshot)

    @property
    def denoiser(self) -> NetworkDenoiser | TokenDenoiser:
        """The trained denoiser, for use with ``sfumato.sampling`` and ``sfumato.guidance``."""
        return self.model.denoiser

    @keywords(SampleOptions)
    def sample(self, options: SampleOptions) -> Samples:
        """Make samples.

        Returns:
            The samples, a sequence of images, audio clips or texts.

        Raises:
            SettingError: A value is out of range, the sampler or the label is unknown, or an option
                is of another medium.
        """
        return self.make(self.model.request(options))

    def like(self, path: str | Path) -> Samples:
        """Make a stored sample again, from the provenance in its file.

        Args:
            path: The file of the sample; for a text ``FILE.jsonl:LINE``.

        Raises:
            DataError: The file carries no provenance, or a damaged one.
            RunError: Other weights made it.
        """
        return self.make(self.model.like(Path(converted("path", path, str | Path))))

    def make(self, request: Request) -> Samples:
        """Make the samples of a request, see ``Run.model.request``.

        Raises:
            SettingError: The request was made for a model of another kind.
        """
        if not isinstance(request, Request):
            raise SettingError(
                f"{request!r} is no request.", hint="make one with run.model.request(...)"
            )
        if not isinstance(request.sample, self.model.provenance):
            raise SettingError(f"The request is not one for the medium of the run '{self.name}'.")
        return make(self.model, request)

    @argument_and_keywords(OperatorOptions)
    def edit(self, observed: Any, options: OperatorOptions) -> Samples:
        """Edit or restore a file, or restore data from an observation through any operator.

        Args:
            observed: The path of a file; or, with an operator, an array of what is observed, in
                the units of the operator's output.

        Returns:
            The results; their ``fits`` say how well each explains what is known.

        Raises:
            SettingError: An option is out of range, the operation does not fit the file, or the
                operator does not map data of the model to the observation.
            DataError: The file cannot be read.
            RunError: The run is on text.
        """
        return edit.edit(self.model, observed, options)

    @argument_and_keywords(FillOptions)
    def fill(self, text: str, options: FillOptions) -> list[Filled]:
        """Fill the gaps of a text.

        Args:
            text: The text, with ``____`` wherever words are missing.

        Returns:
            Different filled texts, the most likely first.

        Raises:
            RunError: The run is not one on text.
            SettingError: There is no gap, or a value is out of range.
            DataError: The text is too long, or holds a character that the model has never seen.
        """
        self.spec.require(TextMedium)  # Before the weights are read.
        return fill.fill(self.model, converted("text", text, str), options)

    @keywords(EvaluateOptions)
    def evaluate(self, options: EvaluateOptions) -> Report:
        """Measure the samples of the model beside real items, and the likelihood of real items.

        With ``restore`` it is measured instead how well the model restores held-out items.

        Returns:
            Figures by their keys, such as ``report["likelihood/held_out"].value``.

        Raises:
            RunError: The data changed since training.
            SettingError: A value is out of range.
        """
        # Imported here, as these modules are large and most runs are opened to sample.
        from sfumato.evaluation.restoration.course import evaluated

        return _result(evaluated(self.model, options)).report

    @argument_and_keywords(CompareOptions)
    def compare(self, other: Run | str | Path, options: CompareOptions) -> Comparison:
        """Compare two runs on the same real items.

        Args:
            other: The other run; a path or a name is opened with the snapshot of this one.

        Raises:
            RunError: The runs cannot be compared, or the data changed since training.
            SettingError: A value is out of range.
        """
        from sfumato.evaluation.compare import compare

        if not isinstance(other, Run):
            other = Run.open(converted("other", other, str | Path), self.snapshot)
        return _result(compare(self.model, other.model, options))[0]

    @argument_and_keywords(ScoreOptions)
    def score(self, files: Files, options: ScoreOptions) -> Scores:
        """Score files by their likelihood, the least likely first.

        Args:
            files: A file or a folder, or several of them. Files that cannot be read are set aside.

        Raises:
            DataError: Nothing could be read.
            SettingError: A value is out of range, or of another medium.
        """
        from sfumato.evaluation.score import score

        paths = converted("files", files, Iterable[str | Path])
        return _result(score(self.model, paths, options))

    @keywords(TuneOptions)
    def tune(self, options: TuneOptions) -> Tuned:
        """Fit a sampler to the run for few network evaluations.

        A fitted sampler that is better than the best one without fitting is stored in the run, and
        is then the default for that number of evaluations.

        Returns:
            The fitted sampler with its measure, and its file.

        Raises:
            SettingError: A value is out of range, or the process cannot be tuned.
            DataError: The data of a run on text are gone.
        """
        for event in tune.tune(self.directory.root, options, self.snapshot):
            if isinstance(event, Tuned):
                return event
        raise RuntimeError("tuning ended without a result")

    @keywords(ResumeOptions)
    def resume(self, options: ResumeOptions) -> Run:
        """Continue training, and show progress on standard error.

        Returns:
            The run, opened again.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; everything is saved first.
            RunError: The data changed since the run began.
            SettingError: The run is already longer than ``steps``.
        """
        return Run(training.resume(self.directory, options), self.snapshot)

    def info(self) -> dict[str, Any]:
        """A summary of the run as plain data; no weights are loaded."""
        return summary(self.directory, self.spec)

    def verify(self, data: str | Path | None = None) -> Verified:
        """Check the run's files against their seals; nothing is changed.

        Args:
            data: Where the run's data are, if they were moved.

        Returns:
            The intact files, and the problems of the others with their remedies.
        """
        data = converted("data", data, str | Path | None)
        return verification.verify(self.directory, None if data is None else Path(data))


@dataclass(frozen=True)
class _TrainOptions(TrainOptions):
    """How to train a run from Python.

    Attributes:
        root: Folder of all runs.
    """

    _: KW_ONLY
    root: str | Path = ROOT


def open_run(run: str | Path, snapshot: str = LATEST) -> Run:
    """Open a run by its path, or by its name under ``runs/``; see :meth:`Run.open`.

    Raises:
        RunError: There is no such run, or it was made by a newer version.
    """
    return Run.open(run, snapshot)


@keywords(_TrainOptions)
def train(source: str | Path, options: _TrainOptions) -> Run:
    """Train a model on a folder, a file or a data set of the catalogue.

    Progress is shown on standard error. The first Ctrl-C or SIGTERM saves everything and stops.

    Args:
        source: A folder of images, audio files or texts, a text file, or a name such as
            ``openmoji``.

    Returns:
        The finished run.

    Raises:
        Interrupted: Ctrl-C or SIGTERM.
        SfumatoError: See ``sfumato.errors``.
    """
    source = converted("source", source, str | Path)
    return Run(training.train(source, options, Path(options.root)))


def _result(steps: Generator[Any, None, ResultT]) -> ResultT:
    """Run a measurement without showing its progress."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: ResultT = end.value
            return result


__all__ = ["Run", "Samples", "open_run", "train"]
