// The small views: the five properties, the configuration with its majorities,
// the state machines, and what clients asked.
import { el, set, keep, write } from "./common/dom.mjs";
import { leaderOf } from "./logs.mjs";
import { termColour } from "./common/terms.mjs";

// showProperties shows Figure 3, and in words what fell, unless that is told elsewhere.
export function showProperties(list, alarm, frame, told) {
  keep(list, frame.properties, (p) => p.name,
    () => el("li", { tabindex: 0 }, el("span", { class: "sign", "aria-hidden": "true" }), el("span", { class: "words" })),
    (item, p) => {
      set(item, "data-holds", String(p.holds));
      set(item, "title", p.holds ? p.words : p.text);
      write(item.children[0], p.holds ? "✓" : "✗");
      write(item.children[1], p.name);
      set(item, "aria-label", `${p.name}: ${p.holds ? "holds" : "violated"}`);
    });
  const broken = frame.violation;
  set(alarm, "hidden", !broken || told);
  if (broken) write(alarm, `${broken.text} (${broken.invariant}, at event ${broken.event})`);
}

// showQuorum shows the configuration of the leader, or, if there is none, the
// latest that any server has.
export function showQuorum(body, frame) {
  const servers = frame.servers.filter((s) => s.process !== "gone");
  const leader = leaderOf(servers);
  const awake = servers.filter((s) => s.process !== "down");
  const from = leader ?? (awake.length > 0 ? awake : servers).toSorted((a, b) => b.config.index - a.config.index || b.term - a.term)[0];
  if (!from) return;
  const config = from.config, joint = config.old.length > 0;
  const groups = [
    joint && { name: "old", voters: config.old },
    { name: joint ? "new" : "voters", voters: config.voters },
    config.learners.length > 0 && { name: "learners", voters: config.learners, learners: true },
  ].filter(Boolean);
  const shown = JSON.stringify([groups, config.index, config.committed, leader?.id, leader?.last, leader?.peers, servers.map((s) => [s.process, s.durable, s.config.index])]);
  if (body.shown === shown) return;
  body.shown = shown;
  const others = servers.filter((s) => s.process !== "down" && s.config.index !== config.index).map((s) => s.id);
  body.replaceChildren(
    ...groups.map((g) => groupOf(g, servers, leader)),
    el("p", { class: "note" }, sayConfig(config, joint, from), others.length > 0 && ` ${others.join(", ")} ${others.length > 1 ? "have" : "has"} another.`));
}

function sayConfig(config, joint, from) {
  const where = config.index === 0 ? "The first configuration" : `From entry ${config.index} on, ${config.committed ? "committed" : "not committed yet"}`;
  return `${where}, as ${from.id} has it.${joint ? " Joint: every decision needs both majorities." : ""}`;
}

function groupOf(group, servers, leader) {
  const majority = Math.floor(group.voters.length / 2) + 1;
  const members = group.voters.map((id) => servers.find((s) => s.id === id)).filter(Boolean);
  const up = members.filter((s) => s.process === "up").length;
  const last = leader?.last.index ?? 0;
  const has = members.filter((s) => (s === leader ? s.durable : leader?.peers.find((p) => p.id === s.id)?.match ?? 0) >= last);
  const note = group.learners ? "not counted" : up < majority ? `${up} up of ${majority} needed: no decision` : `${majority} decide, ${up} up, can lose ${up - majority}`;
  return el("div", { class: "group", "data-short": !group.learners && up < majority },
    el("h3", {}, group.name),
    el("ul", {}, members.map((s) => el("li", {
      "data-process": s.process, "data-has": leader ? has.includes(s) : null, "data-term": termColour(leader?.term ?? s.term),
      title: `${s.id} is ${s.process}${leader ? has.includes(s) ? `, and has acknowledged entry ${last}` : `, and has not acknowledged entry ${last}` : ""}`,
    }, s.id))),
    el("p", {}, note));
}

// showState shows the state machines; those that are equal, once.
export function showState(body, frame) {
  const servers = frame.servers.filter((s) => s.process === "up" || s.process === "paused");
  const groups = new Map();
  for (const s of servers) {
    const key = `${s.hash} ${JSON.stringify(s.state)}`;
    groups.set(key, [...(groups.get(key) ?? []), s]);
  }
  const shown = JSON.stringify([...groups].map(([key, same]) => [key, same.map((s) => [s.id, s.applied])]));
  if (body.shown === shown) return;
  body.shown = shown;
  body.replaceChildren(...[...groups.values()].map(stateOf));
}

function stateOf(same) {
  const { state, keys } = same[0];
  return el("div", { class: "state" },
    el("h3", {}, same.map((s) => s.id).join(" "), el("small", {}, ` applied ${[...new Set(same.map((s) => s.applied))].join(", ")}`)),
    state.length === 0 ? el("p", { class: "note" }, "empty") : el("dl", {}, state.flatMap((kv) => [
      el("dt", {}, kv.key), el("dd", { title: `revision ${kv.revision}` }, kv.value)])),
    keys > state.length && el("p", { class: "note" }, `and ${keys - state.length} more`));
}

const SIGN = { waits: "…", ok: "✓", definite: "✗", unknown: "?" };
const WORDS = { waits: "waits", ok: "done", definite: "failed, without effect", unknown: "failed: it may have happened" };

// showOperations shows what clients asked, the latest first.
export function showOperations(list, frame) {
  keep(list, frame.operations.slice(-6).reverse(), (o) => o.number,
    () => el("li", {}, el("span", { class: "sign" }), el("span", { class: "words" }), el("small")),
    (item, o) => {
      set(item, "data-state", o.state);
      set(item, "title", WORDS[o.state] ?? o.state);
      write(item.children[0], SIGN[o.state] ?? "");
      write(item.children[1], o.text);
      write(item.children[2], [o.at && `at ${o.at}`, o.client !== "you" && `client ${o.client}`].filter(Boolean).join(", "));
    });
}
