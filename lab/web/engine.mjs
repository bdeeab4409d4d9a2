// Engine is Raft, compiled to WebAssembly, in a worker. The calls and their
// answers are those of PROTOCOL.md.
const LONG = 5000; // milliseconds after which a person wants to know what is going on

export class Engine {
  #url; #tell; #worker; #broken = "";
  #waiting = new Map(); // by number, owned by call
  #calls = 0;

  // tell hears what goes wrong, {late: true} or {broken: why}, or {} once it is over:
  // that an answer takes long, or that there will be none any more.
  constructor(url, tell = () => {}) {
    this.#url = new URL(url, document.baseURI).href;
    this.#tell = tell;
    this.#start();
  }

  #start() {
    this.#broken = "";
    this.#worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => {
      if (data.broken) { this.#break(data.broken); return; }
      this.#waiting.get(data.id)?.resolve(data.answer);
    };
    this.#worker.onerror = (event) => { this.#break(event.message || "its program cannot be loaded"); };
    this.#worker.postMessage({ url: this.#url });
  }

  // call answers an object, or throws what the engine had to say.
  async call(name, fields = {}) {
    if (this.#broken) throw new Error(this.#broken);
    const id = ++this.#calls;
    const late = setTimeout(() => this.#tell({ late: true }), LONG);
    try {
      const text = await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#worker.postMessage({ id, request: JSON.stringify({ call: name, ...fields }) });
      });
      const answer = JSON.parse(text);
      if (answer.error) throw new Error(answer.error);
      return answer;
    } finally {
      clearTimeout(late);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0 && !this.#broken) this.#tell({});
    }
  }

  #break(why) {
    this.#broken = `the engine: ${why}`;
    this.#tell({ broken: this.#broken });
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(new Error(this.#broken));
  }

  // end stops it, whatever it does; who waits for an answer is told.
  end() {
    this.#tell = () => {};
    this.#break("it was stopped");
  }

  // restart is end and a new beginning, with nothing open.
  restart() {
    const tell = this.#tell;
    this.end();
    this.#tell = tell;
    this.#start();
  }
}
