"""Settings as frozen dataclasses: read strictly from plain mappings, changed by name, given back as mappings.

An unknown name is an error that offers the nearest known one, so no setting passes silently.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Settings = TypeVar("Settings")

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def from_mapping(kind: type[Settings], values: Mapping[str, Any], *, where: str = "") -> Settings:
    """A dataclass from nested mappings of its fields, as a TOML file gives them.

    ValueError names the field by its path for unknown and missing names and for values of another type; what
    `__post_init__` raises comes with the path of its table.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{where or 'settings'}: is {values!r}, must be a table")
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise ValueError(f"{_path(where, name)}: unknown setting, {hint}")
    given = {}
    for name, field in known.items():
        path = _path(where, name)
        if name in values:
            given[name] = _converted(hints[name], values[name], path)
        elif field.default is MISSING and field.default_factory is MISSING:
            if not is_dataclass(hints[name]):
                raise ValueError(f"{path}: missing")
            given[name] = from_mapping(hints[name], {}, where=path)
    try:
        return kind(**given)
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from None


def to_mapping(settings: Any) -> dict[str, Any]:
    """All fields of a dataclass, nested ones as mappings, tuples as lists: what `from_mapping` reads."""
    mapping = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            value = to_mapping(value)
        mapping[field.name] = list(value) if isinstance(value, tuple) else value
    return mapping


def changed(values: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """The mapping with changes such as `schedule.steps=20`; what is no JSON value counts as text.

    ValueError for a change without `=`, and for one that goes into something that is no table.
    """
    result = json.loads(json.dumps(values))
    for change in changes:
        name, sign, text = change.partition("=")
        *tables, last = (part.strip() for part in name.split("."))
        if not sign or not last:
            raise ValueError(f"{change!r}: changes are written NAME=VALUE, as schedule.steps=20")
        table = result
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ValueError(f"{change!r}: {part} is no table")
        try:
            table[last] = json.loads(text)
        except json.JSONDecodeError:
            table[last] = text
    return result


def _converted(kind: Any, value: Any, path: str) -> Any:
    if is_dataclass(kind):
        return from_mapping(kind, value, where=path)  # pyright: ignore[reportArgumentType]
    origin, options = get_origin(kind), get_args(kind)
    if origin is Literal:
        if value not in options:
            raise ValueError(f"{path}: is {value!r}, must be one of {', '.join(map(repr, options))}")
        return value
    if origin in (Union, UnionType):
        inner = next(option for option in options if option is not type(None))
        return None if value is None else _converted(inner, value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{path}: is {value!r}, must be a list")
        if options[1:] not in ((Ellipsis,), ()) and len(value) != len(options):
            raise ValueError(f"{path}: has {len(value)} values, must have {len(options)}")
        return tuple(_converted(options[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"{path}: is {value!r}, must be {_WORDS[kind]}")
    return value


def _path(where: str, name: str) -> str:
    # The file's name ends in a colon, tables in a dot.
    return f"{where}{'' if where.endswith(': ') else '.'}{name}" if where else name
