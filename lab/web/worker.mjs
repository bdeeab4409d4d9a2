// A thread of its own for one engine, so that a long replay never stops the
// picture. It starts the WebAssembly whose URL it is first sent; then a message
// {id, request} is answered by {id, answer}. Both are text: see PROTOCOL.md. An
// engine that did not start, or that broke down, answers {broken: why}, once.
import "./wasm_exec.js"; // defines Go
import { decompress } from "./fzstd.mjs"; // an eighth to a quarter smaller than with what browsers know by themselves

const ready = new Promise((resolve) => { globalThis.kvorumReady = resolve; });

async function start(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  const bytes = decompress(new Uint8Array(await response.arrayBuffer()));
  const go = new globalThis.Go();
  const program = await WebAssembly.instantiate(bytes, go.importObject);
  go.run(program.instance);
  await ready;
}

let started;

onmessage = async ({ data }) => {
  if (data.url) {
    started = start(data.url);
    return;
  }
  try {
    await started;
    const answer = globalThis.kvorum(data.request);
    if (answer === undefined) throw new Error("it broke down, which it never should"); // by a panic
    postMessage({ id: data.id, answer });
  } catch (error) {
    postMessage({ broken: error.message });
  }
};
