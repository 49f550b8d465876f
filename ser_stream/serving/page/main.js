// The live page: the browser's microphone, or a stream that is watched.
import { Connection } from "./connection.js";
import { Microphone } from "./microphone.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const MICROPHONE = "microphone";
const MOST_UNSENT_BYTES = 500_000;
const STREAMS_EVERY_MS = 3000;

const view = new View();
let token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
let connection = null;
let microphone = null;
let previous = null; // may still get the estimate of its last turn

function state(kind, text) {
  $("connection").dataset.state = kind;
  $("connection").textContent = text;
}

function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

const handlers = (live, onOpen) => ({
  open: onOpen,
  message(message) {
    if (message.type === "ready") state("on", `${live} ${message.stream}`);
    view.message(message);
  },
  picture: (buffer) => view.paused || view.picture.push(buffer),
  waiting(reason, seconds, ended) {
    const next = ended ? "waiting for it to come back" : `next attempt in ${seconds} s`;
    state(ended ? "off" : "bad", `${reason}; ${next}`);
    view.message({ type: "speaking", speaking: false });
  },
  failed(code, reason) {
    stop();
    if (code === 4401) {
      $("token-form").hidden = false;
      $("token").focus();
    }
    problem(reason);
  },
});

async function start() {
  stop();
  previous?.close();
  problem("");
  view.clear();
  const source = $("source").value;
  state("on", "connecting");
  try {
    if (source === MICROPHONE) await startMicrophone();
    else watch(source.slice("watch:".length));
  } catch (error) {
    stop();
    problem(`microphone: ${error.message}`);
    return;
  }
  $("start").textContent = "Stop";
  $("pause").disabled = false;
}

async function startMicrophone() {
  microphone = await Microphone.open(
    (block) => {
      // Where the network is slow, sound is left out: the service counts time by samples.
      if (connection && connection.backlog < MOST_UNSENT_BYTES) connection.send(block);
    },
    () => {
      stop();
      problem("microphone: it was disconnected");
    },
  );
  connection = new Connection("/v1/stream", token, handlers("listening:", () => {
    connection.send({ type: "hello", rate: microphone.rate, status: true, picture: true, words: true });
    if (view.paused) connection.send({ type: "mute", muted: true });
  }));
}

function watch(name) {
  const path = `/v1/watch?picture=1&stream=${encodeURIComponent(name)}`;
  connection = new Connection(path, token, handlers("watching:", () => {}));
}

function stop() {
  previous?.close();
  if (microphone) connection?.finish();
  else connection?.close();
  microphone?.close();
  pause(false);
  previous = connection;
  connection = microphone = null;
  state("off", "not listening");
  $("start").textContent = "Start";
  $("pause").disabled = true;
}

function pause(on) {
  view.paused = on;
  $("pause").textContent = on ? "Continue" : "Pause";
  if (microphone && connection) connection.send({ type: "mute", muted: on });
  if (on) state("off", "paused");
  else if (connection) state("on", "listening");
}

async function listStreams() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let streams = [];
  try {
    const answer = await fetch("v1/streams", { headers });
    if (!answer.ok) return;
    streams = (await answer.json()).streams;
  } catch {
    return; // the connection's own state says so
  }
  const select = $("source");
  const known = new Map([...select.options].map((option) => [option.value, option]));
  const wanted = new Set([MICROPHONE, ...streams.map(({ name }) => `watch:${name}`)]);
  for (const value of wanted) {
    if (!known.has(value)) select.add(new Option(value.replace("watch:", "stream "), value));
  }
  for (const [value, option] of known) {
    if (!wanted.has(value) && !option.selected) option.remove();
  }
}

$("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  if (connection || microphone) stop();
  else start();
});
$("pause").addEventListener("click", () => pause(!view.paused));
$("source").addEventListener("change", () => {
  if (connection || microphone) start();
});
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token-form").hidden = true;
  listStreams();
  start();
});
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "s") $("start").click();
  if (event.key === "p") $("pause").click();
  if (event.key === "c") view.clear();
});

const asked = new URLSearchParams(location.search).get("watch");
if (asked !== null) {
  $("source").add(new Option(asked ? `stream ${asked}` : "the only stream", `watch:${asked}`, true, true));
  start();
}
listStreams();
setInterval(listStreams, STREAMS_EVERY_MS);
