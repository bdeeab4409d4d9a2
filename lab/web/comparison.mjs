// Break a rule: two engines, the right one and one that was compiled without the
// rule, play the same seed and the same actions side by side.
import { Engine } from "./engine.mjs";
import { View } from "./view.mjs";
import { set, write } from "./common/dom.mjs";

const THE_END = 1e9; // an event after the last of any run that has an end
const MARGIN = 2000; // events after the last action, in which its effects show

export class Comparison {
  #player; #views; #actions; #link; #tell; #broken = null; #own = null; #card = document.getElementById("parting"); #places = {}; #names = [];
  #headings = [...document.querySelectorAll("main > .card:not(#caption) h2")].map((heading) => [heading, heading.textContent]);

  // actions(1) are those of the second view; link returns that of the run on the page;
  // tell hears what goes wrong with the engine, as Engine says it.
  constructor(player, views, actions, link, tell) {
    this.#player = player;
    this.#views = views;
    this.#actions = actions;
    this.#link = link;
    this.#tell = tell;
    this.#card.addEventListener("click", ({ target }) => {
      if (target.dataset.to === "end") this.#back();
      else if (target.dataset.to) this.#go(this.#places[target.dataset.to]);
    });
  }

  get open() { return this.#broken !== null; }

  // tells reports that the banner says of a violation what the page would say.
  tells(violation) { return this.open && violation != null && violation.event === this.#places.falls; }

  // begin plays a run without the mutation's rule: the one that is asked for by
  // link, at the event that it names, or the one in which the mutation is known to fall, or what is on the page.
  async begin(mutation, asked = "") {
    const own = this.#own ?? withoutMutation(asked || this.#link());
    this.end();
    this.#own = own;
    this.#player.play(false);
    this.#say(`Raft without a rule: ${mutation.rule}. ${mutation.ready ? "" : "It is being built; that takes half a minute."}`);
    let built = false; // until then it takes long, as is said above
    this.#broken = new Engine(mutation.wasm, (trouble) => { if (built) this.#tell(trouble); });
    const broken = this.#broken;
    try {
      await broken.call("hello");
      if (broken !== this.#broken) return; // it was ended meanwhile
      built = true;
      this.#player.engines = [this.#player.engines[0], broken];
      this.#views.push(new View(this.#actions(1)));
      document.body.dataset.compared = "";
      this.#names = ["with the rule", `without: ${mutation.name.replaceAll("-", " ")}`];
      this.#views.forEach((view, i) => view.label(this.#names[i]));
      this.#headings.forEach(([heading, words]) => write(heading, `${words}, without the rule`));
      const { event } = this.#player.frame.furthest;
      await this.#player.ask("open", { link: linkFor(mutation, asked || own) });
      await this.#find(mutation, broken, await this.#reach(event), Number(new URLSearchParams(asked).get("at") ?? NaN));
    } catch (error) {
      if (broken === this.#broken) this.#say(error.message);
    }
  }

  // reach is the event up to which the two are compared: all that was seen of the
  // run, and what follows from what is done in it.
  async #reach(seen) {
    const { run } = await this.#player.engines[0].call("run");
    return run.scenario || run.chaos ? THE_END : Math.max(seen, (run.do.at(-1)?.at ?? 0) + MARGIN);
  }

  // find looks for the event at which the runs part, and at which a property falls,
  // and goes there, unless another was asked for.
  async #find(mutation, broken, upto, asked) {
    const [right] = this.#player.engines;
    this.#say(`Raft without a rule: ${mutation.rule}. Looking where the two runs part…`);
    const { digests } = await right.call("digests", { upto });
    const parts = await broken.call("parts", { digests });
    if (broken !== this.#broken) return;
    const { violation } = await broken.call("digests", { upto });
    if (broken !== this.#broken) return;
    this.#places = { parts: parts.same ? null : parts.event, falls: violation?.event ?? null };
    this.#say(parts.same
      ? `Without the rule "${mutation.rule}" nothing happens differently in this run. Go back to one run, do more, and break the rule again.`
      : `Without the rule "${mutation.rule}" the runs part at event ${parts.event}. ${violation ? `At event ${violation.event} falls: ${violation.text}.` : "No property has fallen yet."}`);
    if (asked >= 0) await this.#player.jump("seek", { event: asked }, 0);
    else if (!parts.same) await this.#go(violation?.event ?? parts.event);
  }

  // go shows both runs at the time of an event of the one without the rule.
  async #go(event) {
    if (event === null || event === undefined) return;
    await this.#player.jump("seek", { event }, 1);
  }

  // show names both runs, and says when they are, if that is not the same: one has ended.
  show(frames) {
    if (!this.open || frames.length < 2) return;
    const when = frames.map((f) => (f.scenario ? `step ${f.event}` : `${(f.time / 1000).toFixed(3)} s`));
    this.#views.forEach((view, i) => view.label(when[0] === when[1] ? this.#names[i] : `${this.#names[i]}, at ${when[i]}`));
  }

  async #back() {
    const own = this.#own;
    this.end();
    await this.#player.jump("open", { link: own });
  }

  // end leaves the right run alone on the page.
  end() {
    if (!this.#broken) return;
    this.#broken.end();
    this.#broken = this.#own = null;
    this.#player.engines = this.#player.engines.slice(0, 1);
    this.#player.frames = this.#player.frames.slice(0, 1);
    this.#views.splice(1).forEach((view) => view.root.remove());
    this.#views[0].label("");
    this.#headings.forEach(([heading, words]) => write(heading, words));
    this.#places = {};
    delete document.body.dataset.compared;
    set(this.#card, "hidden", true);
    set(this.#card, "data-bad", false);
  }

  #say(words) {
    set(this.#card, "hidden", false);
    write(this.#card.querySelector("p"), words);
    for (const button of this.#card.querySelectorAll("button")) {
      set(button, "disabled", button.dataset.to !== "end" && (this.#places[button.dataset.to] ?? null) === null);
    }
  }
}

// linkFor is the run in which the mutation is known to matter, or else link; one
// that was asked for with this mutation is kept.
function linkFor(mutation, link) {
  if (new URLSearchParams(link).has("mutation")) return link;
  const run = mutation.link || (mutation.scenario && `scenario=${mutation.scenario}`) || link;
  return `${run}&mutation=${mutation.name}`;
}

function withoutMutation(link) { return link.replace(/(^|&)mutation=[^&]*/, ""); }
