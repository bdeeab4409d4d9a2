// What one chose, in full, and what one can do to it. Every button says a line of
// the command language, so that who clicks learns to type.
import { el, set } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";
import { leaderOf } from "./logs.mjs";

export class Inspector {
  #card = document.getElementById("inspector"); #chosen = null; #from = null; #say; #frame = null;

  // say does a command; frame(run) returns the present frame of one of the runs.
  constructor(say, frame) {
    this.#say = say;
    this.#frame = frame;
    this.#card.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
    document.addEventListener("pointerdown", (event) => {
      if (this.#chosen && !event.target.closest("#inspector, .server, .message")) this.close(false);
    });
  }

  get open() { return this.#chosen !== null; }

  // server and message open the card of the element that was chosen, in the picture of a run.
  server(run, id, element) { this.#open({ run, id }, element); }
  message(run, number, element) { this.#open({ run, number }, element); }

  close(back = true) {
    if (!this.#chosen) return;
    this.#chosen = null;
    set(this.#from, "data-chosen", false);
    set(this.#card, "hidden", true);
    if (back) this.#from.focus();
  }

  // show keeps the card true to the frame. It is not made anew while a field in it
  // is being typed in.
  show() {
    if (!this.#chosen || this.#card.contains(document.activeElement?.closest("input") ?? null)) return;
    const content = this.#content();
    if (!content) { this.close(false); return; }
    if (this.#card.shown === content.shown) return;
    const focused = this.#card.contains(document.activeElement) && document.activeElement;
    this.#card.shown = content.shown;
    this.#card.replaceChildren(...content.make());
    if (focused) (this.#card.querySelector(`[data-line="${CSS.escape(focused.dataset.line ?? "")}"]`) ?? this.#card.querySelector("button"))?.focus();
  }

  #open(chosen, element) {
    this.close(false);
    this.#chosen = chosen;
    this.#from = element;
    set(element, "data-chosen", true);
    this.#card.shown = null;
    set(this.#card, "hidden", false);
    this.show();
    this.#card.querySelector("button, input")?.focus();
  }

  #content() {
    const frame = this.#frame(this.#chosen.run);
    if (!frame) return null;
    if (this.#chosen.id) {
      const s = frame.servers.find((server) => server.id === this.#chosen.id);
      const others = frame.servers.filter((o) => o.id !== this.#chosen.id && o.process !== "gone");
      return s && { shown: JSON.stringify([s, frame.links, others.map((o) => o.id), !!frame.scenario, leaderOf(frame.servers)?.id]), make: () => this.#aboutServer(s, others, frame) };
    }
    const m = frame.messages.find((message) => message.number === this.#chosen.number);
    return m && { shown: JSON.stringify(m), make: () => this.#aboutMessage(m, frame) };
  }

  #aboutMessage(m, frame) {
    set(this.#card, "aria-label", m.text);
    const k = m.number;
    return [
      el("header", { "data-term": termColour(m.term) }, el("h2", {}, m.type), el("p", {}, `${m.from} → ${m.to}, term ${m.term}`), this.#closer()),
      fieldsOf(m),
      !frame.scenario && el("div", { class: "row" },
        this.#button("Deliver now", `deliver ${k}`), this.#button("Drop", `drop ${k}`), this.#button("Delay", `delay ${k} 100`),
        this.#button("Duplicate", `duplicate ${k}`), this.#button("Let the next overtake", `reorder ${k}`)),
    ].filter(Boolean);
  }

  #aboutServer(s, others, frame) {
    set(this.#card, "aria-label", `${s.id} in full`);
    const facts = [["role", s.process === "up" ? s.role : s.process], ["currentTerm", s.term], ["votedFor", s.vote || "–"], ["leader", s.leader || "unknown"],
      ["commitIndex", s.commit], ["lastApplied", s.applied], ["log", `${s.first}–${s.last.index}, on disk up to ${s.durable}`],
      ["timer", s.timer.of ? `${s.timer.left} of ${s.timer.of} ticks` : "–"]];
    return [
      el("header", { "data-term": termColour(s.term) }, el("h2", {}, s.id), el("p", {}, `${s.process === "up" ? s.role : s.process}, term ${s.term}`), this.#closer()),
      el("dl", {}, facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
      ...(frame.scenario ? [] : [
        this.#row("process", this.#processButtons(s)),
        this.#row("as a client", [this.#client(s)]),
        this.#row("clock, disk", [this.#button(s.clock === 1 ? "Half speed" : "Right speed", `clock ${s.id} ${s.clock === 1 ? 0.5 : 1}`),
          this.#button("Time out", `tick ${s.id} 20`), this.#button(s.trouble === "stuck" ? "Unstall" : "Stall", `${s.trouble === "stuck" ? "unstall" : "stall"} ${s.id}`)]),
        this.#row("as an operator", [this.#lead(s, frame), this.#button("Snapshot", `snapshot ${s.id}`),
          s.config.learners.includes(s.id) ? this.#button("Promote", `promote ${s.id}`) : this.#button("Add", `add ${s.id}`), this.#button("Remove", `remove ${s.id}`)]),
        ...(others.length > 0 ? [this.#links(s, others, frame), this.#slow(s, others, frame)] : []),
      ]),
    ].filter(Boolean);
  }

  #processButtons(s) {
    if (s.process === "down") return [this.#button("Restart", `restart ${s.id}`), this.#button("Wipe its disk", `wipe ${s.id}`)];
    return [this.#button("Crash", `crash ${s.id}`), this.#button("…and lose what is unsynced", `crash ${s.id} unsynced`),
      s.process === "paused" ? this.#button("Resume", `resume ${s.id}`) : this.#button("Pause", `pause ${s.id}`), this.#button("Wipe", `wipe ${s.id}`)];
  }

  #links(s, others, frame) {
    const cut = (from, to) => frame.links.some((l) => l.from === from && l.to === to && l.cut);
    const toggle = (from, to) => {
      const is = cut(from, to);
      const button = this.#button(`${from}→${to}`, is ? `heal ${from}->${to}` : `cut ${from}->${to}`);
      set(button, "aria-pressed", String(is));
      return button;
    };
    return this.#row("links, pressed: cut", others.flatMap((o) => [toggle(s.id, o.id), toggle(o.id, s.id)]));
  }

  #lead(s, frame) {
    const leader = leaderOf(frame.servers);
    const button = this.#button("Lead", `transfer ${leader?.id} ${s.id}`);
    set(button, "disabled", !leader);
    return button;
  }

  // A key and a value are a word each: what is more, the command line refuses.
  #client(s) {
    const input = el("input", { value: "x 1", size: 8, "aria-label": "key and value", title: "a key and a value, a word each; for Cas: key, old value, new value" });
    const words = () => input.value.trim().split(/\s+/);
    const asks = {
      Set: () => `set ${words().join(" ")} at ${s.id}`,
      Cas: () => `cas ${words().join(" ")} at ${s.id}`,
      Get: () => `get ${words()[0]} at ${s.id} linearizable`,
      "Get stale": () => `get ${words()[0]} at ${s.id} stale`,
    };
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") this.#say(asks.Set()); });
    return el("span", { class: "row" }, input, Object.entries(asks).map(([name, line]) => el("button", { onclick: () => this.#say(line()) }, name)));
  }

  #slow(s, others, frame) {
    return this.#row("links, pressed: slow", others.map((o) => {
      const is = frame.links.some((l) => l.from === s.id && l.to === o.id && l.slow > 0);
      const button = this.#button(`${s.id}–${o.id}`, `slow ${s.id} ${o.id} ${is ? 0 : 200}`);
      set(button, "aria-pressed", String(is));
      return button;
    }));
  }

  #row(name, content) { return el("div", { class: "deeds" }, el("h3", {}, name), el("div", { class: "row" }, content)); }
  #button(words, line) { return el("button", { title: line, "data-line": line, onclick: () => this.#say(line) }, words); }
  #closer() { return el("button", { class: "close", "aria-label": "Close", onclick: () => this.close() }, "✕"); }
}

export function fieldsOf(m) {
  return el("dl", {}, m.fields.flatMap((f) => [el("dt", {}, f.name), el("dd", {}, f.value)]));
}
