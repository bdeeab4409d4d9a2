// The dialogs: what to play, which rule to break, what to take away, keys and signs.
import { el, set, svg, write } from "./common/dom.mjs";
import { SIGNS as MESSAGES, drawSign } from "./messages.mjs";
import { SIGNS as CELLS, sample } from "./logs.mjs";
import { SIGNS as SERVERS } from "./server.mjs";

const dialog = (name) => document.getElementById(`${name}-dialog`);
let pause; // the run: what a dialog tells or takes away stands still, and nobody sees what is behind it

export function open(name) {
  if (dialog(name).open) return;
  pause();
  dialog(name).showModal();
}

export function prepare(pauseRun) {
  pause = pauseRun;
  for (const each of document.querySelectorAll("dialog")) {
    each.querySelector(".close").addEventListener("click", () => each.close());
    each.addEventListener("click", (event) => { if (event.target === each) each.close(); });
  }
}

// fillChooser lists the stories, and begins what is chosen by begin(link).
export function fillChooser(scenarios, begin) {
  const go = (link) => { dialog("choose").close(); begin(link); };
  document.getElementById("scenarios").replaceChildren(...scenarios.map((s) => {
    const [title, rest] = split(s.title);
    return el("li", {}, el("button", { "data-scenario": s.name, onclick: () => go(`scenario=${s.name}`) }, el("b", {}, title), el("span", {}, rest)));
  }));
  document.getElementById("free").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const flags = ["clients", "chaos"].filter((name) => form.has(name)).map((name) => `&${name}=1`).join("");
    go(`seed=${form.get("seed")}&servers=${form.has("chaos") ? 0 : form.get("servers")}${flags}`);
  });
}

// split parts a title like "Figure 8: why a leader may not ..." at the colon.
function split(title) {
  const at = title.indexOf(": ");
  return at < 0 || at > 40 ? [title, ""] : [title.slice(0, at), title.slice(at + 2)];
}

const FALLS = "In a run that is known, in which something falls";
const OPEN = "In the run on the page, in which perhaps nothing falls";

// fillRules lists the bug zoo, and breaks the rule that is chosen by breakRule(mutation).
export function fillRules(mutations, breakRule) {
  const list = document.getElementById("mutations"), filter = document.getElementById("filter");
  const show = () => {
    const word = filter.value.trim().toLowerCase();
    const found = Map.groupBy(mutations.filter((m) => `${m.name} ${m.rule} ${m.violates} ${m.precedent}`.toLowerCase().includes(word)), (m) => (m.link || m.scenario ? FALLS : OPEN));
    list.replaceChildren(...[FALLS, OPEN].filter((words) => found.has(words)).flatMap((words) => [el("li", { class: "heading" }, words), ...found.get(words).map(choice)]));
  };
  const choice = (m) => el("li", {}, el("button", { "data-mutation": m.name, onclick: () => { dialog("break").close(); breakRule(m); } },
    el("b", {}, m.name.replaceAll("-", " ")), el("span", {}, m.rule), m.precedent && el("small", {}, m.precedent)));
  filter.addEventListener("input", show);
  set(document.getElementById("building"), "hidden", mutations.every((m) => m.ready));
  show();
}

// fillSigns explains the drawing, and fills the list of keys, [[keys, words]].
export function fillSigns(keys) {
  document.getElementById("key-list").replaceChildren(...keys.flatMap(([names, words]) => [
    el("dt", {}, names.map((name) => el("kbd", {}, name))), el("dd", {}, words)]));
  document.getElementById("sign-list").replaceChildren(
    ...SERVERS.flatMap(([draw, words]) => [el("dt", {}, svg("svg", { viewBox: "-25 -25 50 50", class: "sample" }, draw())), el("dd", {}, words)]),
    ...MESSAGES.flatMap(([message, words]) => [el("dt", {}, svg("svg", { viewBox: "-16 -16 32 32", class: "sample" }, drawSign(message))), el("dd", {}, words)]),
    ...CELLS.flatMap(([attributes, words]) => [el("dt", {}, sample(attributes)), el("dd", {}, words)]),
    el("dt", {}, "▲ △"), el("dd", {}, "what the leader knows a follower to have; what it sends next"));
}

// fillShare copies what take(kind) answers, and shows it too.
export function fillShare(take) {
  const shown = document.getElementById("taken"), said = document.getElementById("copied");
  dialog("share").addEventListener("click", async (event) => {
    const kind = event.target.dataset?.copy;
    if (!kind) return;
    write(shown, "");
    write(said, "Writing it…"); // a script of a long run is played, too, to see that it is true
    const taken = take(kind).catch((error) => ({ text: "", why: error.message }));
    const copying = copy(taken); // at once: after some seconds browsers no longer believe that it was clicked
    const { text, why } = await taken;
    write(shown, text);
    if (!text) { write(said, why); return; }
    const copied = await copying;
    write(said, copied ? "Copied." : "Here it is, to be copied by hand.");
  });
}

// copy puts the text that is promised into the clipboard, and reports whether it could.
async function copy(taken) {
  const promised = taken.then(({ text }) => {
    if (!text) throw new Error("there is nothing to copy");
    return new Blob([text], { type: "text/plain" });
  });
  promised.catch(() => {});
  try {
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": promised })]);
    return true;
  } catch {
    return false;
  }
}
