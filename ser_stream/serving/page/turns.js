// The turns so far, the newest first.
import { hueOf } from "./palette.js";

const MOST = 100;

export const REASONS = {
  unsure: "not sure enough to name one", short: "too little speech to judge",
};

export class Turns {
  constructor(list, empty) {
    this.list = list;
    this.empty = empty;
  }

  clear() {
    this.list.replaceChildren();
    this.empty.hidden = false;
  }

  // Adds the estimate of a turn; a second one, with words, takes the place of the first.
  add(estimate) {
    const key = String(estimate.turn);
    const known = [...this.list.children].find((item) => item.dataset.turn === key);
    if (known && estimate.modality !== "audio" && !estimate.expression) return;
    const item = document.createElement("li");
    item.dataset.turn = key;
    item.value = estimate.turn;
    item.append(...describe(estimate));
    if (known) known.replaceWith(item);
    else this.list.prepend(item);
    while (this.list.children.length > MOST) this.list.lastChild.remove();
    this.empty.hidden = true;
  }
}

function describe(estimate) {
  const what = element("span", "what", estimate.expression || "no emotion named");
  what.style.setProperty("--hue", estimate.expression ? hueOf(estimate.expression) : "");
  const certain = Math.round(100 * estimate.confidence);
  const detail = estimate.expression
    ? ` ${certain} % `
    : ` ${REASONS[estimate.reason] ?? estimate.reason} `;
  const length = (estimate.end_s - estimate.start_s).toFixed(1);
  const when = element("span", "when", `at ${clock(estimate.start_s)}, ${length} s`);
  const parts = [what, document.createTextNode(detail), when];
  if (estimate.words?.length) parts.push(wordsOf(estimate.words));
  return parts;
}

function wordsOf(words) {
  const paragraph = element("div", "words", "");
  const most = Math.max(...words.map((word) => word.text_attention ?? 0)) || 1;
  words.forEach((word, i) => {
    const part = element("span", "", word.text);
    if (word.text_attention !== undefined) {
      part.style.setProperty("--weight", word.text_attention / most);
      part.title = `attention ${word.text_attention.toFixed(2)}`;
    }
    paragraph.append(i ? " " : "", part);
  });
  return paragraph;
}

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
