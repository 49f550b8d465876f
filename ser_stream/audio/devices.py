"""Microphones: listing and choosing one. PortAudio is loaded at the first call."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ser_stream.audio.portaudio import load_portaudio, run_call
from ser_stream.errors import InputError

NO_DEVICE = (
    "no microphone found. In a container, pass the sound cards (--device /dev/snd) or PulseAudio's "
    "socket (-v $XDG_RUNTIME_DIR/pulse/native:/run/pulse -e PULSE_SERVER=unix:/run/pulse)"
)


@dataclass(frozen=True)
class Device:
    """One audio input as PortAudio lists it."""

    index: int
    """PortAudio's number of the device; it may change when devices are plugged in or out."""
    name: str
    host_api: str
    channels: int
    """Maximum number of channels; sound servers claim 32 and more, which do not exist."""
    default_rate_hz: int
    is_default: bool

    @property
    def is_server(self) -> bool:
        """Whether it is a sound server, such as PulseAudio or PipeWire, not a sound card.

        ALSA names a card's devices with their numbers, such as "USB Audio (hw:1,0)".
        """
        return self.host_api == "ALSA" and self.channels > 8 and "(hw:" not in self.name


def list_devices() -> list[Device]:
    """Return all audio inputs.

    PortAudio looks for devices when it starts; `rescan` finds those plugged in later.

    Raises:
        InputError: PortAudio is not installed, cannot be started or does not respond.
    """
    return run_call(_listed)


def _listed() -> list[Device]:
    sounddevice = load_portaudio()
    default = sounddevice.default.device[0]
    host_apis = sounddevice.query_hostapis()
    return [
        Device(
            index=device["index"],
            name=device["name"],
            host_api=host_apis[device["hostapi"]]["name"],
            channels=device["max_input_channels"],
            default_rate_hz=round(device["default_samplerate"]),
            is_default=device["index"] == default,
        )
        for device in sounddevice.query_devices()
        if device["max_input_channels"] > 0
    ]


def find_device(query: str | int | None = None) -> Device:
    """Return the device that `query` identifies.

    Args:
        query: None or "" for the system's default; an index (also as digits); a name; or a part
            of one name, ignoring case. Of several devices with exactly this name, the first is
            taken: PortAudio lists its preferred host API first.

    Raises:
        InputError: no device or several devices match, or PortAudio cannot be used.
    """
    devices = list_devices()
    if not devices:
        raise InputError(NO_DEVICE)
    if query is None or query == "":
        found = [device for device in devices if device.is_default]
        problem = "there is no default microphone"
    elif isinstance(query, int) or query.isdecimal():
        found = [device for device in devices if str(device.index) == str(query)]
        problem = f"there is no microphone {query}"
    else:
        found = [device for device in devices if device.name == query][:1] or [
            device for device in devices if query.casefold() in device.name.casefold()
        ]
        problem = f"{'several microphones match' if found else 'there is no microphone'} {query!r}"
    if len(found) != 1:
        choice = ", ".join(f"{device.index} {device.name!r}" for device in found or devices)
        raise InputError(f"{problem}; choose one of: {choice} (more with `ser-stream devices`)")
    return found[0]


def rescan() -> None:
    """Let PortAudio look for devices again.

    It does so only when it starts, so it is stopped first, which ends all streams of this process.

    Raises:
        InputError: PortAudio cannot be started again, or does not respond.
    """
    run_call(_restart)


def _restart() -> None:
    sounddevice = load_portaudio()
    with suppress(sounddevice.PortAudioError):  # not running, where its last start failed
        sounddevice._terminate()
    try:
        sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        raise InputError(f"PortAudio cannot be started: {error}") from error


def sound_cards() -> str:
    """Return the kernel's list of sound cards; "" on systems other than Linux."""
    try:
        return Path("/proc/asound/cards").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
