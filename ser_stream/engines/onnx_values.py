"""Search for weights in ONNX files that are not finite, without the package onnx.

ONNX Runtime does not look for them, and some of its operators turn NaN into a number. The file is
a protocol buffer; of its messages, those with weights are read (onnx.proto, ModelProto)::

    7 graph -> 5 initializer -> 2 data_type, 4 float_data, 8 name, 9 raw_data
            -> 1 node -> 5 attribute -> 5 t -> the same
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

TYPES: dict[int | memoryview | None, str] = {1: "<f4", 10: "<f2", 11: "<f8"}
"""Value of `data_type` -> type of the values in `raw_data`; others are whole numbers."""
PATHS = ((7, 5), (7, 1, 5, 5))
"""Numbers of the fields that lead to tensors."""
DATA_TYPE, FLOAT_DATA, NAME, RAW_DATA = 2, 4, 8, 9


def not_finite(content: memoryview) -> str | None:
    """Return the name of a tensor with NaN, or with infinite values among several; None without.

    A single infinite value is the constant with which attention masks padding.

    Raises:
        ValueError: the content is no protocol buffer.
    """
    for path in PATHS:
        for tensor in _messages(content, path):
            fields = dict(_fields(tensor))
            kind = fields.get(DATA_TYPE)
            raw = fields.get(RAW_DATA, fields.get(FLOAT_DATA, memoryview(b"")))
            if kind not in TYPES or not isinstance(raw, memoryview):
                continue
            values = np.frombuffer(raw, TYPES[kind])
            if np.isnan(values).any() or (values.size > 1 and not np.isfinite(values).all()):
                name = fields.get(NAME, memoryview(b""))
                return bytes(name).decode(errors="replace") if isinstance(name, memoryview) else ""
    return None


def _messages(content: memoryview, path: tuple[int, ...]) -> Iterator[memoryview]:
    """Yield the messages at the end of a path of fields."""
    if not path:
        yield content
        return
    for number, value in _fields(content):
        if number == path[0] and isinstance(value, memoryview):
            yield from _messages(value, path[1:])


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field: a whole number, or the bytes of another kind."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        wire_type = key & 7
        if wire_type == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        length = {1: 8, 5: 4}.get(wire_type)
        if wire_type == 2:
            length, place = _varint(message, place)
        if length is None or place + length > len(message):
            raise ValueError("not a protocol buffer")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return a whole number of seven bits per byte, and the place behind it."""
    number = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place
    raise ValueError("not a protocol buffer")
