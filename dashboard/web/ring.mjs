// The servers on a ring, drawn as the lab draws them: the colour is the term, the
// form the role. A follower is pale, a candidate's edge is dashed, a leader is full
// and wears a ring; who does not answer is grey. A line is a follower that the
// leader hears from.
import { keep, set, svg, write } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";

const WIDTH = 400, HEIGHT = 310, RADIUS = 36;
const ring = document.getElementById("ring");
const lines = svg("g"), servers = svg("g");
ring.append(lines, servers);
set(ring, "viewBox", `0 0 ${WIDTH} ${HEIGHT}`);

export function drawRing(s) {
  const places = arrange(s.servers);
  const leader = s.leader && places.get(s.leader.id);
  keep(lines, leader ? s.servers.filter((o) => o.id !== s.leader.id) : [], (o) => o.id, () => svg("line"), (line, o) => {
    const to = places.get(o.id);
    for (const [name, value] of [["x1", leader.x], ["y1", leader.y], ["x2", to.x], ["y2", to.y]]) set(line, name, value.toFixed(1));
    set(line, "data-term", termColour(s.leader.term));
    set(line, "data-broken", !o.up || o.progress?.silence > 1);
    set(line, "data-learner", o.membership === "learner");
  });
  keep(servers, s.servers, (o) => o.id, makeServer, (group, o) => drawServer(group, o, places.get(o.id), s.leader));
  set(ring, "aria-label", s.servers.map((o) => `${o.name}: ${o.up ? o.state.role : "does not answer"}`).join(", ") || "no servers");
}

// arrange puts the servers on an ellipse that fills the picture, the first at the top.
function arrange(servers) {
  const n = servers.length;
  const angles = servers.map((_, i) => (i / n - (n === 2 ? 0.5 : 0.25)) * 2 * Math.PI);
  const xs = angles.map(Math.cos), ys = angles.map(Math.sin);
  const fit = (values, v, size, most) => {
    const low = Math.min(...values), high = Math.max(...values), half = (high - low) / 2;
    return size / 2 + (half < 0.01 ? 0 : ((v - (low + high) / 2) / half) * Math.min(most, half * most * 1.15));
  };
  return new Map(servers.map((o, i) => [o.id, {
    x: fit(xs, xs[i], WIDTH, WIDTH / 2 - RADIUS - 50),
    y: fit(ys, ys[i], HEIGHT, HEIGHT / 2 - RADIUS - 30),
    outward: ys[i] < -0.2 ? -1 : 1, // the note is above the upper ones, below the others
  }]));
}

function makeServer() {
  return svg("g", { class: "server" },
    svg("circle", { class: "halo", r: RADIUS + 7 }), svg("circle", { class: "disc", r: RADIUS }),
    svg("text", { class: "name", dy: "-0.05em" }), svg("text", { class: "term", dy: "1.25em" }), svg("text", { class: "note" }));
}

function drawServer(group, o, at, leader) {
  const [, , name, term, note] = group.children;
  set(group, "transform", `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`);
  set(group, "data-term", termColour(o.state?.term ?? 0));
  set(group, "data-role", o.up ? o.state.role : "down");
  set(group, "data-ready", o.up && !o.problem);
  write(name, o.name.length > 8 ? `${o.name.slice(0, 7)}…` : o.name);
  write(term, o.up ? `term ${o.state.term}` : "down");
  set(note, "y", at.outward * (RADIUS + 20) + 4);
  write(note, noteOf(o, leader));
}

// noteOf is what there is to say about a server at a glance.
function noteOf(o, leader) {
  if (!o.up) return "";
  if (o.id === leader?.id) return "leader";
  if (o.state.role !== "follower") return o.state.role;
  if (o.progress?.state === "snapshot") return "is sent a snapshot";
  if (o.problem) return o.problem.length > 32 ? "not ready" : o.problem;
  return o.membership === "voter" ? "" : o.membership;
}

// behind is how many entries the leader has and a server has not: as the leader
// knows, or until it has found where their logs agree, as the server told last.
export function behind(s, o) {
  const leader = s.servers.find((l) => l.id === s.leader?.id);
  if (!leader || leader === o || !o.state) return undefined;
  const has = o.progress?.state === "replicate" ? o.progress.match_index : o.state.last_index;
  return Math.max(0, leader.state.last_index - has);
}
