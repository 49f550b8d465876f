// Sends a WAV file to `ser-stream serve` and prints the estimates: a client in 30 lines.
//
//   node serve_client.mjs speech.wav [ws://localhost:8765/v1/stream]
//
// Node 22 or newer; Node 20 with --experimental-websocket. In a browser, WebSocket is the same.
import { readFileSync } from "node:fs";

const [path, url = "ws://localhost:8765/v1/stream"] = process.argv.slice(2);
const wav = readFileSync(path); // 16-bit samples
const format = wav.indexOf("fmt ") + 8;
const channels = wav.readUInt16LE(format + 2);
const rate = wav.readUInt32LE(format + 4);
const sound = wav.subarray(wav.indexOf("data") + 8);
const length = Math.floor(rate / 10) * channels * 2; // bytes in 0.1 s

const service = new WebSocket(url);
service.onopen = () => {
  service.send(JSON.stringify({ type: "hello", rate, channels, live: false }));
  for (let start = 0; start < sound.length; start += length) {
    service.send(sound.subarray(start, start + length));
  }
  service.send(JSON.stringify({ type: "finish" }));
};
service.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (["estimate", "error"].includes(message.type)) console.log(JSON.stringify(message));
};
service.onclose = ({ code, reason }) => {
  process.exitCode = code === 1000 ? 0 : 1;
  if (reason) console.error(reason);
};
