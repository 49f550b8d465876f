// Scrolling waveform and log-mel spectrogram. The service sends columns of 20 ms: the lowest and
// the highest sample as signed bytes, then 40 bands from low to high, 0 to 255.
import { VIRIDIS_256, token } from "./palette.js";

const BANDS = 40;
const COLUMN_BYTES = 2 + BANDS;

export class Picture {
  constructor(waveform, spectrum) {
    this.waveform = waveform.getContext("2d");
    this.spectrum = spectrum.getContext("2d");
    this.columns = spectrum.width;
    this.pending = [];
    this.clear();
  }

  clear() {
    this.pending = [];
    for (const context of [this.waveform, this.spectrum]) {
      context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    }
  }

  // Takes a message (an ArrayBuffer); `draw` shows it.
  push(message) {
    const bytes = new Uint8Array(message);
    for (let at = 0; at + COLUMN_BYTES <= bytes.length; at += COLUMN_BYTES) {
      this.pending.push(bytes.subarray(at, at + COLUMN_BYTES));
    }
    this.pending = this.pending.slice(-this.columns);
  }

  draw() {
    const columns = this.pending;
    if (!columns.length) return;
    this.pending = [];
    this.#drawSpectrum(columns);
    this.#drawWaveform(columns);
  }

  #drawSpectrum(columns) {
    const image = new ImageData(columns.length, BANDS);
    columns.forEach((column, x) => {
      for (let band = 0; band < BANDS; band += 1) {
        const at = 4 * ((BANDS - 1 - band) * columns.length + x);
        image.data.set(VIRIDIS_256[column[2 + band]], at);
        image.data[at + 3] = 255;
      }
    });
    shift(this.spectrum, columns.length);
    this.spectrum.putImageData(image, this.columns - columns.length, 0);
  }

  #drawWaveform(columns) {
    const { width, height } = this.waveform.canvas;
    const step = width / this.columns;
    shift(this.waveform, columns.length * step);
    this.waveform.fillStyle = token("--accent");
    columns.forEach((column, i) => {
      const [low, high] = [(column[0] << 24) >> 24, (column[1] << 24) >> 24];
      const top = (height / 2) * (1 - high / 128);
      const bottom = (height / 2) * (1 - low / 128);
      const x = width - (columns.length - i) * step;
      this.waveform.fillRect(x, top, step * 0.8, Math.max(1.5, bottom - top));
    });
  }
}

function shift(context, pixels) {
  const { canvas } = context;
  context.globalCompositeOperation = "copy";
  context.drawImage(canvas, -pixels, 0);
  context.globalCompositeOperation = "source-over";
}
