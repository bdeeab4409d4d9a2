// View is one run to look at: the stage and the logs.
import { Stage } from "./stage.mjs";
import { Logs } from "./logs.mjs";
import { el, set, write } from "./common/dom.mjs";
import { fieldsOf } from "./inspector.mjs";

export class View {
  #tip = el("div", { class: "tip", role: "tooltip", hidden: true });

  // actions are those of Stage and Logs, and heal, which mends all links.
  constructor(actions) {
    const template = document.getElementById("run");
    this.root = template.content.cloneNode(true).firstElementChild;
    const last = [...document.querySelectorAll("main > .run")].at(-1) ?? template;
    last.after(this.root);
    this.heal = this.root.querySelector(".heal");
    this.heal.addEventListener("click", actions.heal);
    this.stage = new Stage(this.root.querySelector("svg"), actions);
    this.logs = new Logs(this.root.querySelector(".table"), actions.fits);
    this.root.querySelector(".stage").append(this.#tip);
  }

  label(text) {
    const label = this.root.querySelector(".label");
    write(label, text);
    set(label, "hidden", text === "");
  }

  // show takes a frame of the run, and those of all runs on the page.
  show(frame, frames) {
    this.stage.show(frame);
    this.logs.show(frame, frames);
    set(this.heal, "hidden", frame.links.length === 0 || frame.scenario != null);
    set(this.root, "data-broken", frame.violation != null);
  }

  draw(now, passed) { this.stage.draw(now, passed); }

  // tip shows a message's fields where they cover little; null: none.
  tip(message) {
    set(this.#tip, "hidden", !message);
    if (!message) return;
    this.#tip.replaceChildren(el("b", {}, message.type), `${message.from} → ${message.to}, term ${message.term}`, fieldsOf(message));
    const { left, top } = this.stage.roomFor(this.#tip.offsetWidth, this.#tip.offsetHeight);
    this.#tip.style.transform = `translate(${left}px, ${top}px)`;
  }
}
