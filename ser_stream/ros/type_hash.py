"""The hash by which ROS 2 nodes recognise that their message types are equal (REP-2016)."""

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
_ARRAY, _SEQUENCE = 48, 144  # added to the number of the elements' type


class FieldType(NamedTuple):
    """The parts of a field's type, as a .msg file writes it.

    Attributes:
        element: type of one element: "uint8" for "uint8[16]".
        length: 16 for "uint8[16]", 0 for "uint8[]" (any length), None for "uint8".
        bound: maximum length of a string: 256 for "string<=256"; 0 = unbounded.
    """

    element: str
    length: int | None = None
    bound: int = 0

    @classmethod
    def parse(cls, text: str) -> FieldType:
        """Parse a type.

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
    """Return the RIHS01 hash of a message type, which nodes of Iron and newer compare.

    It is the SHA-256 of a description of the type in JSON, followed by the descriptions of all
    nested types sorted by name, as rosidl_generator_type_description computes it
    (REP-2016, RIHS01).

    Args:
        name: key of `types`.
        types: definitions in the form of `MESSAGE_TYPES`.
    """
    nested: set[str] = set()
    to_visit = [name]
    while to_visit:
        fields = map(FieldType.parse, types[to_visit.pop()].values())
        new = {field.element for field in fields if field.is_message} - nested
        nested |= new
        to_visit += new
    description = {
        "type_description": _describe(name, types[name]),
        "referenced_type_descriptions": [_describe(each, types[each]) for each in sorted(nested)],
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
