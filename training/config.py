# SPDX-License-Identifier: Apache-2.0
"""Experiments as YAML files, checked against pydantic models, with `key=value` overrides."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from training.draft import draft

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Base of every configuration model: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read(path: Path, model: type[Model], overrides: Sequence[str] = ()) -> Model:
    """Read a YAML file into `model`.

    Args:
        path: YAML file holding one mapping.
        model: pydantic model to check against.
        overrides: "dotted.key=value" in order; the value is YAML; a list entry is addressed by its index,
            and the index one past the end appends ("data.3={kind: world, path: w}").

    Raises:
        ValueError: unreadable YAML, or a key or value that `model` does not accept, named with what would be.
        FileNotFoundError: no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No configuration file {path}: give the path of a YAML file.")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML ({error}): correct it there.") from error
    if not isinstance(tree, dict):
        raise ValueError(
            f"{path} holds {type(tree).__name__}, not a mapping of keys to values: correct it there."
        )
    for text in overrides:
        override(tree, text)
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ValueError(f"{path}: {explain(error, model)}") from error


def different(names: Sequence[str]) -> None:
    """For the names of validation sets, which are keys of results.json: ValueError where two are the same."""
    if len(set(names)) != len(names):
        raise ValueError(f"validation sets {list(names)} must have different names")


def write(path: Path, model: BaseModel) -> None:
    """Write `model` as YAML that `read` reads back."""
    with draft(path) as temporary:
        temporary.write_text(yaml.safe_dump(model.model_dump(mode="json"), sort_keys=False), encoding="utf-8")


def differences(one: Any, other: Any) -> list[str]:
    """What nested plain settings have otherwise than others: "dotted.key A instead of B".

    Of absolute paths the last name alone counts, so that a folder can be moved.
    """
    there, here = dict(_flat(one)), dict(_flat(other))
    return [
        f"{key} {there.get(key)} instead of {here.get(key)}"
        for key in here | there
        if here.get(key) != there.get(key)
    ]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings by dotted names, entries of lists of settings by their index."""
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _flat(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str) and Path(value).is_absolute():
        yield name, Path(value).name
    else:
        yield name, value


def override(tree: dict[str, Any], text: str) -> None:
    """Apply one "dotted.key=value" to a tree of mappings and lists, in place.

    Raises:
        ValueError: no "=", a value that is not YAML, or a path that the tree does not have.
    """
    dotted, equals, value_text = text.partition("=")
    if not equals or not dotted:
        raise ValueError(
            f"'{text}' is no override: write key=value, with dots for nesting (schedule.steps=100)."
        )
    try:
        value = yaml.safe_load(value_text)
    except yaml.YAMLError as error:
        raise ValueError(f"The value in '{text}' is not YAML: quote it or correct it.") from error
    node: Any = tree
    *parents, last = dotted.split(".")
    for key in parents:
        node = node.setdefault(key, {}) if isinstance(node, dict) else node[_index(node, key, text)]
    if isinstance(node, dict):
        node[last] = value
        return
    index = _index(node, last, text, append=True)
    if index == len(node):
        node.append(value)
    else:
        node[index] = value


def _index(node: Any, key: str, text: str, append: bool = False) -> int:
    if not isinstance(node, list):
        raise ValueError(f"'{text}' goes into a plain value at '{key}': only mappings and lists have keys.")
    last = len(node) if append else len(node) - 1
    if not key.isdigit() or int(key) > last:
        raise ValueError(f"'{text}' addresses entry '{key}' of a list: give an index from 0 to {last}.")
    return int(key)


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong in a configuration, and what would be right, one clause a mistake."""
    clauses = []
    for item in error.errors():
        where = [part for part in item["loc"] if not isinstance(part, str) or "[" not in part]
        dotted = ".".join(str(part) for part in where)
        if item["type"] == "extra_forbidden":
            known = sorted(_fields_at(model, where[:-1]))
            near = difflib.get_close_matches(str(where[-1]), known, n=1)
            hint = f"did you mean '{near[0]}'" if near else f"known keys there: {', '.join(known)}"
            clauses.append(f"unknown key '{dotted}' ({hint})")
        elif item["type"] == "missing":
            clauses.append(f"missing key '{dotted}'")
        else:
            reason = item["msg"].removeprefix("Value error, ").rstrip(".")
            clauses.append(
                f"'{dotted}' is {item['input']!r}: {reason[:1].lower()}{reason[1:]}" if dotted else reason
            )
    return "; ".join(clauses) + "."


def _fields_at(model: type[BaseModel], where: Sequence[int | str]) -> set[str]:
    """The keys that the model nested at `where` accepts."""
    here = [model]
    for key in where:
        field = next((one.model_fields[key] for one in here if key in one.model_fields), None)
        if field is not None:
            here = _models_in(field.annotation) or here
        else:  # the tag of one of several models, such as its `kind`, or an index
            here = [one for one in here if _has_tag(one, key)] or here
    return {name for one in here for name in one.model_fields}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]


def _has_tag(model: type[BaseModel], tag: int | str) -> bool:
    return any(tag in get_args(field.annotation) for field in model.model_fields.values())
