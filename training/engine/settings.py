# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Settings from YAML: every one checked against its dataclass, single ones changed by ``a.b=c``."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from seg3d2d_ros.yaml_problem import yaml_problem

Section = TypeVar("Section")


class ExperimentError(ValueError):
    """An experiment is malformed; the message is one sentence."""


def differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> str:
    """The settings in which two mappings of experiments differ, such as ``training.steps``."""
    names = []
    for key in sorted({*one, *other}):
        a, b = one.get(key), other.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            names.append(differences(a, b, f"{prefix}{key}."))
        elif a != b:
            names.append(f"{prefix}{key}")
    return ", ".join(name for name in names if name)


def plain(value: Any) -> Any:
    """Of a dataclass's mapping, what YAML holds: lists instead of tuples."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


def build_section(section: type[Section], mapping: Any, where: str = "") -> Section:
    """A dataclass from a mapping, sections within it likewise.

    Args:
        section: the dataclass; its annotations say what each setting must be.
        mapping: settings by name.
        where: name of the section, for messages; empty for the experiment itself.

    Raises:
        ExperimentError: if a setting is missing, unknown or of the wrong type.
    """
    if not isinstance(mapping, Mapping):
        raise ExperimentError(f"{where or 'the experiment'} must be a mapping, not {mapping!r}")
    kinds = typing.get_type_hints(section)
    unknown = sorted(str(key) for key in mapping if key not in kinds)
    if unknown:
        raise ExperimentError(
            f"{where or 'the experiment'} has no setting '{unknown[0]}'; it has {', '.join(kinds)}"
        )
    prefix = f"{where}." if where else ""
    values = {key: _convert(value, kinds[key], prefix + key) for key, value in mapping.items()}
    fields: Sequence[dataclasses.Field[Any]] = dataclasses.fields(section)  # type: ignore[arg-type]
    for entry in fields:
        required = (
            entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        )
        if required and entry.name not in values:
            raise ExperimentError(f"setting '{prefix}{entry.name}' is missing")
    return section(**values)


def _convert(value: Any, wanted: Any, where: str) -> Any:
    """Check a YAML value against a type annotation; whole numbers pass as floats."""
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        return build_section(wanted, value, where)
    origin = typing.get_origin(wanted) or wanted
    if origin is tuple:
        return _convert_tuple(value, typing.get_args(wanted), where)
    if origin is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, origin) or (isinstance(value, bool) and origin is not bool):
        raise ExperimentError(
            f"{where} is {value!r}, must be of type {origin.__name__}{_number_hint(value, origin)}"
        )
    return value


def _number_hint(value: Any, wanted: Any) -> str:
    """How a number is written that YAML takes for text, such as 1e-3."""
    if wanted is not float or not isinstance(value, str):
        return ""
    try:
        mantissa, exponent = f"{float(value):.15e}".split("e")
    except ValueError:
        return ""
    return f"; YAML reads that as text, write {float(mantissa)!r}e{int(exponent):+d}"


def _convert_tuple(value: Any, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        if not isinstance(value, (list, tuple)):
            raise ExperimentError(f"{where} is {value!r}, must be a list")
        return tuple(_convert(element, kinds[0], where) for element in value)
    if isinstance(value, (list, tuple)) and len(value) == len(kinds):
        pairs = zip(value, kinds, strict=True)
        return tuple(_convert(element, kind, where) for element, kind in pairs)
    raise ExperimentError(f"{where} is {value!r}, must be a list of {len(kinds)}")


def read_settings(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The mapping in an experiment file, with overrides applied.

    A file that ``extends`` another one, named relative to its own folder, has all settings of that
    one which it does not set itself; of mappings within mappings likewise.

    Args:
        path: YAML file.
        overrides: each ``section.setting=value``; the value is read as YAML.

    Raises:
        ExperimentError: if a file cannot be read, files extend each other in a circle, or an
            override is malformed.
    """
    mapping = _read_extended(Path(path), ())
    for override in overrides:
        _apply(override, mapping)
    return mapping


def _read_extended(path: Path, extending: tuple[Path, ...]) -> dict[str, Any]:
    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExperimentError(f"cannot read experiment {path}: {yaml_problem(error)}") from error
    if not isinstance(mapping, dict):
        raise ExperimentError(f"experiment {path} is no YAML mapping")
    if "extends" not in mapping:
        return mapping
    other = mapping.pop("extends")
    if not isinstance(other, str):
        raise ExperimentError(f"experiment {path}: extends is {other!r}, must name one file")
    if path.resolve() in extending:
        raise ExperimentError(f"experiment {path} extends itself")
    return _merged(_read_extended(path.parent / other, (*extending, path.resolve())), mapping)


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """All of both, changes before what they change."""
    result = dict(base)
    for key, value in changes.items():
        inner = result.get(key)
        if isinstance(inner, dict) and isinstance(value, Mapping):
            result[key] = _merged(inner, value)
        else:
            result[key] = value
    return result


def _apply(override: str, mapping: dict[str, Any]) -> None:
    target, separator, text = override.partition("=")
    *sections, setting = target.split(".")
    if not separator or not setting:
        raise ExperimentError(f"'{override}' is no override; write section.setting=value")
    node = mapping
    for section in sections:
        node = node.setdefault(section, {})
        if not isinstance(node, dict):
            raise ExperimentError(f"'{override}': '{section}' is a value, not a section")
    try:
        node[setting] = yaml.safe_load(text) if text.strip() else ""
    except yaml.YAMLError as error:
        raise ExperimentError(f"'{override}': the value is no YAML") from error
