// Reads an MCAP file with Foxglove's own reader, and checks each message against its schema and,
// where Foxglove defines that type, against Foxglove's. Prints a summary as JSON.
//
//   npm install --no-save @mcap/core @mcap/support @foxglove/schemas ajv
//   node tests/support/check_mcap.mjs session.mcap
import { open } from "node:fs/promises";
import { createHash } from "node:crypto";
import { McapIndexedReader } from "@mcap/core";
import { loadDecompressHandlers } from "@mcap/support";
import { generateJsonSchema, foxgloveMessageSchemas } from "@foxglove/schemas/internal.js";
import Ajv from "ajv";

class File {
  constructor(handle, bytes) {
    this.handle = handle;
    this.bytes = bytes;
  }

  async size() {
    return BigInt(this.bytes);
  }

  async read(offset, length) {
    const buffer = new Uint8Array(Number(length));
    const { bytesRead } = await this.handle.read(buffer, 0, Number(length), Number(offset));
    if (bytesRead !== Number(length)) throw new Error("the file is cut off");
    return buffer;
  }
}

const handle = await open(process.argv[2]);
const reader = await McapIndexedReader.Initialize({
  readable: new File(handle, (await handle.stat()).size),
  decompressHandlers: await loadDecompressHandlers(),
});
const ajv = new Ajv({ strict: false, allErrors: true });
const text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const checks = new Map(); // id of a schema -> functions that check a message
for (const [id, { name, encoding, data }] of reader.schemasById) {
  if (encoding !== "jsonschema") throw new Error(`${name}: encoding ${encoding}`);
  const found = [ajv.compile(JSON.parse(text(data)))];
  const [scope, type] = name.split(".");
  if (scope === "foxglove") {
    found.push(ajv.compile(generateJsonSchema(foxgloveMessageSchemas[type])));
  }
  checks.set(id, found);
}
const topics = {};
const sound = createHash("sha256");
let last = 0n;
for await (const { channelId, logTime, data } of reader.readMessages()) {
  const { topic, schemaId, messageEncoding } = reader.channelsById.get(channelId);
  if (messageEncoding !== "json") throw new Error(`${topic}: encoding ${messageEncoding}`);
  if (logTime < last) throw new Error(`${topic}: times go back`);
  last = logTime;
  const message = JSON.parse(text(data));
  for (const check of checks.get(schemaId)) {
    if (!check(message)) throw new Error(`${topic}: ${ajv.errorsText(check.errors)}`);
  }
  topics[topic] = (topics[topic] ?? 0) + 1;
  if (topic === "/audio") sound.update(Buffer.from(message.data, "base64"));
}
await handle.close();
console.log(JSON.stringify({ topics, sound: sound.digest("hex") }));
