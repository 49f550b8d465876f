"""Recognition of encoded audio where samples are expected. Needs no ROS."""

from __future__ import annotations

CONTAINERS = {b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC", b"RIFF": "a WAV file"}
"""First bytes of a sound file -> its encoding."""

MPEG_BIT_RATES = {  # in kbit/s, by version and index, of layer III
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MPEG_SAMPLE_RATES = {1: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000)}
"""In Hz, by version and index (ISO 11172-3, 13818-3)."""


def detect_encoding(data: bytes) -> str:
    """Return the name of the encoding that the bytes begin with; "" where they may be samples."""
    for start, name in CONTAINERS.items():
        if data.startswith(start):
            return name
    length = mp3_frame_length(data)
    # Samples can resemble the header of a frame. They are taken for MP3 only if the frame fills the
    # message, as in audio_capture's, or is followed by another frame.
    is_mp3 = length and (length == len(data) or data[length : length + 2] == data[:2])
    return "MP3" if is_mp3 else ""


def mp3_frame_length(data: bytes) -> int:
    """Return the number of bytes of the MP3 frame at the beginning; 0 if there is no frame.

    Frames of MPEG-1 and MPEG-2, layer III, are recognised: 16 to 48 kHz.
    """
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xF6 != 0xF2:
        return 0
    version = 1 if data[1] & 0x08 else 2
    bit_rate, sample_rate, padding = data[2] >> 4, data[2] >> 2 & 3, data[2] >> 1 & 1
    if bit_rate in (0, 15) or sample_rate == 3:
        return 0
    bytes_per_frame = {1: 144, 2: 72}[version] * 1000 * MPEG_BIT_RATES[version][bit_rate]
    return bytes_per_frame // MPEG_SAMPLE_RATES[version][sample_rate] + padding
