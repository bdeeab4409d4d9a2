// The logs as the paper draws them (Figures 6 to 8): a row is a server, a column
// an index, a colour and a number the term.
//
//   full      committed, as far as the server knows; pale: not
//   dashed    not on the server's disk yet
//   line      underneath, as far as the state machine has applied
//   grey      a snapshot stands for the entries
//   ▲ △       what the leader knows the follower to have, and what it sends next
import { el, set, keep, write } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";

const CELL = 46, LABEL = 92; // pixels, as in views.css

export class Logs {
  #root; #head = el("tr"); #body = el("tbody"); #fits = 0; #frame = null; #frames = [];

  // fits is told how many columns there is room for, whenever that changes.
  constructor(root, fits) {
    this.#root = root;
    root.append(el("table", {}, el("thead", {}, this.#head), this.#body));
    new ResizeObserver(() => {
      const columns = Math.max(4, Math.floor((root.clientWidth - LABEL) / CELL));
      if (columns === this.#fits) return;
      this.#fits = columns;
      fits(columns);
      if (this.#frame) this.show(this.#frame, this.#frames);
    }).observe(root);
  }

  // show takes the logs of a frame, and the frames beside it, which have the same columns.
  show(frame, frames = [frame]) {
    this.#frame = frame;
    this.#frames = frames;
    const servers = frame.servers.filter((s) => s.process !== "gone");
    const indexes = columnsOf(frames, this.#fits || 12);
    const leader = leaderOf(servers);
    redraw(this.#head, indexes.join(), () => [el("th", { class: "corner" }, "index"), ...indexes.map((i) => el("th", { scope: "col" }, i))]);
    keep(this.#body, servers, (s) => s.id, () => el("tr"), (row, s) => {
      const peer = leader?.peers.find((p) => p.id === s.id);
      set(row, "data-process", s.process);
      redraw(row, JSON.stringify([s.role, s.term, s.process, s.first, s.durable, s.commit, s.applied, s.snapshot, s.log, peer?.match, peer?.next,
        peer && leader.term, indexes]), () => [labelOf(s), ...cells(s, indexes, peer, leader)]);
    });
  }
}

// leaderOf is the leader of the latest term, among those whose process runs.
export function leaderOf(servers) {
  return servers.filter((s) => s.role === "leader" && s.process !== "down").sort((a, b) => b.term - a.term)[0];
}

// redraw makes an element's children anew if what they show has changed.
function redraw(element, shown, make) {
  if (element.shown === shown) return;
  element.shown = shown;
  element.replaceChildren(...make());
}

// columnsOf are the last indexes, or those from the entry on that a violation names.
function columnsOf(frames, fits) {
  const last = Math.max(1, ...frames.flatMap((f) => f.servers.filter((s) => s.process !== "gone").map((s) => s.last.index)));
  const named = Math.min(...frames.map((f) => Number(/\bentry (\d+)\b/.exec(f.violation?.text)?.[1] ?? Infinity)));
  const end = Math.max(last + 1, fits); // room for the entries to come
  const lo = Math.max(1, Math.min(end - fits + 1, named - 1)), hi = Math.min(end, lo + fits - 1);
  return Array.from({ length: hi - lo + 1 }, (_, i) => lo + i);
}

function labelOf(s) {
  const role = s.process === "up" ? s.role : s.process;
  return el("th", { scope: "row", "data-term": termColour(s.term) },
    el("span", { class: "who" }, s.id), el("span", { class: "chip", title: `${s.id} is in term ${s.term}` }, s.term),
    el("span", { class: "as" }, role));
}

function cells(s, indexes, peer, leader) {
  const entries = new Map(s.log.map((e) => [e.index, e]));
  const covered = indexes.filter((i) => i <= s.snapshot.index && !entries.has(i));
  const out = [];
  if (covered.length > 0) {
    out.push(el("td", { class: "snapshot", colspan: covered.length, title: `a snapshot up to ${s.snapshot.index}.${s.snapshot.term}` },
      el("span", {}, el("b", {}, `${covered.length > 2 ? "snapshot " : ""}${s.snapshot.index}.${s.snapshot.term}`))));
  }
  for (const index of indexes.slice(covered.length)) out.push(cell(s, index, entries.get(index), peer, leader));
  return out;
}

function cell(s, index, entry, peer, leader) {
  const marks = peer ? [index === peer.match && "▲", index === peer.next && "△"].filter(Boolean).join("") : "";
  const mark = marks && el("span", { class: "mark", "data-term": termColour(leader.term),
    title: marks === "△" ? `the leader sends ${index} next` : `the leader knows that ${s.id} has ${index}` }, marks);
  if (!entry) return el("td", { class: "empty" }, mark);
  const known = [index <= s.commit ? "committed" : "not committed", index > s.durable && "not on its disk", index <= s.applied && "applied"];
  return el("td", {
    "data-term": termColour(entry.term), "data-kind": entry.kind,
    "data-committed": index <= s.commit, "data-volatile": index > s.durable, "data-applied": index <= s.applied,
    "data-saved": index <= s.snapshot.index,
    title: `${index}.${entry.term}: ${entry.text || entry.kind}; ${known.filter(Boolean).join(", ")}`,
  }, el("span", { class: "entry" }, el("b", {}, entry.term), el("i", {}, shortOf(entry))), mark);
}

function shortOf(entry) {
  switch (entry.kind) {
    case "no-op": return "–";
    case "config": return "conf";
    case "set": return entry.text.replace(/^set\s+/, "").replace(/\s*=\s*/, "=");
    case "delete": return entry.text.replace(/^delete\s+/, "−");
    case "command": return entry.text;
    default: return entry.kind;
  }
}

// SIGNS explains what a cell looks like: [attributes, text, words].
export const SIGNS = [
  [{ "data-committed": true }, "committed, as far as the server knows"],
  [{}, "not committed"],
  [{ "data-volatile": true }, "not on the server's disk yet"],
  [{ "data-committed": true, "data-applied": true }, "applied to the state machine"],
  [{ class: "snapshot" }, "in a snapshot, which stands for the entries"],
].map(([attributes, words]) => [{ "data-term": 1, ...attributes }, words]);

export function sample(attributes) {
  return el("table", { class: "sample" }, el("tr", {}, el("td", attributes, el("span", { class: attributes.class ? "" : "entry" }, el("b", {}, attributes.class ? "" : "1")))));
}
