// A story's caption: the comment of the block that is played, and its commands; or,
// once whoever plays it has done something, that the story was left, and the way back.
import { el, set, write } from "./common/dom.mjs";

// What says only what is to be printed does nothing to the servers.
const ASIDE = /^(show|logs|status|network|mark)\b/;

const LEFT = "You have left the story: it is told no further, and what happens now is up to you. " +
  "Click a server or a message, or type a command, to go on.";

// nameOf is the beginning of a story's title: Figure 8, or Leader election.
export function nameOf(scenario) { return scenario.title.split(/[:.(]/)[0].trim(); }

function withoutName(text, name) {
  if (!text.startsWith(`${name}:`)) return text;
  const rest = text.slice(name.length + 1).trim();
  return rest[0].toUpperCase() + rest.slice(1);
}

// deeds: {toBlock(block), back()}, back being into the story.
export function showCaption(card, scenario, deeds) {
  set(card, "hidden", !scenario);
  if (!scenario) return;
  const shown = JSON.stringify(scenario);
  if (card.shown === shown) return;
  card.shown = shown;
  const name = nameOf(scenario);
  set(card, "data-left", scenario.left);
  write(card.querySelector("h2"), scenario.left ? `${name}, and then?` : name);
  card.querySelector(".blocks").replaceChildren(...(scenario.left ? [
    el("button", { onclick: deeds.back }, "Back to the story")] : [
    el("button", { "aria-label": "The block before", onclick: () => deeds.toBlock(scenario.block - 1) }, "‹"),
    el("span", {}, `${scenario.block + 1} of ${scenario.blocks}`),
    el("button", { "aria-label": "The next block", onclick: () => deeds.toBlock(scenario.block + 1) }, "›")]));
  write(card.querySelector(".text"), scenario.left ? LEFT : withoutName(scenario.text, name));
  card.querySelector(".lines").replaceChildren(...(scenario.left ? [] : scenario.lines).map((line, i) =>
    ASIDE.test(line) ? "" : el("li", { "aria-current": i === scenario.line ? "step" : null, "data-done": i < scenario.line }, line)));
}
