// What happened: the servers' own logs as one story, the latest first.
import { el, keep } from "./common/dom.mjs";
import { clock } from "./format.mjs";

const signs = { INFO: "·", WARN: "!", ERROR: "✕" };

export function drawEvents(s) {
  keep(document.getElementById("events"), s.events, (e) => `${e.time} ${e.servers} ${e.text} ${e.fields}`, makeEvent, () => {});
}

function makeEvent(e) {
  const fields = (e.fields ?? []).filter((f) => !f.endsWith("=")).join("  ");
  return el("li", { "data-level": e.level, title: fields },
    el("time", {}, clock(e.time)), el("span", { class: "sign", "aria-label": e.level.toLowerCase() }, signs[e.level] ?? "·"),
    el("b", {}, e.servers.join(" ")), el("span", { class: "words" }, plain(e.text), " ", fields && el("small", {}, plain(fields))));
}

// plain leaves out the incarnations of servers, which people do not call them by.
function plain(text) { return text.replace(/@[0-9a-f]{16}/g, ""); }
