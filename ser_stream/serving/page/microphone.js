// The browser's microphone as blocks of 16-bit samples.
export class Microphone {
  // Calls `onBlock` with each ArrayBuffer, and `onEnd` when the microphone is unplugged.
  static async open(onBlock, onEnd) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("the browser gives the microphone to https pages and to localhost only");
    }
    const stream = await navigator.mediaDevices.getUserMedia({
      // The network was trained on sound as it is.
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const context = new AudioContext();
    await context.audioWorklet.addModule("worklet.js");
    const worklet = new AudioWorkletNode(context, "blocks", { numberOfOutputs: 0 });
    worklet.port.onmessage = ({ data }) => onBlock(data);
    context.createMediaStreamSource(stream).connect(worklet);
    stream.getAudioTracks()[0].addEventListener("ended", onEnd);
    await context.resume();
    return new Microphone(context, stream);
  }

  constructor(context, stream) {
    this.context = context;
    this.stream = stream;
    this.rate = context.sampleRate;
  }

  close() {
    this.stream.getTracks().forEach((track) => track.stop());
    this.context.close();
  }
}
