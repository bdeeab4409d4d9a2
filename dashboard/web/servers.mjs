// A row for each server: its log as a bar that all rows share the scale of, and
// where it ends, is committed and applied.
import { el, keep, set, write } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";
import { count, span } from "./format.mjs";
import { address } from "./health.mjs";
import { behind } from "./ring.mjs";

const LEAST = 100; // entries that a bar shows at least
const MUCH = 100; // entries behind, from which on it is worth a look

export function drawServers(s) {
  const scale = scaleOf(s.servers.filter((o) => o.state));
  keep(document.getElementById("servers"), s.servers, (o) => o.id, makeRow, (row, o) => drawRow(row, o, s, scale));
  write(document.getElementById("scale"), scale.end ? `A bar shows the log from ${count(scale.start + 1)} to ${count(scale.end)}.` : "");
}

// scaleOf is the range of indices that the bars show: the end of the longest log, and
// as much before it as the one that is farthest behind needs.
function scaleOf(states) {
  const end = Math.max(0, ...states.map((o) => o.state.last_index));
  const behindMost = Math.max(0, ...states.map((o) => end - o.state.applied_index));
  let length = LEAST;
  while (length < behindMost * 1.2) length *= 2;
  return { start: Math.max(0, end - length), end };
}

const figures = ["log ends", "committed", "applied", "behind", "snapshot"];

function makeRow() {
  return el("li", {},
    el("div", { class: "who" }, el("a"), el("b", { class: "chip" }), el("span", { class: "role" })),
    el("div", { class: "bar", "aria-hidden": "true" }, ...["snapshot", "applied", "committed", "stable", "volatile"].map((c) => el("i", { class: c }))),
    el("dl", {}, ...figures.map((name) => el("div", {}, el("dt", {}, name), el("dd")))),
    el("p", { class: "problem" }));
}

function drawRow(row, o, s, scale) {
  const [who, bar, list, problem] = row.children;
  const [link, chip, role] = who.children;
  set(row, "data-term", termColour(o.state?.term ?? 0));
  set(row, "data-up", o.up);
  set(row, "data-leader", o.id === s.leader?.id);
  write(link, o.name);
  set(link, "href", o.name === s.server_id ? undefined : address(o));
  set(link, "title", o.rpc_addr);
  write(chip, o.state ? `term ${o.state.term}` : "");
  write(role, roleOf(o));
  drawBar(bar, o.state, scale);
  const lag = behind(s, o);
  const values = o.state ? [o.state.last_index, o.state.commit_index, o.state.applied_index, lag, o.state.snapshot_index] : [];
  figures.forEach((_, i) => write(list.children[i].children[1], values[i] === undefined ? "–" : count(values[i])));
  set(list.children[3], "data-much", lag >= MUCH);
  set(list.children[3], "title", inWords(o.progress));
  write(problem, problemOf(o));
  problem.hidden = problem.textContent === "";
}

function roleOf(o) {
  const kind = o.membership === "voter" ? "" : `, ${o.membership}`;
  return (o.up ? o.state.role : "does not answer") + kind;
}

function problemOf(o) {
  if (!o.up) return o.problem + (o.silence ? `. It last answered ${span(o.silence)} ago.` : "");
  if (o.state.disk_silence > 1) return `its disk has not answered for ${span(o.state.disk_silence)}`;
  if (o.problem) return `not ready: ${o.problem}`;
  if (o.progress?.silence > 1) return `the leader has not heard from it for ${span(o.progress.silence)}`;
  return { probe: "the leader looks for where their logs agree", snapshot: "the leader sends it a snapshot" }[o.progress?.state] ?? "";
}

// inWords is what the leader knows of a server's log.
function inWords(progress) {
  return progress && `the leader knows ${count(progress.match_index)} to be there, and sends ${count(progress.next_index)} next (${progress.state})`;
}

// drawBar lays the parts of a log over each other, the shortest on top.
function drawBar(bar, state, { start, end }) {
  const share = (index) => end > start ? Math.max(0, Math.min(1, (index - start) / (end - start))) : 0;
  const ends = state ? [state.snapshot_index, state.applied_index, state.commit_index, state.stable_index, state.last_index] : [0, 0, 0, 0, 0];
  ends.forEach((index, i) => { bar.children[i].style.width = `${(100 * share(index)).toFixed(2)}%`; });
}
