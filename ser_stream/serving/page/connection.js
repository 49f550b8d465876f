// A WebSocket of the service that comes back after an interruption.
const FINAL = new Set([4400, 4401, 4403, 4409, 4429]); // another attempt would end the same way
const WAITS_S = [1, 2, 4, 8];

export const sockets = (path) =>
  `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;

export class Connection {
  // Calls `on.open(send)`, `on.message(object)`, `on.picture(buffer)`, `on.waiting(reason, seconds,
  // ended)`, where ended says that nothing is wrong, and `on.failed(code, reason)`.
  constructor(path, token, on) {
    this.path = path;
    this.token = token;
    this.on = on;
    this.tries = 0;
    this.ended = false; // whether the stream has ended, and no other one has begun
    this.#connect();
  }

  get backlog() {
    return this.socket.bufferedAmount;
  }

  send(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));
  }

  // Ends the sound; what follows of the last turn is still received.
  finish() {
    this.finished = true;
    clearTimeout(this.timer);
    if (this.socket.readyState === WebSocket.OPEN) this.send({ type: "finish" });
    else this.close();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.close(1000);
  }

  #connect() {
    const protocols = this.token ? ["ser-stream.v1", `ser-stream.token.${this.token}`] : [];
    const socket = new WebSocket(sockets(this.path), protocols);
    socket.binaryType = "arraybuffer";
    let reason = "";
    socket.onopen = () => this.on.open();
    socket.onmessage = ({ data }) => {
      if (this.closed) return;
      if (typeof data !== "string") return this.on.picture(data);
      const message = JSON.parse(data);
      if (message.type === "error") reason = message.message;
      else {
        this.tries = 0;
        this.ended = false;
      }
      return this.on.message(message);
    };
    socket.onclose = (end) => {
      if (this.closed || this.finished) return;
      this.ended ||= end.code === 1000;
      reason ||= end.reason || "no connection";
      if (this.ended) reason = "the stream has ended";
      if (FINAL.has(end.code)) {
        this.on.failed(end.code, reason);
        return;
      }
      const wait = WAITS_S[Math.min(this.tries, WAITS_S.length - 1)];
      this.tries += 1;
      this.on.waiting(reason, wait, this.ended);
      this.timer = setTimeout(() => this.#connect(), wait * 1000);
    };
    this.socket = socket;
  }
}
