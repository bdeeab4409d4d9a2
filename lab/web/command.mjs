// The command line: history with the arrow keys, completion with Tab.
import { el, write, set } from "./common/dom.mjs";

const EXAMPLES = "set x 1     crash n1     split n1 n2 | n3     help";
const OF_A_SCRIPT = "crash S1     elect S2 with S3     deliver 1 S2->S3     help";

export class CommandLine {
  #form = document.getElementById("command"); #input = document.getElementById("line"); #answer = document.getElementById("answer");
  #history = []; #place = 0; #words = []; #tries = 0;

  // say does a line; complete answers the words that its last one may become.
  constructor(say, complete) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const line = this.#input.value.trim();
      if (line === "") return;
      this.#history.push(line);
      this.#place = this.#history.length;
      this.#input.value = "";
      say(line);
    });
    this.#input.addEventListener("keydown", (event) => this.#key(event, complete));
    this.#input.addEventListener("input", () => { this.#words = []; });
  }

  focus() { this.#input.focus(); }

  // speak takes the commands that there are, of a run or of a script, [{use, help}].
  speak(commands, script) {
    set(this.#input, "placeholder", script ? OF_A_SCRIPT : EXAMPLES);
    const list = document.getElementById("command-list");
    if (list.shown === commands) return;
    list.shown = commands;
    list.replaceChildren(...commands.flatMap((c) => [el("dt", {}, el("code", {}, c.use)), el("dd", {}, c.help)]));
  }

  // answer says what came of a line.
  answer(text, bad = false) {
    write(this.#answer, text);
    set(this.#answer, "data-bad", bad);
  }

  #key(event, complete) {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      this.#place = Math.max(0, Math.min(this.#history.length, this.#place + (event.key === "ArrowUp" ? -1 : 1)));
      this.#input.value = this.#history[this.#place] ?? "";
    } else if (event.key === "Tab" && !event.shiftKey && this.#input.value.trim() !== "") {
      event.preventDefault();
      this.#complete(complete);
    } else if (event.key === "Escape") {
      this.#input.blur();
    }
  }

  // A second Tab takes the next word.
  async #complete(complete) {
    const before = this.#input.value.replace(/\S*$/, "");
    if (this.#words.length === 0) {
      const line = this.#input.value, words = await complete(line);
      if (this.#input.value !== line) return; // it was typed on meanwhile
      this.#words = words;
      this.#tries = 0;
    }
    if (this.#words.length === 0) return;
    this.#input.value = before + this.#words[this.#tries++ % this.#words.length] + (this.#words.length === 1 ? " " : "");
    this.answer(this.#words.length > 1 ? this.#words.join("  ") : "");
    if (this.#words.length === 1) this.#words = [];
  }
}
