// One server on the stage. The colour is its term, the form its role: a follower
// is pale, a candidate's edge is dashed, a leader is full and wears a ring. The arc
// around it is its timer, running out. Its vote is the one it gave in its term.
import { svg, set, write } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";

const WIDEST = 23; // letters of a note, so that it does not reach the next server
const EDGE = 8; // pixels between a label and the side of the stage

export function makeServer(server, chosen) {
  const group = svg("g", { class: "server", tabindex: 0, role: "button" },
    svg("circle", { class: "target" }),
    svg("circle", { class: "groove" }),
    svg("circle", { class: "timer", pathLength: 100 }),
    svg("circle", { class: "disc" }),
    svg("text", { class: "name", y: -9 }, server.id),
    svg("text", { class: "term", y: 6 }),
    svg("text", { class: "vote", y: 20 }),
    svg("text", { class: "role" }),
    svg("text", { class: "note" }));
  group.addEventListener("click", () => chosen(server.id, group));
  group.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      chosen(server.id, group);
    }
  });
  return group;
}

export function updateServer(group, server, frame, radius, place) {
  const [target, groove, timer, disc, , term, vote, role, note] = group.children;
  set(group, "data-term", termColour(server.term));
  set(group, "data-role", server.role || "none");
  set(group, "data-process", server.process);
  set(group, "aria-label", inWords(server));
  for (const [circle, r] of [[target, radius + 14], [groove, radius + 6], [timer, radius + 6], [disc, radius]]) set(circle, "r", r);
  const left = server.process === "down" || !server.timer.of ? 0 : (100 * server.timer.left) / server.timer.of;
  set(timer, "stroke-dasharray", `${left.toFixed(1)} 100`);
  write(term, server.process === "down" ? "down" : `term ${server.term}`);
  write(vote, server.process === "down" ? "" : server.vote ? `vote ${server.vote}` : "no vote");
  const outward = Math.sin(place.angle) < -0.2 ? -1 : 1; // above the upper ones, below the others
  set(role, "y", outward * (radius + 22) + 4);
  label(role, roleOf(server), place);
  set(note, "y", outward * (radius + 38) + 4);
  label(note, noteOf(server, frame), place);
}

// label writes words above or below a server, within the stage: left and right are the
// pixels from the server's middle to its sides.
function label(text, words, { left = Infinity, right = Infinity }) {
  if (text.textContent !== words) {
    write(text, words);
    text.half = words === "" ? 0 : text.getComputedTextLength() / 2 + EDGE;
  }
  const { half = 0 } = text;
  set(text, "x", Math.max(0, half - left) - Math.max(0, half - right));
}

function roleOf(server) {
  if (server.process === "down") return "";
  if (server.process === "paused") return `${server.role}, paused`;
  if (server.role === "follower") return "";
  if (server.role === "leader") return server.target ? `leader, hands over to ${server.target}` : "leader";
  return `${server.role}: ${server.votes.join(" ")}`;
}

// noteOf is what is unusual about a server, or what a client waits for there.
function noteOf(server, frame) {
  const notes = [];
  if (server.trouble) notes.push(`disk ${server.trouble}`);
  if (server.clock < 0.9 || server.clock > 1.1) notes.push(`clock ×${server.clock}`);
  const asked = frame.operations.filter((o) => o.at === server.id && o.state === "waits");
  if (asked.length > 0) notes.push(`${asked.at(-1).text}${asked.length > 1 ? ` and ${asked.length - 1} more` : ""} …`);
  while (notes.length > 1 && notes.join(", ").length > WIDEST) notes.pop();
  const all = notes.join(", ");
  return all.length > WIDEST ? `${all.slice(0, WIDEST - 1)}…` : all;
}

function inWords(s) {
  const role = s.process === "up" ? s.role : s.process;
  return `${s.id}: ${role}, term ${s.term}, ${s.vote ? `voted for ${s.vote}` : "no vote"}, log up to ${s.last.index}, committed up to ${s.commit}`;
}

// SIGNS explains what a server looks like: [draw, words].
export const SIGNS = [
  [{}, "a follower; its colour is its term"],
  [{ role: "candidate" }, "a candidate, or a pre-candidate"],
  [{ role: "leader", timer: { left: 0, of: 0 } }, "a leader"],
  [{ process: "paused" }, "its process stands still"],
  [{ process: "down" }, "its process is down"],
  [{ timer: { left: 5, of: 20 } }, "the arc: how long until its election timer fires"],
].map(([server, words]) => [() => sampleOf(server), words]).concat([[cutLink, "a link that loses every message, in one direction"]]);

function sampleOf(server) {
  const group = svg("g");
  group.append(...makeServer({ id: "" }, () => {}).children);
  updateServer(group, { id: "", role: "follower", process: "up", term: 1, votes: [], clock: 1, timer: { left: 20, of: 20 }, last: {}, ...server }, { operations: [] }, 14, { angle: 0 });
  for (const words of group.querySelectorAll("text")) words.remove();
  set(group, "class", "server");
  set(group, "aria-label", null);
  return group;
}

function cutLink() {
  return svg("g", { class: "link", "data-cut": true }, svg("line", { x1: -24, x2: 24 }), svg("text", { dy: "0.35em", "text-anchor": "middle" }, "✕"));
}
