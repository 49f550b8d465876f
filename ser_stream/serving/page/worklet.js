// Runs in the audio thread: collects 128 samples at a time into blocks of about 40 ms.
class Blocks extends AudioWorkletProcessor {
  constructor() {
    super();
    this.length = Math.round((sampleRate * 0.04) / 128) * 128;
    this.block = new Int16Array(this.length);
    this.used = 0;
  }

  process([channels]) {
    const samples = channels[0];
    if (!samples) return true;
    for (let i = 0; i < samples.length; i += 1) {
      const mean = channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
      this.block[this.used] = Math.max(-32768, Math.min(32767, Math.round(mean * 32768)));
      this.used += 1;
    }
    if (this.used === this.length) {
      this.port.postMessage(this.block.buffer, [this.block.buffer]);
      this.block = new Int16Array(this.length);
      this.used = 0;
    }
    return true;
  }
}

registerProcessor("blocks", Blocks);
