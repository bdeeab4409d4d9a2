// Break a rule: two engines, the right one and one that was compiled without the
// rule, play the same seed and the same actions side by side.
import { Engine } from "./engine.mjs";
import { View } from "./view.mjs";
import { set, write } from "./common/dom.mjs";

const THE_END = 1e9; // an event after the last of any run that has an end

export class Comparison {
  #player; #views; #actions; #broken = null; #card = document.getElementById("parting"); #places = {};

  constructor(player, views, actions) {
    this.#player = player;
    this.#views = views;
    this.#actions = actions;
    this.#card.addEventListener("click", ({ target }) => {
      if (target.dataset.to === "end") this.#back();
      else if (target.dataset.to) this.#go(this.#places[target.dataset.to]);
    });
  }

  get open() { return this.#broken !== null; }

  // begin plays the run that link says, or the one in which the mutation is known
  // to fall, without the mutation's rule.
  async begin(mutation, link) {
    this.end();
    this.#player.play(false);
    this.#say(`Raft without a rule: ${mutation.rule}. ${mutation.ready ? "" : "It is being built; that takes half a minute."}`);
    this.#broken = new Engine(mutation.wasm);
    const broken = this.#broken;
    try {
      await broken.call("hello");
      if (broken !== this.#broken) return; // it was ended meanwhile
      this.#player.engines = [this.#player.engines[0], broken];
      this.#views.push(new View(this.#actions));
      document.body.dataset.compared = "";
      this.#views[0].label("with the rule");
      this.#views[1].label(`without: ${mutation.name.replaceAll("-", " ")}`);
      const run = linkFor(mutation, link), ends = /(^|&)(scenario|chaos)=/.test(run);
      const upto = ends ? THE_END : this.#player.frame.furthest.event;
      await this.#player.ask("open", { link: run });
      await this.#find(mutation, broken, upto);
    } catch (error) {
      this.#say(error.message);
    }
  }

  // find looks for the event at which the runs part, and at which a property falls.
  async #find(mutation, broken, upto) {
    const [right] = this.#player.engines;
    this.#say(`Raft without a rule: ${mutation.rule}. Looking where the two runs part…`);
    const { digests } = await right.call("digests", { upto });
    const parts = await broken.call("parts", { digests });
    if (broken !== this.#broken) return;
    const { violation } = await broken.call("digests", { upto });
    if (broken !== this.#broken) return;
    this.#places = { parts: parts.same ? null : parts.event, falls: violation?.event ?? null };
    this.#say(parts.same
      ? `Without the rule "${mutation.rule}" nothing has happened differently yet. Go on, and make it matter.`
      : `Without the rule "${mutation.rule}" the runs part at event ${parts.event}. ${violation ? `At event ${violation.event} falls: ${violation.text}.` : "No property has fallen yet."}`);
    if (!parts.same) await this.#go(violation?.event ?? parts.event);
  }

  async #go(event) {
    if (event === null || event === undefined) return;
    await this.#player.jump("seek", { event });
  }

  async #back() {
    this.end();
    await this.#player.jump("frame");
  }

  // end leaves the right run alone on the page.
  end() {
    if (!this.#broken) return;
    this.#broken.end();
    this.#broken = null;
    this.#player.engines = this.#player.engines.slice(0, 1);
    this.#player.frames = this.#player.frames.slice(0, 1);
    this.#views.splice(1).forEach((view) => view.root.remove());
    this.#views[0].label("");
    this.#places = {};
    delete document.body.dataset.compared;
    set(this.#card, "hidden", true);
  }

  #say(words) {
    set(this.#card, "hidden", false);
    write(this.#card.querySelector("p"), words);
    for (const button of this.#card.querySelectorAll("button")) {
      set(button, "disabled", button.dataset.to !== "end" && (this.#places[button.dataset.to] ?? null) === null);
    }
  }
}

// linkFor is the run in which the mutation is known to matter; one that was asked
// for by address is kept.
function linkFor(mutation, link) {
  if (new URLSearchParams(link).has("mutation")) return link;
  return mutation.link || (mutation.scenario && `scenario=${mutation.scenario}`) || link;
}
