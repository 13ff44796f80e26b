"""The registry of conditions, and what a model does with all conditions of its recipe."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from sfumato.conditioning.caption import Caption
from sfumato.conditioning.condition import Condition, Source, Value, digest_of
from sfumato.conditioning.label import Label
from sfumato.conditioning.number import Number
from sfumato.conditioning.pair import Pair
from sfumato.conditions import Conditions
from sfumato.data.items import Item
from sfumato.nets.inputs import Input
from sfumato.registry import Registry

CONDITIONS: Registry[Condition] = Registry("condition", Condition, (Caption, Label, Number, Pair))
"""The conditions by their ``kind``."""

AnyCondition = Annotated[Condition, CONDITIONS]
"""Any condition with its settings, as read from a spec."""

_TAKEN = frozenset({"x", "level", "label", "length", "segments", "blend", "tokens", "seconds"})
_SECOND = "_second"
"""The end of the names that a blend uses, see ``guidance.blended``."""
_MOST = 16
_GOLDEN = 0.618033988749895
_LONGEST = 40


def _named(conditions: Mapping[str, Condition]) -> Mapping[str, Condition]:
    if len(conditions) > _MOST:
        raise ValueError(f"there are {len(conditions)} conditions, and at most {_MOST} can be used")
    for name in conditions:
        if name in _TAKEN:
            raise ValueError(f"a condition cannot be named '{name}', which has another meaning")
        if name.endswith(_SECOND):
            raise ValueError(
                f"a condition cannot be named '{name}': names in {_SECOND} are those of second "
                "prompts"
            )
        plain = name.isascii() and name.isidentifier() and name == name.lower()
        if not plain or len(name) > _LONGEST:
            raise ValueError(
                f"a condition cannot be named '{name}': use lower-case letters, digits and _"
            )
    return conditions


def _present(tree: Any) -> Any:
    """A mapping without the conditions that were set to nothing, as ``conditions.words=null``."""
    if not isinstance(tree, dict):
        return tree
    return {name: each for name, each in tree.items() if each is not None}


ConditionsByName = Annotated[
    dict[str, AnyCondition], BeforeValidator(_present), AfterValidator(_named)
]
"""The conditions of a recipe, by their names."""


Sources = Mapping[str, Source]
"""What conditions need besides their settings, by their names."""
NO_SOURCES: Sources = MappingProxyType({})


def values_of(conditions: Mapping[str, Condition], item: Item) -> dict[str, Value]:
    """The values of an item, without those that it lacks."""
    found = {name: each.value(item, name) for name, each in conditions.items()}
    return {name: value for name, value in found.items() if value is not None}


def settled(
    conditions: Mapping[str, Condition],
    items: Sequence[Item],
    training: Iterable[int],
    contents: Mapping[str, Callable[[Value], str]] = MappingProxyType({}),
) -> dict[str, Condition]:
    """Conditions with the settings filled in that depend on the data.

    Args:
        conditions: The conditions of a recipe.
        items: All items.
        training: Indices of the training items.
        contents: For each condition whose values are files, a function from a value to the digest
            of the content of its file.
    """
    found = {}
    places = list(training) if conditions else []
    for name, each in conditions.items():
        all_values = ((item.name, each.value(item, name)) for item in items)
        content = contents.get(name)
        if content is not None:
            all_values = ((item, value and content(value)) for item, value in all_values)
        digest = digest_of(all_values)
        values = (each.value(items[place], name) for place in places)
        own = each.settled([value for value in values if value is not None])
        found[name] = own.model_copy(update={"digest": digest})
    return found


def examples_of(
    conditions: Mapping[str, Condition],
    items: Sequence[Item],
    training: Sequence[int],
    most: int,
    classes: Collection[str] = (),
    seconds: Callable[[Sequence[int]], Sequence[float]] | None = None,
) -> tuple[dict[str, Value], ...]:
    """The values of at most ``most`` evenly spaced training items that have any, without files.

    Args:
        conditions: The conditions of a recipe.
        items: All items.
        training: Indices of the training items.
        most: Largest number of examples.
        classes: The classes of the run, one of which is the value ``label``.
        seconds: The lengths of items by their indices, which are the values ``seconds``; None for
            items without a length.
    """
    if not conditions or not training:
        return ()
    drawn = {name: each for name, each in conditions.items() if not each.of_files}
    places = training[:: -(-len(training) // most)]
    lengths = None if seconds is None else seconds(places)
    found = []
    for number, place in enumerate(places):
        values = values_of(drawn, items[place])
        if not values and not classes:
            continue
        # Of several captions a different one each time, evenly (multiples of the golden ratio).
        u = (number * _GOLDEN) % 1
        example = {name: drawn[name].one(value, u) for name, value in values.items()}
        label = items[place].label
        if label is not None and label in classes:
            example["label"] = label
        if lengths is not None and example:
            example["seconds"] = float(lengths[number])
        found.append(example)
    return tuple(values for values in found if values)


def inputs(conditions: Mapping[str, Condition]) -> dict[str, Input]:
    """The inputs of a backbone that take conditions."""
    return {name: each.input() for name, each in conditions.items()}


def rows(
    conditions: Mapping[str, Condition],
    values: Sequence[Mapping[str, Value]],
    sources: Sources = NO_SOURCES,
) -> Conditions:
    """The tensors of some values; what a sample lacks is unknown.

    Args:
        conditions: The conditions of a run.
        values: The values of B samples, by the names of the conditions.
        sources: See :data:`Sources`.
    """
    return Conditions(
        {
            name: each.rows([one.get(name) for one in values], sources.get(name))
            for name, each in conditions.items()
        }
    )
