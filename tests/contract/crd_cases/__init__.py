"""Reads the definitions in `crds/` and the cases beside this file; decides nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
CRDS = ROOT / "crds"
KINDS = ("remediationproposals", "signoffs", "admittedchanges", "reversibilitypolicies")
NAMESPACED = ("remediationproposals", "signoffs", "admittedchanges")
IMMUTABLE = NAMESPACED

Json = Any
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class BadCase:
    name: str
    object: dict[str, Json]
    error: str
    also: str
    # Whether more than one complaint is to be expected.
    several: bool


@dataclass(frozen=True, slots=True)
class Cases:
    full: dict[str, Json]
    good: dict[str, dict[str, Json]]
    bad: tuple[BadCase, ...]
    opaque: frozenset[Path_]
    elsewhere: frozenset[str]
    optional: frozenset[str]


def load_crd(plural: str) -> dict[str, Json]:
    crd: dict[str, Json] = yaml.safe_load((CRDS / f"{plural}.cutline.dev.yaml").read_text())
    return crd


def version_of(crd: dict[str, Json]) -> dict[str, Json]:
    (version,) = crd["spec"]["versions"]
    assert isinstance(version, dict)
    return version


def root_schema(plural: str) -> dict[str, Json]:
    schema: dict[str, Json] = version_of(load_crd(plural))["schema"]["openAPIV3Schema"]
    return schema


def merge(target: Json, patch: Json) -> Json:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
            continue
        result[key] = merge(result.get(key), value)
    return result


def load_cases(plural: str) -> Cases:
    raw = yaml.safe_load((Path(__file__).parent / f"{plural}.yaml").read_text())
    full = raw["full"]
    return Cases(
        full=full,
        good={"everything": full} | {case["name"]: merge(full, case["patch"]) for case in raw["good"]},
        bad=tuple(
            BadCase(
                name=case["name"],
                object=merge(full, case["patch"]),
                error=case["error"],
                also=case.get("and", ""),
                several=case.get("several", False),
            )
            for case in raw["bad"]
        ),
        opaque=frozenset(
            tuple(int(part) if part.isdigit() else part for part in path.split(".")) for path in raw["opaque"]
        ),
        elsewhere=frozenset(raw["elsewhere"]),
        optional=frozenset(raw["optional"].split()),
    )


def walk(schema: dict[str, Json], path: str = "") -> Iterator[tuple[str, dict[str, Json]]]:
    """Every node of a schema with its dotted path; `[]` is a list's item, `{}` a map's value."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


def members(value: Json, path: Path_ = ()) -> Iterator[tuple[Path_, Json]]:
    """Every member of an object, the object itself first."""
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from members(child, (*path, key))
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield from members(child, (*path, index))


def schema_path(path: Path_, schema: dict[str, Json]) -> str:
    """Where in the schema, in the notation of `walk`, a member of an object is described."""
    result = ""
    for part in path:
        if isinstance(part, int):
            result, schema = f"{result}[]", schema["items"]
        elif part in schema.get("properties", {}):
            result, schema = (f"{result}.{part}" if result else part), schema["properties"][part]
        else:
            result, schema = f"{result}{{}}", schema["additionalProperties"]
    return result


def replaced(obj: dict[str, Json], path: Path_, value: Json) -> dict[str, Json]:
    """A copy of the object with one member set to something else."""
    result = copy.deepcopy(obj)
    place: Json = result
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return result


def without(obj: dict[str, Json], path: Path_) -> dict[str, Json]:
    """A copy of the object that lacks one member."""
    result = copy.deepcopy(obj)
    place: Json = result
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    return result


def pointer(path: Path_) -> str:
    """The path as a JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def shown(path: Path_) -> str:
    """The path as the API server prints it in errors."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
