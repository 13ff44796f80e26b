"""What the width of the average and the times of training are worth, for minutes on a CPU.

    python benchmarks/training_choices.py --work DIR [--minutes 10] [--set times.mean=0 ...]

Trains `image` on openmoji, a tenth of it held out, and keeps several averages of the same weights
at once: the widths differ in nothing else. Each is judged by its loss on held-out pictures and by
the kernel distance of 1,024 samples to them (EfficientNet-lite0, times 100, 95 % intervals), 20
evaluations of the default sampler with guidance 2. Losses under other `times` do not compare, as
held-out times are drawn from them too. Prints a table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "quality_per_minute"))

import torch
from judge import Judge, hundred
from peer_training.pictures import data_of
from report import told
from torch import Tensor

import sfumato
from sfumato.engine.checkpoint import CheckpointStore
from sfumato.engine.ema import PowerEMA
from sfumato.engine.events import Done
from sfumato.engine.loop import Trainer
from sfumato.engine.settings import Budget
from sfumato.model.options import TrainOptions
from sfumato.model.samples import Samples
from sfumato.run import Run
from sfumato.runs import spec as specs
from sfumato.runs import weights
from sfumato.runs.directory import RunDirectory
from sfumato.runs.spec import Spec
from sfumato.training.batches import Batch
from sfumato.training.data import task_for
from sfumato.training.train import planned_for

WIDTHS = (0.03, 0.06, 0.1, 0.15, 0.22)
SAMPLES, STEPS = 1024, 20


def main() -> None:
    """Train once, and judge every average."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--set", nargs="*", default=[], help="as of `sfumato train`")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    fixed = ["data.held_out=0.1", "engine.preview_minutes=null", f"engine.threads={args.threads}"]
    options = TrainOptions(minutes=args.minutes, settings=[*fixed, *args.set])
    plan = planned_for("openmoji", options)
    data = data_of("openmoji", plan)
    spec = Spec(version=sfumato.__version__, recipe=data.settled(), data=data.facts)
    denoiser = weights.build(spec)
    task = task_for(data, spec, denoiser)
    averages = {width: PowerEMA(denoiser.backbone, width) for width in WIDTHS}

    def loss(batch: Batch) -> Tensor:
        for average in averages.values():
            average.update()  # The weights as the step before left them.
        return task.loss(batch)

    store = CheckpointStore(args.work / "checkpoints")
    trainer = Trainer(denoiser.backbone, loss, task.batch, spec.recipe.engine, store)
    (done,) = (e for e in trainer.run(Budget(minutes=args.minutes)) if isinstance(e, Done))
    print(f"{done.samples:,} pictures seen; {' '.join(args.set) or 'as the recipe has it'}")
    judge = Judge(data, args.work / "features", 2000)
    print("| width | held-out loss | to held-out | to training |\n|---|---|---|---|")
    for width, average in averages.items():
        with average.swapped():
            measures = task.measures()
        run = RunDirectory(args.work / f"width-{width:g}")
        specs.write(run.spec, spec)
        weights.publish(run, average.tensors(), done.step)
        made = Run.open(run.root).sample(SAMPLES, steps=STEPS, batch=64)
        assert measures is not None
        assert isinstance(made, Samples)
        found = [told(hundred(one)) for one in judge(made.items)]
        print(f"| {width:g} | {measures.held_out.mean():.4f} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
