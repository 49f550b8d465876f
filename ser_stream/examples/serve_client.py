"""Sends a WAV file to `ser-stream serve` and prints the estimates: a client in 30 lines.

pip install websockets
python -m ser_stream.examples.serve_client speech.wav [ws://localhost:8765/v1/stream]
"""

import asyncio
import json
import sys
import wave

import websockets


async def main(path: str, url: str = "ws://localhost:8765/v1/stream") -> None:
    with wave.open(path) as sound:  # 16-bit samples
        rate, channels = sound.getframerate(), sound.getnchannels()
        blocks = iter(lambda: sound.readframes(rate // 10), b"")
        async with websockets.connect(url) as service:
            hello = {"type": "hello", "rate": rate, "channels": channels, "live": False}
            await service.send(json.dumps(hello))
            sending = asyncio.create_task(send(service, blocks))
            async for text in service:
                message = json.loads(text)
                if message["type"] in ("estimate", "error"):
                    print(json.dumps(message), flush=True)
            await sending


async def send(service, blocks) -> None:
    for block in blocks:
        await service.send(block)
    await service.send('{"type": "finish"}')


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
