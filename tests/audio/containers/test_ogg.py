"""Chained and multiplexed Ogg files, and damage in one of their links."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ser_stream.audio.containers.ogg import page_checksum
from sound_files import decoded, encoded, noise, read

LINKS = {
    "ogg": [(noise(5), 16_000), (noise(4, 44_100, 2), 44_100), (noise(3, 22_050), 22_050)],
    "opus": [(noise(5), 16_000), (noise(4, 48_000, 2), 48_000), (noise(3, 24_000), 24_000)],
}


@pytest.fixture(params=["ogg", "opus"])
def links(request):
    """Three files of 5, 4 and 3 s with different rates and channels."""
    return [encoded(samples, rate_hz, request.param) for samples, rate_hz in LINKS[request.param]]


def pages(content: bytes) -> list[bytes]:
    """The pages of an undamaged Ogg file."""
    found = []
    while content:
        begin = 27 + content[26]
        length = begin + sum(content[27:begin])
        found.append(content[:length])
        content = content[length:]
    return found


def page(packet: bytes, flags: int, serial: int, number: int) -> bytes:
    """A page with one packet of less than 255 bytes."""
    header = b"OggS\0" + struct.pack("<BQIIIBB", flags, 0, serial, number, 0, 1, len(packet))
    content = header + packet
    return content[:22] + page_checksum(content) + content[26:]


def test_the_checksum_is_that_of_the_ogg_library(links):
    for one in pages(links[0]):
        assert page_checksum(one) == one[22:26]


def test_all_links_are_read_with_their_own_rates_and_channels(links, tmp_path):
    sound, error = read(tmp_path / "sound", b"".join(links))
    assert error == ""
    for part, link in zip(sound, links, strict=True):
        np.testing.assert_allclose(part, decoded(link), atol=1e-4)


def test_a_damaged_page_loses_its_own_sound_only(links, tmp_path):
    second = pages(links[1])
    damaged = bytearray(second[3])
    damaged[len(damaged) // 2] ^= 0xFF
    content = links[0] + b"".join([*second[:3], bytes(damaged), *second[4:]]) + links[2]
    sound, error = read(tmp_path / "sound", content)
    assert [len(part) for part in (sound[0], sound[2])] == [
        len(decoded(link)) for link in (links[0], links[2])
    ]
    rate_hz = len(decoded(links[1])) / 4
    lost_s = 4 - len(sound[1]) / rate_hz
    assert 0 < lost_s < 3
    assert f"skipped {lost_s:.2f} s between 5.00 s and {9 - lost_s:.2f} s" in error
    assert f"({len(damaged)} damaged bytes, the first at byte " in error


def test_pages_that_are_missing_are_noticed(links, tmp_path):
    first = pages(links[0])
    sound, error = read(tmp_path / "sound", b"".join([*first[:3], *first[4:]]))
    assert len(sound[0]) < len(decoded(links[0]))
    assert "1 pages are missing" in error


def test_a_link_that_is_cut_off_does_not_hide_the_next(links, tmp_path):
    sound, error = read(tmp_path / "sound", links[0][: len(links[0]) * 2 // 3] + links[1])
    np.testing.assert_allclose(sound[1], decoded(links[1]), atol=1e-4)
    end_s = len(sound[0]) / 16_000
    assert 1 < end_s < 5
    assert f"skipped sound of unknown length after {end_s:.2f} s (the file is cut off)" in error


def test_a_last_link_that_is_cut_off_is_said(links, tmp_path):
    sound, error = read(tmp_path / "sound", links[0] + links[2][: len(links[2]) * 2 // 3])
    np.testing.assert_allclose(sound[0], decoded(links[0]), atol=1e-4)
    assert error.startswith(
        f"breaks off after {5 + len(sound[1]) / len(decoded(links[2])) * 3:.2f}"
    )


def test_a_link_without_its_first_page_is_said(links, tmp_path):
    lost = b"".join(pages(links[1])[1:])
    sound, error = read(tmp_path / "sound", links[0] + lost + links[2])
    assert [len(part) for part in sound] == [len(decoded(link)) for link in (links[0], links[2])]
    assert f"skipped {len(lost)} bytes after 5.00 s" in error


def test_other_streams_beside_the_sound_are_left_out(links, tmp_path):
    """A skeleton and a video, multiplexed with the sound, page by page."""
    own = pages(links[0])
    beginnings = [page(b"fishead\0" + bytes(56), 2, 1, 0), page(b"\x80theora" + bytes(35), 2, 2, 0)]
    content = b"".join([beginnings[0], own[0], beginnings[1]])
    for number, one in enumerate(own[1:], 1):
        content += page(b"\x01" * 200, 0, 2, number) + one
    content += page(b"", 4, 1, 1)
    sound, error = read(tmp_path / "sound", content + links[1])
    assert error == ""
    np.testing.assert_allclose(sound[0], decoded(links[0]), atol=1e-4)
    np.testing.assert_allclose(sound[1], decoded(links[1]), atol=1e-4)


def test_a_second_sound_beside_the_first_is_said(links, tmp_path):
    first, second = pages(links[0]), pages(links[1])
    content = first[0] + second[0] + b"".join(first[1:]) + b"".join(second[1:])
    sound, error = read(tmp_path / "sound", content)
    np.testing.assert_allclose(sound[0], decoded(links[0]), atol=1e-4)
    assert "a second stream of sound beside the first" in error


def test_a_video_without_sound_is_refused(tmp_path):
    content = page(b"\x80theora" + bytes(35), 2, 2, 0) + page(b"\x01" * 200, 4, 2, 1)
    sound, error = read(tmp_path / "sound.ogg", content)
    assert sound == []
    assert "an Ogg stream without sound" in error
