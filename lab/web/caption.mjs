// A story's caption: the comment of the block that is played, and its commands.
import { el, set, write } from "./common/dom.mjs";

// What says only what is to be printed does nothing to the servers.
const ASIDE = /^(show|logs|status|network|mark)\b/;

// nameOf is the beginning of a story's title: Figure 8, or Leader election.
export function nameOf(scenario) { return scenario.title.split(/[:.(]/)[0].trim(); }

function withoutName(text, name) {
  if (!text.startsWith(`${name}:`)) return text;
  const rest = text.slice(name.length + 1).trim();
  return rest[0].toUpperCase() + rest.slice(1);
}

export function showCaption(card, scenario, toBlock) {
  set(card, "hidden", !scenario);
  if (!scenario) return;
  const shown = JSON.stringify(scenario);
  if (card.shown === shown) return;
  card.shown = shown;
  const name = nameOf(scenario);
  write(card.querySelector("h2"), name);
  card.querySelector(".blocks").replaceChildren(
    el("button", { "aria-label": "The block before", onclick: () => toBlock(scenario.block - 1) }, "‹"),
    el("span", {}, `${scenario.block + 1} of ${scenario.blocks}`),
    el("button", { "aria-label": "The next block", onclick: () => toBlock(scenario.block + 1) }, "›"));
  write(card.querySelector(".text"), withoutName(scenario.text, name));
  card.querySelector(".lines").replaceChildren(...scenario.lines.map((line, i) =>
    ASIDE.test(line) ? "" : el("li", { "aria-current": i === scenario.line ? "step" : null, "data-done": i < scenario.line }, line)));
}
