"""From a spec to a denoiser, and from a run directory to a trained one."""

from __future__ import annotations

import hashlib

import torch

from sfumato.denoiser import NetworkDenoiser
from sfumato.engine import tensor_file
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.errors import DamagedFile, RunError
from sfumato.media.image import ImageMedium
from sfumato.process.gaussian import Gaussian
from sfumato.run.directory import RunDirectory
from sfumato.run.spec import Spec


def build(spec: Spec) -> NetworkDenoiser:
    """A denoiser with fresh weights, drawn from the run's seed."""
    recipe = spec.recipe
    channels, size, _ = ImageMedium(recipe.medium).shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        backbone = recipe.backbone.build(channels=channels, size=size, classes=spec.classes)
    if recipe.sigma_data is None:
        raise ValueError("the recipe has to be settled on its data first")
    process = Gaussian(recipe.schedule)
    return NetworkDenoiser(backbone, process, recipe.prediction, recipe.sigma_data)


def publish(directory: RunDirectory, tensors: dict[str, torch.Tensor], step: int) -> None:
    """Write the weights that sampling uses."""
    tensor_file.write_tensors(directory.model, tensors, {"step": str(step)})


def load(directory: RunDirectory, spec: Spec) -> NetworkDenoiser:
    """The run's trained denoiser, in evaluation mode on the CPU.

    Raises:
        RunError: The run has saved no weights yet.
        DamagedFile: The file is damaged, or belongs to another network.
    """
    denoiser = build(spec)
    if not directory.model.is_file():
        _publish_latest(directory)
    tensors = tensor_file.read_tensors(directory.model)
    try:
        denoiser.backbone.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise DamagedFile(
            f"{directory.model} belongs to another network.",
            why=str(error).splitlines()[0],
            hint="restore the file, or delete it: it is rebuilt from the latest checkpoint.",
        ) from error
    return denoiser.eval().requires_grad_(False)


def fingerprint(directory: RunDirectory) -> str:
    """The first 16 hex digits of the SHA-256 of the weights file: which model made a sample."""
    with directory.model.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def _publish_latest(directory: RunDirectory) -> None:
    checkpoint, _ = CheckpointStore(directory.checkpoints).load_latest()
    if checkpoint is None:
        raise RunError(
            f"The run '{directory.name}' has no trained weights yet.",
            why="it was stopped before its first checkpoint",
            hint=f"sfumato resume {directory.name}",
        )
    publish(directory, dict(checkpoint.tensors["ema"]), checkpoint.step)
