// What one chose, in full, and what one can do to it. Every button says a line of
// the command language, so that who clicks learns to type.
import { el, set, keep, write } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";
import { aboutServer, aboutMessage, ASKS } from "./deeds.mjs";

export class Inspector {
  #card = document.getElementById("inspector"); #chosen = null; #from = null; #say; #frame; #done = "";

  // say does a command; frame(run) returns the present frame of one of the runs.
  constructor(say, frame) {
    this.#say = say;
    this.#frame = frame;
    this.#card.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
    this.#card.querySelector(".close").addEventListener("click", () => this.close());
  }

  get open() { return this.#chosen !== null; }

  // server and message open the card of the element that was chosen, in the picture
  // of a run; or close it, if it is that one's already.
  server(run, id, element) { this.#open({ run, id }, element); }
  message(run, number, element) { this.#open({ run, number }, element); }

  close(back = true) {
    if (!this.#chosen) return;
    this.#chosen = null;
    set(this.#from, "data-chosen", false);
    set(this.#card, "hidden", true);
    set(document.body, "data-chosen", false);
    if (back) this.#from.focus({ preventScroll: true });
  }

  // show keeps the card true to the frame. What can be done is made anew only if it
  // has changed, and not while a field is being typed in.
  show() {
    const about = this.#chosen && this.#about();
    if (!about) { this.close(false); return; }
    const [header, body] = this.#card.children, [facts, deeds] = body.children;
    set(this.#card, "aria-label", about.words);
    set(this.#card, "data-due", about.due);
    set(header, "data-term", termColour(about.term));
    write(header.children[0], about.name);
    write(header.children[1], about.is);
    keep(facts, about.facts, ([name]) => name, ([name]) => el("div", {}, el("dt", {}, name), el("dd")), (fact, [, value]) => write(fact.lastChild, value));
    const shown = JSON.stringify(about.deeds);
    if (this.#done === shown || deeds.contains(document.activeElement?.closest("input") ?? null)) return;
    this.#done = shown;
    const buttons = () => [...deeds.querySelectorAll("button:enabled, input")];
    const focused = document.activeElement, place = buttons().indexOf(focused);
    deeds.replaceChildren(...about.deeds.map(([name, list]) => el("div", {}, name && el("h3", {}, name), el("div", { class: "row" }, list.map((deed) => this.#deed(deed))))));
    if (place >= 0) (buttons().find((button) => button.dataset.line === focused.dataset.line) ?? buttons()[place] ?? this.#card.querySelector("button")).focus();
  }

  #open(chosen, element) {
    const again = this.open && this.#from === element;
    this.close(again);
    if (again) return;
    this.#chosen = chosen;
    this.#from = element;
    this.#done = "";
    set(element, "data-chosen", true);
    set(this.#card, "hidden", false);
    set(document.body, "data-chosen", true);
    this.show();
    if (matchMedia("(max-width: 900px)").matches) element.closest(".stage").scrollIntoView(); // the card is right below it
    (this.#card.querySelector(".deeds button, .deeds input") ?? this.#card.querySelector("button")).focus({ preventScroll: true });
  }

  #about() {
    const frame = this.#frame(this.#chosen.run);
    if (!frame) return null;
    const server = frame.servers.find((s) => s.id === this.#chosen.id), message = frame.messages.find((m) => m.number === this.#chosen.number);
    return server ? aboutServer(server, frame) : message ? aboutMessage(message, frame) : null;
  }

  #deed({ words, line, pressed, off, client }) {
    if (client) return this.#client(client);
    return el("button", { title: line, "data-line": line, "aria-pressed": pressed === undefined ? null : String(pressed), disabled: off, onclick: () => this.#say(line) }, words);
  }

  #client(id) {
    const input = el("input", { value: "x 1", size: 8, "aria-label": "key and value", title: "a key and a value, a word each; for Cas: key, old value, new value" });
    const ask = (line) => this.#say(line(input.value.trim().split(/\s+/), id));
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") ask(ASKS[0][1]); });
    return el("span", { class: "row" }, input, ASKS.map(([name, line]) => el("button", { onclick: () => ask(line) }, name)));
  }
}

export function fieldsOf(m) {
  return el("dl", {}, m.fields.flatMap((f) => [el("dt", {}, f.name), el("dd", {}, f.value)]));
}
