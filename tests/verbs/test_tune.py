"""Tuning runs: what is kept, when it is taken, and when it is not any more."""

import json

import pytest

from sfumato.errors import DamagedFile, SettingError
from sfumato.model.options import SampleOptions, TuneOptions
from sfumato.run import Run
from sfumato.runs.tuned import NumberTuning, Tuned, store_if_better, tuned_for
from sfumato.sampling import Tuned as TunedSampler
from sfumato.sampling import Wiener
from sfumato.sampling.tokens import Ancestral
from sfumato.verbs.tune import tune


def last(events):
    *_, found = events
    assert isinstance(found, Tuned)
    return found


@pytest.fixture
def fitted(runs):
    """A run of pictures and what was fitted to it, kept whether it is better or not."""
    runs("plain")
    run = Run.open("plain")
    found = last(tune("plain", TuneOptions(3, examples=3, rounds=1)))
    better = found.tuning.model_copy(update={"error": 0.0, "untuned_error": 1.0})
    return run, store_if_better(run.directory, better)


def test_a_fit_of_pictures_is_a_sampler_for_its_evaluations(fitted):
    run, found = fitted
    assert isinstance(found.tuning.sampler, TunedSampler) and len(found.tuning.sampler.weights) == 3
    assert found.path is not None and found.path.parent == run.directory.tuned
    assert run.model.request(SampleOptions(steps=3)).sample.sampler == found.tuning.sampler
    assert not isinstance(run.model.request(SampleOptions(steps=4)).sample.sampler, TunedSampler)
    assert not isinstance(
        run.model.request(SampleOptions(steps=3, sampler="heun")).sample.sampler, TunedSampler
    )


def test_samples_by_it_carry_it_and_are_made_again_without_it(fitted, tmp_path):
    run, found = fitted
    made = run.sample(2, steps=3)
    (first, *_) = made.save(tmp_path / "out")
    assert found.path is not None
    found.path.unlink()
    again = run.like(first)
    assert (again.items[0] == made.items[0]).all()


def test_other_weights_are_not_sampled_by_it(fitted):
    run, found = fitted
    assert (
        tuned_for(run.directory, NumberTuning, run.model.fingerprint, 3, found.tuning.scale)
        is not None
    )
    assert tuned_for(run.directory, NumberTuning, "0" * 16, 3, found.tuning.scale) is None
    assert (
        tuned_for(run.directory, NumberTuning, run.model.fingerprint, 3, found.tuning.scale + 1)
        is None
    )


def test_what_is_not_better_is_not_kept(fitted):
    run, found = fitted
    assert found.path is not None
    found.path.unlink()
    worse = found.tuning.model_copy(update={"error": 1.0, "untuned_error": 1.0})
    assert store_if_better(run.directory, worse).path is None
    assert not found.path.exists()


def test_a_damaged_file_is_named(fitted):
    run, found = fitted
    assert found.path is not None
    found.path.write_text(json.dumps({"format": 1}))
    with pytest.raises(DamagedFile, match=found.path.name):
        run.model.request(SampleOptions(steps=3))


def test_few_evaluations_are_wieners(runs):
    runs("plain")
    model = Run.open("plain").model
    steps = model.spec.recipe.sampling.steps
    few = SampleOptions(steps=max(1, steps // 2 - 1))
    assert isinstance(model.request(few).sample.sampler, Wiener)
    assert (
        model.request(SampleOptions(steps=steps)).sample.sampler
        == model.spec.recipe.sampling.sampler
    )


def test_a_grid_of_text_is_fitted_and_taken(text_runs):
    text_runs("prose")
    run = Run.open("prose")
    found = last(tune("prose", TuneOptions(4, examples=4)))
    assert isinstance(found.tuning.sampler, Ancestral)
    assert found.tuning.error > 0 and found.tuning.untuned_error > 0
    better = found.tuning.model_copy(update={"error": 0.0})
    store_if_better(run.directory, better)
    assert run.model.request(SampleOptions(steps=4)).sample.sampler == better.sampler
    assert len(run.sample(2, steps=4)) == 2


@pytest.mark.parametrize("options", [{"steps": 1}, {"steps": 51}, {"steps": 4, "rounds": 0}])
def test_what_is_out_of_range_is_refused(runs, options):
    runs("plain")
    with pytest.raises(SettingError):
        tune("plain", TuneOptions(**options))
