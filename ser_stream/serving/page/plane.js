// The valence-arousal plane, with the trail of the last estimates.
import { hueOf, token } from "./palette.js";

const TRAIL = 20;
const CORNERS = [
  ["tense", -1, 1], ["excited", 1, 1], ["gloomy", -1, -1], ["calm", 1, -1],
];

export class Plane {
  constructor(canvas) {
    this.canvas = canvas;
    this.points = [];
    this.draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    addEventListener("resize", () => this.draw());
  }

  clear() {
    this.points = [];
    this.canvas.setAttribute("aria-label", "no estimate yet");
    this.draw();
  }

  add({ valence, arousal, expression }) {
    this.points = [...this.points, { valence, arousal, expression }].slice(-TRAIL);
    this.canvas.setAttribute(
      "aria-label",
      `valence ${valence.toFixed(2)}, arousal ${arousal.toFixed(2)}, from -1 to 1`,
    );
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    const place = ({ valence, arousal }) => [
      (width / 2) * (1 + 0.88 * valence), (height / 2) * (1 - 0.84 * arousal),
    ];
    context.clearRect(0, 0, width, height);
    context.strokeStyle = token("--line");
    context.lineWidth = 2;
    line(context, [0, height / 2], [width, height / 2]);
    line(context, [width / 2, 0], [width / 2, height]);
    context.fillStyle = token("--quiet");
    // At least 13 pixels of the page, however small it is.
    const size = Math.max(22, Math.round((13 * width) / (this.canvas.clientWidth || width)));
    context.font = `${size}px system-ui, sans-serif`;
    for (const [name, x, y] of CORNERS) {
      context.textAlign = x < 0 ? "left" : "right";
      context.fillText(name, x < 0 ? 12 : width - 12, y > 0 ? size + 8 : height - 14);
    }
    context.textAlign = "right";
    context.fillText("valence +", width - 12, height / 2 - 8);
    context.textAlign = "left";
    context.fillText("arousal +", width / 2 + 10, size + 8);
    this.points.forEach((point, i) => {
      const share = (i + 1) / this.points.length;
      context.globalAlpha = 0.15 + 0.85 * share ** 2;
      if (i) {
        context.strokeStyle = token("--quiet");
        line(context, place(this.points[i - 1]), place(point));
      }
      context.beginPath();
      context.arc(...place(point), 5 + 8 * share, 0, 2 * Math.PI);
      context.fillStyle = point.expression ? hueOf(point.expression) : token("--quiet");
      context.fill();
    });
    context.globalAlpha = 1;
  }
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}
