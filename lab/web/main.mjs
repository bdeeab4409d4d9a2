// The page: it puts the parts together. An Engine plays the run; the Player moves it
// through time; a View draws a frame. What the page shows is in the address after
// the #, so that a link is a run.
import { Engine } from "./engine.mjs";
import { Player, SPEEDS } from "./player.mjs";
import { View } from "./view.mjs";
import { Timeline } from "./timeline.mjs";
import { Trace } from "./trace.mjs";
import { Inspector } from "./inspector.mjs";
import { CommandLine } from "./command.mjs";
import { Comparison } from "./comparison.mjs";
import { KEYS, listen } from "./keys.mjs";
import { showCaption, nameOf as nameOfStory } from "./caption.mjs";
import { showProperties, showQuorum, showState, showOperations } from "./cards.mjs";
import { el, set, write } from "./common/dom.mjs";
import * as dialogs from "./dialogs.mjs";

const $ = (id) => document.getElementById(id);
const THE_END = 1e9; // an event after the last of any story
const FIRST = "seed=1&servers=5";

const engine = new Engine("lab.wasm.zst", showTrouble);
const [functions, mutations, hello] = await Promise.all([list("functions.json"), list("mutations.json"), engine.call("hello")]).catch(cannotStart);

const player = new Player([engine], { show, draw, state, failed: (error) => command.answer(error.message, true) });
const BESIDE = 256; // columns of the log: two runs side by side may be far apart

async function list(file) {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: ${response.status} ${response.statusText}`);
  return response.json();
}

// cannotStart says why there will be no page.
function cannotStart(error) {
  engine.end();
  write($("playing-name"), "Not started");
  showTrouble({ broken: error.message });
  $("trouble").querySelector("button").onclick = () => location.reload();
  return new Promise(() => {}); // nothing below can do without
}

// showTrouble says that an engine takes long, or that it broke down; or takes that back.
function showTrouble({ late, broken }) {
  set($("trouble"), "hidden", !late && !broken);
  if (late || broken) write($("trouble").querySelector("p"), broken ? `No more can be played: ${broken}.` : "The engine is at it still. Where a long run is played again that takes some seconds.");
}

// beginAnew gives up what the engine does, or no longer can do, and opens the first run.
function beginAnew() {
  comparison.end();
  engine.restart();
  showTrouble({});
  return begin(FIRST, false);
}

// actions are what one can do to the picture of a run: 0, or 1 beside it.
const actions = (run) => ({
  server: (id, element) => { inspector.server(run, id, element); },
  message: (number, element) => { player.play(false); inspector.message(run, number, element); },
  hover: (message) => { pointed = message; showTip(run); },
  split: (groups) => say(`split ${groups.map((g) => g.join(" ")).join(" | ")}`),
  heal: () => say("heal"),
  fits: (columns) => { Promise.all(player.engines.map((e) => e.call("window", { lo: comparison.open ? BESIDE : columns, hi: 0 }))).catch(() => {}); },
});
const views = [new View(actions(0))];
const timeline = new Timeline((ms) => player.jump("seek", { ms }));
const trace = new Trace(document.querySelector("#trace ol"), $("messages"), functions);
const inspector = new Inspector(say, (run) => player.frames[run]);
const command = new CommandLine(say, (line) => engine.call("complete", { line }).then((answer) => answer.words, () => []));
const comparison = new Comparison(player, views, actions, () => link, showTrouble);

let link = "", pointed = null, lastLink = 0, told = null;

// show draws the runs. What is beside and below the pictures is about one run: where
// two are compared, the one without the rule.
function show(frames, newLink, jumped) {
  link = newLink;
  const frame = frames.at(-1), shown = player.engines[frames.length - 1];
  frames.forEach((each, i) => views[i]?.show(each, frames));
  comparison.show(frames);
  showProperties($("properties"), $("violation"), frame, comparison.tells(frame.violation));
  set($("parting"), "data-bad", comparison.tells(frame.violation));
  showCaption($("caption"), frame.scenario, { toBlock, back: backToStory });
  command.speak(frame.scenario ? hello.notation : hello.commands, frame.scenario != null);
  set($("undo"), "hidden", comparison.open || !/(^|&)do=/.test(link));
  showQuorum(document.querySelector("#quorum .body"), frame);
  showState(document.querySelector("#state .body"), frame);
  showOperations(document.querySelector("#operations .body"), frame);
  set(document.body, "data-story", frame.scenario != null);
  set(document.body, "data-asked", /(^|&)(chaos|clients)=1/.test(link));
  timeline.show(frame);
  told = Promise.allSettled([timeline.ask(shown, frame, jumped), trace.show(shown, frame, jumped)]);
  inspector.show();
  write($("playing-name"), nameOf(frame));
  keepLink(jumped);
}

function nameOf(frame) {
  if (frame.scenario) return nameOfStory(frame.scenario);
  const run = new URLSearchParams(link);
  return `${run.has("chaos") ? "chaos, " : ""}seed ${run.get("seed") ?? 1}, ${frame.servers.filter((s) => s.process !== "gone").length} servers`;
}

// keepLink puts the run into the address, not more often than browsers like.
function keepLink(now) {
  if (!now && performance.now() - lastLink < 1000) return;
  lastLink = performance.now();
  if (location.hash.slice(1) !== link) history.replaceState(null, "", `#${link}`);
}

function draw(now, passed) {
  views.forEach((view) => view.draw(now, passed));
}

function state() {
  set(document.body, "data-playing", player.playing);
  set($("play"), "aria-label", player.playing ? "Pause" : "Run");
  $("speed").value = player.speed;
  if (!player.playing && player.frame) {
    timeline.ask(player.engines[player.frames.length - 1], player.frames.at(-1), true).catch(() => {});
    keepLink(true);
  }
}

// say does a line of the command language, now, in every run that is shown.
async function say(line) {
  if (line === "help") {
    dialogs.open("keys");
    return;
  }
  if (comparison.open) { command.answer("nothing can be done while two runs are compared: go back to one run first", true); return; }
  const playing = player.playing;
  const answer = await player.jump("do", { line });
  if (!answer) return;
  const said = answer.answer ?? "", between = said.includes("\n") ? "\n" : ": ";
  command.answer(said ? line + between + said : line);
  player.play(playing || player.script); // of a story, what the line makes happen
}

function undo() { return player.jump("undo"); }

// backToStory forgets all that was done in a story.
function backToStory() {
  const first = /(?:^|&)do=(\d+)/.exec(link);
  return begin(`scenario=${player.frame.scenario.name}&at=${first ? first[1] : 0}`, false);
}

// begin opens a run, or a story, by its link, and plays it. A story is played to
// its end first, unseen, so that the slider knows how long it is.
async function begin(to, go = true) {
  comparison.end();
  inspector.close(false);
  player.setSpeed();
  const opened = await player.jump("open", { link: to });
  if (!opened && !player.frame && to !== FIRST) await begin(FIRST, go); // so that there is something beside the complaint
  if (!opened) return;
  if (player.script) {
    await engine.call("seek", { event: THE_END }).catch(() => {}); // the next call says it, too
    await player.jump("seek", { event: opened.frame.event });
  }
  player.play(go);
}

// toBlock goes to the beginning of a block of a story, or, back, to its end.
async function toBlock(block) {
  const forth = block > player.frame.scenario.block;
  const there = () => (forth ? player.frame.scenario.block >= block : player.frame.scenario.block <= block);
  while (block >= 0 && !player.frame.scenario.left && !there() && !(forth && player.over)) {
    if (!await player.step(forth ? 1 : -1)) return;
  }
}

function faster(by) {
  const at = SPEEDS.indexOf(player.speed);
  player.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at + by))]);
}

function showTip(run) {
  views.forEach((view, i) => view.tip(i === run ? pointed : null));
  if (pointed && player.playing) { player.play(false); player.held = true; }
  if (!pointed && player.held && !inspector.open) { player.held = false; player.play(true); }
}

function nextMessage(by) {
  const all = views[0].stage.messages();
  const at = all.indexOf(document.activeElement);
  player.play(false);
  all[(at + by + all.length) % all.length]?.focus();
}

$("speed").append(...SPEEDS.map((s) => el("option", { value: s }, s < 1 ? `1/${Math.round(1 / s)}` : `${s}`)));
$("speed").addEventListener("change", () => { player.setSpeed(Number($("speed").value)); });
$("start").addEventListener("click", () => player.jump("seek", { event: 0 }));
$("back").addEventListener("click", () => player.step(-1));
$("step").addEventListener("click", () => player.step(1));
$("play").addEventListener("click", () => player.play());
$("undo").addEventListener("click", undo);
$("server").addEventListener("click", () => say("server"));
$("trouble").querySelector("button").onclick = beginAnew;
for (const [button, name] of [["choose", "choose"], ["break", "break"], ["share", "share"], ["keys", "keys"]]) $(button).addEventListener("click", () => dialogs.open(name));

listen({
  " ": () => player.play(),
  ArrowRight: (event) => player.step(event.shiftKey ? 10 : 1),
  ArrowLeft: (event) => player.step(event.shiftKey ? -10 : -1),
  Home: () => player.jump("seek", { event: 0 }),
  End: () => player.jump("seek", { event: player.frames.at(-1).furthest.event }),
  "+": () => faster(1), "=": () => faster(1), "-": () => faster(-1),
  digit: (event) => views[0].stage.server(player.frame.servers[event.key - 1]?.id ?? "")?.dispatchEvent(new MouseEvent("click")),
  m: () => nextMessage(1), M: () => nextMessage(-1),
  "/": () => command.focus(),
  u: undo,
  n: () => player.script && toBlock(player.frame.scenario.block + 1),
  p: () => player.script && toBlock(player.frame.scenario.block - 1),
  o: () => dialogs.open("choose"), b: () => dialogs.open("break"), l: () => dialogs.open("share"), "?": () => dialogs.open("keys"),
  Escape: () => { inspector.close(); document.activeElement?.blur(); },
});

dialogs.prepare(() => player.play(false));
dialogs.fillSigns(KEYS);
dialogs.fillChooser(hello.scenarios, begin);
dialogs.fillRules(mutations, (mutation) => comparison.begin(mutation));
dialogs.fillShare(async (kind) => {
  if (kind === "link") { keepLink(true); return { text: location.href }; }
  return engine.call(kind);
});
addEventListener("hashchange", () => { if (location.hash.slice(1) !== link) openAddress(); });

// openAddress shows what the address says; without a word, a free run that begins
// with an election, playing. What a link means, also a damaged one, is the engine's to say.
async function openAddress() {
  const to = location.hash.slice(1);
  const named = new URLSearchParams(to).get("mutation"), mutation = mutations.find((m) => m.name === named);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  await begin(to || FIRST, !/(^|&)at=/.test(to) && !mutation && !still);
  if (mutation) await comparison.begin(mutation, to);
  else if (named) command.answer(`there is no rule "${named}" here that can be broken: "Break a rule" lists them`, true);
}

state();
await openAddress();
await told; // why, and the marks of the slider
document.body.dataset.ready = "";
performance.mark("ready");
