"""Reads charts/cutline/values.schema.json as a list of values, each with all that is said of it.

The schema is the one place where a value is explained. It refuses a property without a
description: what cannot be explained cannot be documented either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "map",
}


class UndescribedError(Exception):
    """A property of the schema says nothing about itself."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value: `path` is what --set would name, with [] for the items of a list."""

    path: str
    description: str
    type: str
    constraints: tuple[str, ...]
    examples: tuple[Any, ...]
    has_parts: bool


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What one value must be while others are as they are."""

    title: str
    path: str
    must_be: str


def values_of(schema: Schema) -> list[Value]:
    """Every value, in the order of the schema, each before its parts."""
    return list(_walk(schema, schema, ""))


def contradictions_of(schema: Schema) -> list[Contradiction]:
    """The rules about several values at once."""
    found = []
    for path, node in [("", schema), *_objects(schema, schema, "")]:
        for rule in node.get("allOf", ()):
            found += [
                Contradiction(rule["title"], _joined(path, inner), must) for inner, must in _sentences(rule["then"], "")
            ]
    return found


def _walk(root: Schema, node: Schema, path: str) -> Iterator[Value]:
    for name, written in node.get("properties", {}).items():
        inner = _joined(path, name)
        child = _resolved(root, written)
        if not child.get("description"):
            raise UndescribedError(f"{inner}: write a description in values.schema.json")
        items = _resolved(root, child.get("items", {}))
        parts = "properties" in child or "properties" in items
        yield Value(
            path=inner,
            description=child["description"],
            type=_type(root, child),
            constraints=tuple(_constraints(child, items)),
            examples=tuple(child.get("examples", ())),
            has_parts=parts,
        )
        yield from _walk(root, child, inner)
        yield from _walk(root, items, f"{inner}[]")


def _objects(root: Schema, node: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    for name, written in node.get("properties", {}).items():
        child = _resolved(root, written)
        yield _joined(path, name), child
        yield from _objects(root, child, _joined(path, name))


def _resolved(root: Schema, node: Schema) -> Schema:
    """The definition that `node` refers to, under what `node` says itself."""
    reference = node.get("$ref")
    if reference is None:
        return node
    definition = root["$defs"][reference.removeprefix("#/$defs/")]
    return {**definition, **{key: value for key, value in node.items() if key != "$ref"}}


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _type(root: Schema, node: Schema) -> str:
    if "enum" in node:
        *others, last = [f"`{value}`" for value in node["enum"]]
        return f"{', '.join(others)} or {last}"
    if node["type"] == "array":
        items = _resolved(root, node["items"])
        return "list of maps" if items["type"] == "object" else f"list of {_TYPES[items['type']]}s"
    return _TYPES[node["type"]]


def _constraints(node: Schema, items: Schema) -> Iterator[str]:
    if "minimum" in node and "maximum" in node:
        yield f"From {node['minimum']} to {node['maximum']}."
    if node.get("minItems"):
        yield f"At least {node['minItems']}."
    if node.get("maxLength"):
        yield f"At most {node['maxLength']} characters."
    for _, must in _sentences(node.get("then", {}), ""):
        yield f"Must be {must}."
    for _, must in _sentences(items.get("then", {}), ""):
        yield f"Each must be {must}."


def _sentences(then: Schema, path: str) -> Iterator[tuple[str, str]]:
    """The constants in a `then`, each what Helm prints after `value must be`, with where it stands."""
    if "const" in then:
        yield path, then["const"]
    for name, child in then.get("properties", {}).items():
        yield from _sentences(child, _joined(path, name))
