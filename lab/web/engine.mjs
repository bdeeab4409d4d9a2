// Engine is Raft, compiled to WebAssembly, in a worker. The calls and their
// answers are those of PROTOCOL.md.
export class Engine {
  #worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
  #waiting = new Map(); // by number, owned by call
  #calls = 0;

  constructor(url) {
    this.#worker.onmessage = ({ data }) => {
      this.#waiting.get(data.id)(data.answer);
      this.#waiting.delete(data.id);
    };
    this.#worker.postMessage({ url: new URL(url, document.baseURI).href });
  }

  // call answers an object, or throws what the engine had to say.
  async call(name, fields = {}) {
    const id = ++this.#calls;
    const text = await new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#worker.postMessage({ id, request: JSON.stringify({ call: name, ...fields }) });
    });
    const answer = JSON.parse(text);
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  end() { this.#worker.terminate(); }
}
