import pytest

from ser_stream.audio import devices
from ser_stream.audio.devices import Device, find_device
from ser_stream.errors import InputError


def _device(index: int, name: str, is_default: bool = False) -> Device:
    return Device(index, name, "ALSA", 2, 48_000, is_default)


@pytest.mark.parametrize(
    ("query", "index"),
    [(None, 4), ("", 4), (2, 2), ("2", 2), ("USB Mic", 1), ("usb mic 2", 2), ("kin", 4)],
)
def test_a_device_is_found_by_index_and_by_part_of_its_name(monkeypatch, query, index):
    listed = [_device(1, "USB Mic"), _device(2, "USB Mic 2"), _device(4, "Kinect", True)]
    monkeypatch.setattr(devices, "list_devices", lambda: listed)
    assert find_device(query).index == index


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("usb", ["several", "'usb'", "1 'USB Mic'", "2 'USB Mic 2'"]),
        ("webcam", ["'webcam'", "1 'USB Mic'", "2 'USB Mic 2'", "ser-stream devices"]),
        (7, ["7", "1 'USB Mic'", "ser-stream devices"]),
        (None, ["default", "1 'USB Mic'", "ser-stream devices"]),
    ],
)
def test_an_ambiguous_or_unknown_device_lists_the_choices(monkeypatch, query, says):
    listed = [_device(1, "USB Mic"), _device(2, "USB Mic 2")]
    monkeypatch.setattr(devices, "list_devices", lambda: listed)
    with pytest.raises(InputError) as error:
        find_device(query)
    assert all(part in str(error.value) for part in says)
    assert "\n" not in str(error.value)


def test_no_device_at_all_says_what_to_do_in_a_container(monkeypatch):
    monkeypatch.setattr(devices, "list_devices", list)
    with pytest.raises(InputError, match="--device /dev/snd"):
        find_device()
