// Why: the sentences that the servers say, with the sections of the paper that the
// function cites which said it, and the function itself on a click.
import { el } from "./common/dom.mjs";
import { open } from "./dialogs.mjs";
import { termColour } from "./common/terms.mjs";

const KEPT = 200; // sentences in the list; the engine counts each kind apart
const BEAT = 100; // milliseconds between two additions: each has the whole list laid out

// isNews leaves out what a script prints only because its text has no pictures.
function isNews(sentence) {
  return !(sentence.kind === "client" && /^(term \d+ |match=|.* term=\d+ vote=)/.test(sentence.text)) && !/^(logs|show .*|mark|network|status .*)$/.test(sentence.text);
}

export class Trace {
  #list; #box; #functions; #upto = 0; #waiting = []; #timer = 0; #last = null;

  // Messages, and what is asked by clients that ask all the time, are told only if the
  // box is ticked: there are so many.
  constructor(list, box, functions) {
    this.#list = list;
    this.#box = box;
    box.addEventListener("change", () => { if (this.#last) this.show(...this.#last, true).catch(() => {}); });
    list.addEventListener("keydown", (event) => this.#walk(event));
    this.#functions = functions;
  }

  // walk goes among the functions with the arrows: Tab would stop at every one.
  #walk(event) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const all = [...this.#list.querySelectorAll(".source")].filter((button) => button.checkVisibility());
    const at = all.indexOf(document.activeElement);
    const next = at < 0 && by < 0 ? all.at(-1) : all[at + by];
    if (!next || (at < 0 && by > 0)) return;
    event.preventDefault();
    next.focus();
  }

  // show adds what was said; after a jump it asks the engine for what was said before.
  async show(engine, frame, jumped) {
    this.#last = [engine, frame];
    if (jumped || frame.event < this.#upto) {
      this.#upto = frame.event;
      const { said } = await engine.call("said", { from: 0, to: frame.event, limit: KEPT });
      if (this.#upto !== frame.event) return; // another jump was faster
      this.#waiting = [];
      this.#list.replaceChildren(...said.filter((s) => this.#tells(s)).slice(-KEPT).map((s) => this.#line(s, frame)));
      this.#list.scrollTop = this.#list.scrollHeight;
    } else if (frame.event > this.#upto) {
      this.#upto = frame.event;
      this.#waiting = [...this.#waiting, ...frame.said.filter((s) => this.#tells(s)).map((s) => [s, frame])].slice(-KEPT);
      this.#timer ||= setTimeout(() => this.#add(), BEAT);
    }
  }

  #tells(sentence) {
    if (!this.#box.checked && (sentence.kind === "message" || (sentence.kind === "client" && "asked" in document.body.dataset))) return false;
    return isNews(sentence);
  }

  #add() {
    this.#timer = 0;
    if (this.#waiting.length === 0) return;
    this.#list.append(...this.#waiting.splice(0).map(([s, frame]) => this.#line(s, frame)));
    while (this.#list.children.length > KEPT) this.#list.firstElementChild.remove();
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #line(s, frame) {
    const term = frame.servers.find((server) => server.id === s.server)?.term ?? 0;
    return el("li", { "data-kind": s.kind, "data-event": s.event },
      el("span", { class: "when" }, frame.scenario ? s.event : `${Math.round(s.time)} ms`),
      s.server && el("b", { "data-term": termColour(term) }, s.server),
      el("span", { class: "words" }, s.text),
      s.sections.map((section) => el("cite", { title: section.startsWith("thesis") ? "Ongaro's dissertation" : "the paper" }, section)),
      s.function && el("button", { class: "source", tabindex: -1, onclick: () => this.#source(s), title: `${s.file}:${s.line}` }, s.function.replace(/^Raft\./, "")));
  }

  #source(sentence) {
    const f = this.#functions[sentence.function];
    const dialog = document.getElementById("source-dialog");
    dialog.querySelector("h2").textContent = sentence.function;
    dialog.querySelector("#source-place").textContent = `${sentence.file}, line ${sentence.line}`;
    dialog.querySelector("pre").textContent = f?.text ?? "The source is not here.";
    open("source");
  }
}
