// The state of the cluster in a sentence, the quorum in dots, the load in figures.
import { el, keep, set, write } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";
import { latency, rate, span } from "./format.mjs";

const byId = (id) => document.getElementById(id);
const signs = { good: "✓", warn: "!", bad: "✕" };

export function drawHealth(s) {
  write(byId("cluster"), s.cluster_id ? `cluster ${s.cluster_id.slice(0, 8)}` : "no cluster");
  set(byId("cluster"), "title", s.cluster_id);
  write(byId("as"), `as ${s.server_id || "it"} sees it`);
  document.title = `${signs[s.health.level]} ${s.health.text} – kvorum`;
  write(byId("text"), s.health.text);
  write(document.querySelector("#verdict .sign"), signs[s.health.level]);
  write(byId("more"), s.health.more);
  drawSince(s.leader);
  keep(byId("quorums"), s.quorums.map((q, i) => ({ ...q, i, joint: s.quorums.length > 1 })), (q) => q.i, makeQuorum, drawQuorum);
  byId("others").hidden = true;
  drawFigures(s.load);
}

function drawSince(leader) {
  const place = byId("since");
  place.hidden = !leader;
  if (!leader) return;
  set(place, "data-term", termColour(leader.term));
  place.replaceChildren(el("b", { class: "chip" }, `term ${leader.term}`), `${leader.name} has led for ${span(leader.seconds)}`);
}

// A quorum is a dot for each voter, full for those that answer, and a line after as
// many as are needed: ●●|●.
function makeQuorum() { return el("div", { class: "quorum" }, el("span", { class: "dots", "aria-hidden": "true" }), el("span", { class: "words" })); }

function drawQuorum(row, q) {
  const [dots, words] = row.children;
  set(row, "data-short", q.spare < 0);
  const voters = Array.from({ length: q.voters }, (_, i) => el("i", { "data-up": i < q.answering }));
  voters.splice(q.needed, 0, el("s"));
  dots.replaceChildren(...voters);
  const who = q.joint ? (q.i === 0 ? "of the new voters " : "of the old voters ") : "";
  write(words, `${who}${q.answering} of ${q.voters} answer, ${q.needed} are a quorum`);
}

function drawFigures(load) {
  const figures = [
    ["writes a second", load && rate(load.write.per_second)],
    ["reads a second", load && rate(load.read.per_second)],
    ["a write takes", load && latency(load.write.p50), load && load.write.p99 && `99 % within ${latency(load.write.p99)}`],
    ["a read takes", load && latency(load.read.p50), load && load.read.p99 && `99 % within ${latency(load.read.p99)}`],
    ["a disk sync takes", load && latency(load.sync.p50), load && load.sync.p99 && `99 % within ${latency(load.sync.p99)}`],
  ];
  if (load && load.failed.per_second > 0) figures.splice(2, 0, ["fail a second", rate(load.failed.per_second), "no leader, too busy or too late"]);
  keep(byId("figures"), figures, ([name]) => name, ([name]) => el("div", {}, el("dt", {}, name), el("dd"), el("small")), (box, [name, value, small]) => {
    set(box, "data-bad", name === "fail a second");
    write(box.children[1], value || "–");
    write(box.children[2], small || "");
  });
}

// drawLost says that the page's own server has been silent for some seconds, and
// where else to look.
export function drawLost(s, seconds) {
  const self = s?.server_id ?? "this server";
  document.title = `✕ ${self} does not answer – kvorum`;
  write(byId("text"), s ? `${self}, which shows this page, does not answer.` : "This server does not answer.");
  write(document.querySelector("#verdict .sign"), signs.bad);
  write(byId("more"), s ? `What you see is ${span(seconds)} old. Another server may know more:` : "The page goes on by itself once it does.");
  const others = (s?.servers ?? []).filter((other) => other.up && other.name !== self && address(other));
  byId("others").hidden = others.length === 0;
  keep(byId("others"), others, (o) => o.id, (o) => el("a", { href: address(o) }, o.name), () => {});
}

// address returns where a server shows its own dashboard, or nothing. A server that
// listens everywhere is called by the host that the others know.
export function address(server) {
  const http = server.state?.http_addr;
  if (!http) return undefined;
  const port = http.slice(http.lastIndexOf(":") + 1);
  const host = /^(0\.0\.0\.0|\[::\]):/.test(http) ? server.rpc_addr.slice(0, server.rpc_addr.lastIndexOf(":")) : http.slice(0, http.lastIndexOf(":"));
  return `http://${host}:${port}/`;
}
