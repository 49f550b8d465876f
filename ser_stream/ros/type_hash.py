"""The hash by which ROS 2 nodes see that they mean the same message type (REP-2016)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

from ser_stream.ros.messages import MESSAGE_TYPES

# Numbers of type_description_interfaces/msg/FieldType.
_FIELD_TYPES = {
    "int8": 2, "uint8": 3, "int16": 4, "uint16": 5, "int32": 6, "uint32": 7, "int64": 8,
    "uint64": 9, "float32": 10, "float64": 11, "bool": 15, "byte": 16, "string": 17,
}  # fmt: skip
_NESTED_TYPE, _BOUNDED_STRING = 1, 21
_ARRAY, _SEQUENCE = 48, 144  # are added to the number of the elements' type


class FieldType(NamedTuple):
    """A field's type as a .msg file writes it, taken apart.

    Attributes:
        element: "uint8" of "uint8[16]".
        length: 16 of "uint8[16]", 0 of "uint8[]" (any number), None of "uint8".
        bound: 256 of "string<=256", else 0.
    """

    element: str
    length: int | None = None
    bound: int = 0

    @classmethod
    def parse(cls, text: str) -> FieldType:
        """Take it apart.

        >>> FieldType.parse("uint8[16]")
        FieldType(element='uint8', length=16, bound=0)
        """
        element, bracket, length = text.partition("[")
        element, _, bound = element.partition("<=")
        return cls(element, int(length.rstrip("]") or 0) if bracket else None, int(bound or 0))

    @property
    def is_message(self) -> bool:
        return self.element not in _FIELD_TYPES


def type_hash(name: str, types: Mapping[str, Mapping[str, str]] = MESSAGE_TYPES) -> str:
    """RIHS01 hash of a message type, which nodes of Iron and newer compare.

    SHA-256 of the type's description, its own and then those of all types within, by name, as JSON:
    what rosidl_generator_type_description computes (REP-2016, RIHS01).
    """
    within: set[str] = set()
    to_visit = [name]
    while to_visit:
        fields = map(FieldType.parse, types[to_visit.pop()].values())
        new = {field.element for field in fields if field.is_message} - within
        within |= new
        to_visit += new
    description = {
        "type_description": _describe(name, types[name]),
        "referenced_type_descriptions": [_describe(each, types[each]) for each in sorted(within)],
    }
    return "RIHS01_" + hashlib.sha256(json.dumps(description).encode()).hexdigest()


def _describe(name: str, fields: Mapping[str, str]) -> dict:
    return {
        "type_name": name,
        "fields": [
            {"name": field, "type": _describe_field(kind)} for field, kind in fields.items()
        ],
    }


def _describe_field(text: str) -> dict:
    field = FieldType.parse(text)
    number = _BOUNDED_STRING if field.bound else _FIELD_TYPES.get(field.element, _NESTED_TYPE)
    if field.length is not None:
        number += _ARRAY if field.length else _SEQUENCE
    return {
        "type_id": number,
        "capacity": field.length or 0,
        "string_capacity": field.bound,
        "nested_type_name": field.element if field.is_message else "",
    }
