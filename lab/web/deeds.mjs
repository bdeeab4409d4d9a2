// What there is to say of a server and of a message, and what can be done to them,
// in a run of one's own and in a story, whose commands are those of its script:
//
//   {name, is, words, term, due, facts: [[name, value]], deeds: [[heading, [deed]]]}
//
// A deed is {words, line}: a button, and the line of the command language that it
// says; pressed, or off. One that has a client is a field, to ask as a client there.
import { leaderOf } from "./logs.mjs";

export function aboutServer(s, frame) {
  const role = s.process === "up" ? s.role : s.process;
  return {
    name: s.id, is: `${role}, term ${s.term}`, words: `${s.id} in full`, term: s.term,
    facts: [["role", role], ["currentTerm", s.term], ["votedFor", s.vote || "–"], ["leader", s.leader || "unknown"],
      ["commitIndex", s.commit], ["lastApplied", s.applied], ["log", `${s.first}–${s.last.index}, on disk up to ${s.durable}`],
      ["timer", s.timer.of ? `${s.timer.left} of ${s.timer.of} ticks` : "–"]],
    deeds: frame.scenario ? inStory(s, frame) : inRun(s, frame),
  };
}

export function aboutMessage(m, frame) {
  const k = frame.scenario ? `#${m.number}` : m.number; // in a script a number alone is a count
  const deeds = [{ words: "Deliver now", line: `deliver ${k}` }, { words: "Drop", line: `drop ${k}` }, { words: "Duplicate", line: `duplicate ${k}` }];
  if (!frame.scenario) deeds.push({ words: "Delay", line: `delay ${k} 100` }, { words: "Let the next overtake", line: `reorder ${k}` });
  const arrives = m.waits ? "when its receiver runs again" : frame.scenario ? "when it is delivered" : `${Math.max(0, m.due - frame.time).toFixed(0)} ms from now`;
  return {
    name: m.type, is: `${m.from} → ${m.to}, term ${m.term}`, words: m.text, term: m.term, due: m.due,
    facts: [...m.fields.map((f) => [f.name, f.value]), ["arrives", arrives]], deeds: [["", deeds]],
  };
}

function inStory(s, frame) {
  const down = s.process === "down", leads = s.role === "leader" && !down;
  const others = frame.servers.filter((o) => o.id !== s.id && o.process === "up").map((o) => o.id).join(" ");
  return [
    ["process", down ? [{ words: "Restart", line: `restart ${s.id}` }] : [{ words: "Crash", line: `crash ${s.id}` }]],
    !down && ["clock, disk", [{ words: "Tick", line: `tick ${s.id}` }, { words: "Elect", line: `elect ${s.id} with ${others}`, off: others === "" },
      { words: "Hold its disk", line: `hold ${s.id}` }, { words: "Let it write", line: `persist ${s.id}` }]],
    leads && ["as the leader", [{ words: "Propose x", line: `propose ${s.id} x` }, { words: "Heartbeat", line: `heartbeat ${s.id}` },
      { words: "Read", line: `read ${s.id}` }, { words: "Hand over", line: `transfer ${s.id}` }]],
  ].filter(Boolean);
}

function inRun(s, frame) {
  const others = frame.servers.filter((o) => o.id !== s.id && o.process !== "gone");
  const half = s.clock === 1, stuck = s.trouble === "stuck", leader = leaderOf(frame.servers);
  return [
    ["process", onProcess(s)],
    ["as a client", [{ client: s.id }]],
    ["clock, disk", [{ words: half ? "Half speed" : "Right speed", line: `clock ${s.id} ${half ? 0.5 : 1}` },
      { words: "Time out", line: `tick ${s.id} 20` }, { words: stuck ? "Unstall" : "Stall", line: `${stuck ? "unstall" : "stall"} ${s.id}` }]],
    ["as an operator", [{ words: "Lead", line: `transfer ${leader?.id} ${s.id}`, off: !leader }, { words: "Snapshot", line: `snapshot ${s.id}` },
      s.config.learners.includes(s.id) ? { words: "Promote", line: `promote ${s.id}` } : { words: "Add", line: `add ${s.id}` },
      { words: "Remove", line: `remove ${s.id}` }]],
    others.length > 0 && ["links, pressed: cut", others.flatMap((o) => [cut(frame, s.id, o.id), cut(frame, o.id, s.id)])],
    others.length > 0 && ["links, pressed: slow", others.flatMap((o) => [slow(frame, s.id, o.id), slow(frame, o.id, s.id)])],
  ].filter(Boolean);
}

function onProcess(s) {
  if (s.process === "down") return [{ words: "Restart", line: `restart ${s.id}` }, { words: "Wipe its disk", line: `wipe ${s.id}` }];
  return [{ words: "Crash", line: `crash ${s.id}` }, { words: "…and lose what is unsynced", line: `crash ${s.id} unsynced` },
    s.process === "paused" ? { words: "Resume", line: `resume ${s.id}` } : { words: "Pause", line: `pause ${s.id}` }, { words: "Wipe", line: `wipe ${s.id}` }];
}

function cut(frame, from, to) {
  const is = frame.links.some((l) => l.from === from && l.to === to && l.cut);
  return { words: `${from}→${to}`, line: is ? `heal ${from}->${to}` : `cut ${from}->${to}`, pressed: is };
}

function slow(frame, from, to) {
  const is = frame.links.some((l) => l.from === from && l.to === to && l.slow > 0);
  return { words: `${from}→${to}`, line: `slow ${from}->${to} ${is ? 0 : 200}`, pressed: is };
}

// ASKS are what a client may ask of a server: a button's words, and the line that
// they make of those in the field. A key and a value are a word each: what is more,
// the command line refuses.
export const ASKS = [
  ["Set", (words, id) => `set ${words.join(" ")} at ${id}`],
  ["Cas", (words, id) => `cas ${words.join(" ")} at ${id}`],
  ["Get", ([key], id) => `get ${key} at ${id} linearizable`],
  ["Get bounded", ([key], id) => `get ${key} at ${id} bounded 100`],
  ["Get stale", ([key], id) => `get ${key} at ${id} stale`],
];
