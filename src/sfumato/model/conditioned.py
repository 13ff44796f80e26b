"""The conditions of samples: from options to what is stored, and from that to tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sfumato.conditioning.caption import Caption
from sfumato.conditioning.condition import Value
from sfumato.conditioning.file import PairFile
from sfumato.conditioning.pair import Pair
from sfumato.conditioning.registry import Sources, rows
from sfumato.conditions import Conditions
from sfumato.errors import SettingError
from sfumato.guidance import BLEND, second
from sfumato.media.coding import Coding
from sfumato.model.blend import Blend
from sfumato.model.lengths import SECONDS
from sfumato.model.options import SampleOptions, Settings
from sfumato.model.provenance import Provenance
from sfumato.model.scales import unknown_condition
from sfumato.model.text_file import text_of
from sfumato.process.rng import Stream, uniform
from sfumato.runs.spec import Spec

_MOST_BYTES = 64 << 20
_SHOWN = 8
_ANY = ("prompt", "negative", "prompts", "to", "region", "steps_between")
Values = Mapping[str, Value]


def words_name(spec: Spec) -> str | None:
    """The name of the condition that prompts are for; None in a run without words."""
    names = (name for name, each in spec.conditions.items() if isinstance(each, Caption))
    return next(names, None)


def condition_fields(run: str, spec: Spec, options: SampleOptions, medium: Coding) -> Any:
    """The fields of a provenance that hold the conditions of a request.

    Args:
        run: Name of the run, for messages.
        spec: Its spec.
        options: How to sample.
        medium: The medium of the run, which reads the region.

    Raises:
        SettingError: The run does not have such a condition, or a value is not possible.
        DataError: A file cannot be read.
    """
    words = words_name(spec)
    if words is None and options.given(*_ANY):
        _refuse_words(run, spec)
    values = named_values(run, spec, options.prompt, options.conditions)
    if not spec.conditions:
        return {}
    prompts, negative = _prompts(options), options.negative
    if words is not None:
        if prompts and words in values:
            _refuse_twice(words)
        parsed = spec.conditions[words].parsed
        prompts = tuple(str(parsed("prompts", prompt)) for prompt in prompts)
        negative = None if negative is None else str(parsed("negative", negative))
    is_open = not values and not prompts and options.label is None
    return {
        "conditions": None if is_open else values,
        "prompts": prompts,
        "negative": negative,
        "blend": _blend(spec, words, options, medium),
    }


def named_values(
    run: str, spec: Spec, prompt: str | None, conditions: Settings
) -> dict[str, Value]:
    """The values of conditions that a user names.

    Args:
        run: Name of the run, for messages.
        spec: Its spec.
        prompt: The words; None for unknown ones.
        conditions: Values by name, or texts ``NAME=VALUE``.

    Raises:
        SettingError: The run has no such condition, or a value is not possible.
    """
    words = words_name(spec)
    if prompt is not None and words is None:
        _refuse_words(run, spec)
    values = _parsed(run, spec, conditions)
    if prompt is not None and words is not None:
        if words in values:
            _refuse_twice(words)
        values[words] = spec.conditions[words].parsed("prompt", prompt)
    return values


def arrays_in(spec: Spec, values: Any) -> dict[str, Tensor]:
    """The encoded items among the values of a request, by their digests.

    Args:
        spec: The spec of the run.
        values: What the user gives for conditions, after :func:`condition_fields` has checked it.
    """
    found = {}
    for name, value in values.items() if isinstance(values, Mapping) else ():
        pair = spec.conditions[name]
        if isinstance(pair, Pair) and isinstance(value, np.ndarray | Tensor):
            signal = pair.signal(name, value)
            found[PairFile.of_array(signal.numpy()).sha256] = signal
    return found


def require_known(run: str, spec: Spec, sample: Provenance) -> None:
    """Check that a run has all conditions of a stored sample.

    Raises:
        SettingError: It lacks one.
    """
    named = {*(sample.conditions or {}), *(sample.scales or {})}
    if sample.blend is not None:
        named |= sample.blend.conditions.keys()
    unknown = sorted(named - spec.nulls.keys())
    if unknown:
        raise unknown_condition(run, unknown[0], spec.nulls)


def values_of_samples(
    sample: Provenance, spec: Spec, indices: Sequence[int]
) -> list[tuple[str | None, Values]]:
    """The label and the other conditions of samples; None and absent ones are unknown.

    Args:
        sample: The provenance in a request for a run with conditions.
        spec: The spec of the run.
        indices: Indices of the samples.
    """
    if sample.conditions is None and not sample.prompts:
        if not spec.data.examples:
            return [(sample.label, {})] * len(indices)
        u = uniform(sample.seed, Stream.CONDITION, indices).tolist()
        examples = [spec.data.examples[int(place * len(spec.data.examples))] for place in u]
        return [_divided(example) for example in examples]
    values = dict(sample.conditions or {})
    words = words_name(spec)
    if not sample.prompts or words is None:
        return [(sample.label, values)] * len(indices)
    return [
        (sample.label, {**values, words: sample.prompts[index % len(sample.prompts)]})
        for index in indices
    ]


def tensors_of(
    sample: Provenance,
    spec: Spec,
    values: Sequence[Values],
    indices: Sequence[int],
    sides: Sequence[int],
    sources: Sources,
) -> Conditions:
    """The conditions of samples besides label and length, with those of a blend."""
    conditions = rows(spec.conditions, values, sources)
    blend = sample.blend
    if blend is None:
        return conditions
    others = rows(spec.conditions, [{**one, **blend.conditions} for one in values], sources)
    seconds = {second(name): others[name] for name in blend.conditions}
    return conditions | seconds | {BLEND: blend.weights(indices, sides)}


def notes_of(spec: Spec, sample: Provenance) -> tuple[str, ...]:
    """What a user should know of the words of a request: what is not read, and what is not known.

    Args:
        spec: The spec of the run.
        sample: The provenance in the request.
    """
    words = words_name(spec)
    condition = spec.conditions.get(words or "")
    if words is None or not isinstance(condition, Caption):
        return ()
    second = None if sample.blend is None else sample.blend.conditions.get(words)
    texts = [(sample.conditions or {}).get(words), sample.negative, second, *sample.prompts]
    known = [str(text) for text in texts if text]
    found = []
    cut = [read for text in known if (read := condition.encoder.first(text)) is not None]
    if cut:
        many = f" ({len(cut):,} prompts are cut)" if len(cut) > 1 else ""
        found.append(f"of the prompt only this is read: {cut[0]}{many}")
    unknown = dict.fromkeys(word for text in known for word in condition.encoder.unknown(text))
    if unknown:
        found.append(f"no caption of the run has: {', '.join(list(unknown)[:_SHOWN])}")
    return tuple(found)


def _divided(example: Values) -> tuple[str | None, Values]:
    label = example.get("label")
    rest = {name: value for name, value in example.items() if name not in ("label", SECONDS)}
    return None if label is None else str(label), rest


def _parsed(run: str, spec: Spec, texts: Any) -> dict[str, Value]:
    """Values by name, from a mapping or from texts ``NAME=VALUE``."""
    pairs: list[tuple[str, object]] = []
    if isinstance(texts, Mapping):
        pairs = list(texts.items())
    else:
        for text in texts:
            before, equals, after = str(text).partition("=")
            if not equals:
                raise SettingError(f"'{text}' is not a condition.", hint="write it as NAME=VALUE.")
            pairs.append((before.strip(), after.strip()))
    found = {}
    for name, value in pairs:
        if name == "label" and spec.classes:
            raise SettingError("The label is an option of its own.", hint=f"--label {value}")
        if not spec.conditions:
            raise SettingError(
                f"The run '{run}' has no conditions besides its classes and its length.",
                hint="train with --settings conditions.NAME.kind=label, number, words or pair.",
            )
        if name not in spec.conditions:
            raise unknown_condition(run, name, spec.conditions)
        found[name] = spec.conditions[name].parsed(name, value)
    return found


def _prompts(options: SampleOptions) -> tuple[str, ...]:
    prompts = options.prompts
    if prompts is None:
        return ()
    if options.prompt is not None:
        raise SettingError("prompt and prompts exclude each other.", hint="leave out one of them.")
    if isinstance(prompts, str | Path):
        text = text_of(Path(prompts), _MOST_BYTES, "divide the file.")
        prompts = [line.strip() for line in text.split("\n")]
        prompts = [line for line in prompts if line]
    if not prompts:
        raise SettingError(
            "There are no prompts.", why="the file is empty", hint="write one on every line."
        )
    return tuple(prompts)


def _blend(spec: Spec, words: str | None, options: SampleOptions, medium: Coding) -> Blend | None:
    """The second prompt of a request.

    Raises:
        SettingError: It is not clear where or when the second prompt holds.
    """
    if options.to is None:
        if options.region is not None or options.steps_between is not None:
            name = "region" if options.region is not None else "steps_between"
            raise SettingError(f"{name} is for two prompts.", hint="add the second one: --to WORDS")
        return None
    if words is None or options.prompt is None:
        raise SettingError("to is a second prompt.", hint="add the first one: --prompt WORDS")
    if (options.region is None) == (options.steps_between is None):
        raise SettingError(
            "It is not clear how the two prompts are mixed.",
            hint="--region MASK for a part of each sample, or --steps-between 8 for a series.",
        )
    other = {words: spec.conditions[words].parsed("to", options.to)}
    if options.region is not None:
        return Blend(conditions=other, region=medium.region(Path(options.region)))
    count = options.steps_between or 0
    if not 2 <= count <= 100_000 or options.n not in (None, count):
        raise SettingError(
            f"steps_between cannot be {count}.",
            why="it is the number of samples of the series, at least 2"
            + ("" if options.n is None else f", and n is {options.n}"),
        )
    return Blend(conditions=other, first=options.first, count=count)


def _refuse_twice(words: str) -> None:
    raise SettingError(
        f"The prompt and the condition '{words}' exclude each other.", hint="leave out one of them."
    )


def _refuse_words(run: str, spec: Spec) -> None:
    hint = "train on files with captions, a .txt beside each: sfumato train FOLDER"
    if spec.classes:
        hint = f"use a class: --label {spec.data.classes[0]}; or {hint}"
    raise SettingError(
        f"The run '{run}' takes no words.", why="it was trained without captions", hint=f"{hint}."
    )
