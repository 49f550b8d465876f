// What the page shows of messages. Nothing here knows where they come from.
import { hueOf } from "./palette.js";
import { Picture } from "./picture.js";
import { Plane } from "./plane.js";
import { REASONS, Turns } from "./turns.js";

const $ = (id) => document.getElementById(id);
const QUIETEST_DBFS = -70;
const PROBLEMS = ["source", "inference", "sound", "text_error"];

export class View {
  constructor() {
    this.paused = false;
    this.picture = new Picture($("waveform"), $("spectrum"));
    this.plane = new Plane($("plane"));
    this.turns = new Turns($("turns"), $("no-turns"));
    this.bars = new Map();
    const slow = matchMedia("(prefers-reduced-motion: reduce)");
    let last = 0;
    const draw = (now) => {
      // Without motion, the picture is renewed once a second instead of flowing.
      if (!this.paused && (!slow.matches || now - last > 1000)) {
        last = now;
        this.picture.draw();
      }
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  }

  clear() {
    this.picture.clear();
    this.plane.clear();
    this.turns.clear();
    this.#name("\u2013", "", "Nothing has been said yet.");
    for (const id of ["confidence", "voice", "latency"]) $(id).textContent = "\u2013";
    this.#words("");
    this.#score({});
  }

  message(message) {
    if (message.type === "ready") this.#ready(message);
    if (this.paused) return;
    if (message.type === "speaking") this.#speaking(message.speaking);
    if (message.type === "estimate") this.#estimate(message);
    if (message.type === "speech") this.#words(message.text);
    if (message.type === "status" || message.type === "finished") this.#status(message);
  }

  #ready({ model, labels, valence_arousal: origin }) {
    $("model").textContent = model;
    $("plane-note").textContent =
      origin === "model" ? "An output of the model." : "Computed from the scores of the emotions.";
    this.bars = new Map(labels.map((label) => [label, bar(label)]));
    $("bars").replaceChildren(...[...this.bars.values()].map(({ row }) => row));
  }

  #words(text) {
    $("words").textContent = text;
    $("words").hidden = !text;
  }

  #speaking(on) {
    $("speaking").dataset.on = on;
    $("speaking-text").textContent = on ? "someone speaks" : "silence";
  }

  #estimate(estimate) {
    const { expression, reason, confidence } = estimate;
    const why = expression
      ? estimate.trigger === "utterance" ? "the whole turn" : "the last seconds"
      : REASONS[reason] ?? reason;
    this.#name(expression || "unsure", expression, why);
    if (reason === "short") $("expression").textContent = "too short";
    $("confidence").textContent = `${Math.round(100 * confidence)} %`;
    $("voice").textContent = estimate.voice_known_s
      ? `${estimate.voice_known_s.toFixed(0)} of 20 s` : "new voice";
    if (estimate.trigger === "interval") {
      $("latency").textContent = `${Math.round(estimate.latency_ms)} ms`;
    }
    this.#score(estimate.scores);
    this.plane.add(estimate);
    if (estimate.trigger !== "utterance") return;
    this.turns.add(estimate);
    const said = expression ? `${expression}, ${Math.round(100 * confidence)} percent` : why;
    $("announcement").textContent = `Turn ${estimate.turn}: ${said}`;
  }

  #name(text, label, why) {
    $("expression").textContent = text;
    $("expression").style.setProperty("--hue", label ? hueOf(label) : "var(--line)");
    $("why").textContent = why;
  }

  #score(scores) {
    const best = Math.max(0, ...Object.values(scores));
    for (const [label, { row, track, fill, number }] of this.bars) {
      const score = scores[label] ?? 0;
      fill.style.setProperty("--share", score);
      track.setAttribute("aria-valuenow", Math.round(100 * score));
      number.textContent = `${Math.round(100 * score)} %`;
      row.classList.toggle("best", score > 0 && score === best);
    }
  }

  #status(status) {
    const level = Math.max(QUIETEST_DBFS, Math.min(0, status.level_dbfs));
    $("level").firstElementChild.style.setProperty("--share", 1 - level / QUIETEST_DBFS);
    $("level").setAttribute("aria-valuenow", Math.round(level));
    $("level-text").textContent = `${Math.round(status.level_dbfs)} dBFS`;
    const problems = PROBLEMS.map((name) => status[name]).filter(Boolean);
    if (status.skipped) problems.push(`${status.skipped} windows skipped`);
    if (status.dropped_s) problems.push(`${status.dropped_s.toFixed(1)} s of sound dropped`);
    if (status.muted) problems.push("muted");
    if (status.asr?.reason) problems.push(`words: ${status.asr.reason}`);
    $("health").textContent = problems.join("; ");
    this.#speaking(status.speaking);
  }
}

function bar(label) {
  const row = document.createElement("div");
  row.className = "bar";
  const name = document.createElement("span");
  const track = document.createElement("div");
  const fill = document.createElement("div");
  const number = document.createElement("span");
  name.textContent = label;
  number.textContent = "0 %";
  track.className = "track";
  fill.className = "fill";
  fill.style.setProperty("--hue", hueOf(label));
  for (const [key, value] of Object.entries({
    role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-valuenow": 0,
  })) track.setAttribute(key, value);
  track.append(fill);
  row.append(name, track, number);
  return { row, track, fill, number };
}
