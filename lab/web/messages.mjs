// A message is a sign: its shape says which RPC, its colour the term it carries.
// A request is filled, an answer is hollow, with a tick or a cross for what it says.
import { svg, set } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";

export function field(message, name) {
  return message.fields.find((f) => f.name.toLowerCase().startsWith(name))?.value ?? "";
}

// entriesOf counts the entries that an AppendEntries brings.
export function entriesOf(message) {
  const list = /entries=\[(.*?)\]/.exec(message.text)?.[1] ?? "";
  return list === "" ? 0 : list.split(" ").length;
}

// signOf says how a message is drawn: outline, letter, and whether it is an answer.
export function signOf(message) {
  const answer = message.type.endsWith("Response");
  switch (message.type.replace(/Response$/, "")) {
    case "RequestPreVote": return { outline: "vote", answer, letter: answer ? verdict(message) : "?", dashed: true };
    case "RequestVote": return { outline: "vote", answer, letter: answer ? verdict(message) : "?" };
    case "AppendEntries": return append(message, answer);
    case "InstallSnapshot": return { outline: "snapshot", answer, letter: "S" };
    case "TimeoutNow": return { outline: "vote", answer, letter: "!" };
    default: return { outline: "dot", answer, letter: "r" }; // ReadIndex
  }
}

function append(message, answer) {
  if (answer) return { outline: "dot", answer, letter: verdict(message) };
  const entries = entriesOf(message);
  return entries === 0 ? { outline: "heartbeat", answer, letter: "" } : { outline: "entries", answer, letter: `+${entries}` };
}

function verdict(message) {
  const said = field(message, "votegranted") || field(message, "success");
  return said === "" ? "" : said === "true" ? "✓" : "✗";
}

const OUTLINES = {
  heartbeat: () => svg("circle", { r: 6 }),
  dot: () => svg("circle", { r: 9 }),
  entries: () => svg("rect", { x: -13, y: -9, width: 26, height: 18, rx: 4 }),
  snapshot: () => svg("path", { d: "M-10 -10h14l6 6v14h-20z" }),
  vote: () => svg("path", { d: "M0 -12L12 0L0 12L-12 0Z" }),
};

// drawSign makes the sign of a message.
export function drawSign(message) {
  const sign = signOf(message);
  const group = svg("g", { class: "sign", "data-term": termColour(message.term) }, OUTLINES[sign.outline]());
  if (sign.letter) group.append(svg("text", { dy: "0.35em" }, sign.letter));
  set(group, "data-answer", sign.answer);
  set(group, "data-dashed", sign.dashed);
  return group;
}

// SIGNS explains the signs: [message, words].
export const SIGNS = [
  ["AppendEntries", [], "heartbeat: AppendEntries without entries"],
  ["AppendEntries", [], "AppendEntries, with two entries", "entries=[4.1 5.1]"],
  ["AppendEntriesResponse", [{ name: "success", value: "true" }], "its answer: the logs agree"],
  ["AppendEntriesResponse", [{ name: "success", value: "false" }], "its answer: they do not"],
  ["RequestPreVote", [], "RequestPreVote: would I win?"],
  ["RequestVote", [], "RequestVote"],
  ["RequestVoteResponse", [{ name: "voteGranted", value: "true" }], "its answer: a vote"],
  ["InstallSnapshot", [], "InstallSnapshot"],
  ["TimeoutNow", [], "TimeoutNow: stand at once"],
  ["ReadIndexRequest", [], "ReadIndex, for a read at a follower"],
].map(([type, fields, words, text = ""]) => [{ type, fields, term: 1, text }, words]);
