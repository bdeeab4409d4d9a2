// A story's caption: the comment of the block that is played, its commands, and
// what the script's file says of it.
import { el, set, write } from "./common/dom.mjs";

export function showCaption(card, scenario, toBlock) {
  set(card, "hidden", !scenario);
  if (!scenario) return;
  const shown = JSON.stringify(scenario);
  if (card.shown === shown) return;
  card.shown = shown;
  write(card.querySelector("h2"), scenario.title.split(/[:.(]/)[0]);
  card.querySelector(".blocks").replaceChildren(
    el("button", { "aria-label": "The block before", onclick: () => toBlock(scenario.block - 1) }, "‹"),
    el("span", {}, `${scenario.block + 1} of ${scenario.blocks}`),
    el("button", { "aria-label": "The next block", onclick: () => toBlock(scenario.block + 1) }, "›"));
  write(card.querySelector(".text"), scenario.text);
  card.querySelector(".lines").replaceChildren(...scenario.lines.map((line, i) =>
    el("li", { "aria-current": i === scenario.line ? "step" : null, "data-done": i < scenario.line }, line)));
  const printed = card.querySelector(".printed");
  set(printed, "hidden", scenario.printed.trim() === "");
  write(printed, scenario.printed.trimEnd());
}
