// The slider: the whole run as a line, with marks for what stands out.
import { el, set, keep, write } from "./common/dom.mjs";

const SIGNS = { leader: "★", crash: "✕", restart: "↺", config: "◇", snapshot: "▣", command: "▾", violation: "!" };

const APART = 11; // pixels that a mark takes

export class Timeline {
  #slider = document.getElementById("slider"); #marks = document.getElementById("marks");
  #moment = document.getElementById("moment"); #known = []; #asked = -1; #when = 0; #end = 1; #held = false;

  constructor(seek) {
    let wanted = null, going = false;
    this.#slider.addEventListener("input", async () => {
      wanted = Number(this.#slider.value);
      this.#held = true;
      if (going) return;
      going = true; // one question at a time, and always the latest
      while (wanted !== null) {
        const to = wanted;
        wanted = null;
        await seek(to);
      }
      going = false;
      this.#held = false;
    });
  }

  // show leaves room to go on, except in a story, which has an end.
  show(frame) {
    const script = frame.scenario != null;
    this.#end = script ? Math.max(frame.furthest.time, 1) : 500 * 2 ** Math.max(0, Math.ceil(Math.log2((frame.furthest.time * 1.03) / 500)));
    set(this.#slider, "max", this.#end);
    if (!this.#held) this.#slider.value = frame.time;
    this.#slider.style.setProperty("--played", `${(100 * frame.time) / this.#end}%`);
    this.#slider.style.setProperty("--known", `${(100 * frame.furthest.time) / this.#end}%`);
    const moment = script ? `step ${frame.event}` : `${(frame.time / 1000).toFixed(3)} s`;
    write(this.#moment, moment);
    set(this.#slider, "aria-valuetext", `${moment}, event ${frame.event}`);
    set(this.#moment, "title", `event ${frame.event} of ${frame.furthest.event}`);
    this.#drawMarks();
  }

  // ask fetches the marks, if the run has grown, not more often than every second
  // unless it must.
  async ask(engine, frame, force) {
    if (!force && (this.#asked === frame.furthest.event || performance.now() - this.#when < 1000)) return;
    this.#when = performance.now();
    this.#asked = frame.furthest.event;
    const { marks } = await engine.call("marks");
    this.#known = frame.scenario ? marks.filter((m) => m.kind !== "command") : marks; // a story is nothing but commands
    this.#drawMarks();
  }

  #drawMarks() {
    const shown = thin(this.#known, (APART * this.#end) / (this.#marks.clientWidth || 400));
    keep(this.#marks, shown, (m) => `${m.event} ${m.kind} ${m.text}`, (m) => el("span", { "data-kind": m.kind, title: m.text }, SIGNS[m.kind] ?? "·"),
      (mark, m) => { mark.style.insetInlineStart = `${(100 * m.time) / this.#end}%`; });
  }
}

// thin leaves out marks that would cover each other; a violation is never left out.
function thin(marks, apart) {
  let last = -Infinity;
  return marks.filter((m) => {
    if (m.kind !== "violation" && m.time - last < apart) return false;
    last = m.time;
    return true;
  });
}
