// The stage: servers on a ring, and the messages between them.
//
// show takes a frame when there is a new one; draw moves what moves, 60 times a
// second. Servers and messages stay the same elements while they exist, so they
// keep focus and are never made anew.
import { svg, set, keep, write } from "./common/dom.mjs";
import { termColour } from "./common/terms.mjs";
import { drawSign } from "./messages.mjs";
import { makeServer, updateServer } from "./server.mjs";
import { knife } from "./knife.mjs";

const FAREWELL = 350; // milliseconds for which a message that is gone is still seen,
const FAREWELLS = 30; // if no more are: where time flies, nobody could follow them
const LABELS = 56; // pixels that a server's two labels take above or below it
const SHORT = 110; // pixels of a link on which "ms" would be too much

export class Stage {
  #svg; #frame = null; #places = new Map(); #radius = 40;
  #gone = new Map(); // places of servers that are gone, to or from which messages are on their way
  #mesh = svg("g", { class: "mesh" }); #links = svg("g", { class: "links" }); #names = svg("g", { class: "names" });
  #messages = svg("g", { class: "messages" }); #servers = svg("g", { class: "servers" });
  #flights = new Map(); // by number: {message, element, at: from 0 to 1, leaves: when it was gone, lost}
  #queues = new Map(); // by link: how many messages are on it

  // on: {server(id, element), message(number, element), hover(message or null, element), split(groups)}
  constructor(root, on) {
    this.#svg = root;
    this.on = on;
    root.append(this.#mesh, this.#names, this.#links, this.#messages, this.#servers);
    knife(root, () => this.#places, on.split);
    new ResizeObserver(() => { if (this.#frame) this.show(this.#frame); }).observe(root);
  }

  show(frame) {
    this.#frame = frame;
    const servers = frame.servers.filter((s) => s.process !== "gone");
    this.#place(servers);
    keep(this.#mesh, pairs(servers), ([a, b]) => `${a.id}-${b.id}`, () => svg("line"), (line, [a, b]) => this.#line(line, a.id, b.id));
    keep(this.#servers, servers, (s) => s.id, (s) => makeServer(s, this.on.server), (element, s) => {
      element.style.transform = `translate(${this.#places.get(s.id).x}px, ${this.#places.get(s.id).y}px)`;
      updateServer(element, s, frame, this.#radius, this.#places.get(s.id));
    });
    keep(this.#links, frame.links.filter((l) => this.#places.has(l.from) && this.#places.has(l.to)),
      (l) => `${l.from}>${l.to}`, makeLink, (element, l) => this.#updateLink(element, l));
    this.#remember(frame);
    this.#follow(frame);
  }

  // remember gives those that are gone, but of which messages tell, names in the middle.
  #remember(frame) {
    const told = new Set(frame.messages.flatMap((m) => [m.from, m.to]));
    const gone = frame.servers.filter((s) => s.process === "gone" && told.has(s.id));
    const { width: w, height: h } = this.#svg.viewBox.baseVal;
    this.#gone = new Map(gone.map((s, i) => [s.id, { x: w / 2 + (i - (gone.length - 1) / 2) * 80, y: h / 2 }]));
    keep(this.#names, gone, (s) => s.id, (s) => svg("text", { dy: "0.35em" }, `${s.id}, gone`), (name, s) => {
      const { x, y } = this.#placeOf(s.id);
      set(name, "x", x.toFixed(1));
      set(name, "y", y.toFixed(1));
    });
  }

  #placeOf(id) { return this.#places.get(id) ?? this.#gone.get(id); }

  // follow begins and ends the flights of messages.
  #follow(frame) {
    const here = new Set();
    this.#queues.clear();
    for (const m of frame.messages) {
      this.#queues.set(linkOf(m), (this.#queues.get(linkOf(m)) ?? 0) + 1);
      here.add(m.number);
      const flight = this.#flights.get(m.number);
      if (flight && !flight.leaves) flight.message = m;
      else this.#begin(m);
    }
    const done = frame.said.findLast((s) => s.kind === "command")?.text ?? "";
    const told = frame.scenario && !frame.scenario.left ? frame.scenario.lines[frame.scenario.line] ?? "" : done;
    const dropping = /^drop/.test(told) || (frame.scenario && /^crash/.test(told));
    let leaving = 0;
    for (const [number, flight] of this.#flights) {
      if (flight.leaves) leaving++;
      if (here.has(number) || flight.leaves) continue;
      if (++leaving > FAREWELLS) {
        flight.element.remove();
        this.#flights.delete(number);
        continue;
      }
      flight.leaves = performance.now();
      set(flight.element, "data-gone", true);
      const early = flight.message.due > flight.message.sent && flight.message.due > frame.time + 0.001;
      flight.lost = dropping || (early && flight.message.sent <= frame.time && !/^deliver/.test(done));
      set(flight.element, "data-lost", flight.lost);
      flight.from = flight.at;
    }
  }

  #begin(m) {
    this.#flights.get(m.number)?.element.remove();
    const element = svg("g", { class: "message", tabindex: -1, role: "button", "data-number": m.number, "aria-label": m.text },
      svg("circle", { r: 14, class: "target" }), drawSign(m));
    element.addEventListener("click", () => this.on.message(m.number, element));
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault(); // or the key would press the button that gets the focus
      event.stopPropagation();
      this.on.message(m.number, element);
    });
    for (const [name, what] of [["pointerenter", m], ["focus", m], ["pointerleave", null], ["blur", null]]) {
      element.addEventListener(name, () => this.on.hover(what && (this.#flights.get(m.number)?.message ?? m), element));
    }
    this.#messages.append(element);
    this.#flights.set(m.number, { message: m, element, at: 0, leaves: 0 });
  }

  // draw moves the messages to where they are at the time now, in milliseconds of
  // the run; passed is how many of ours have gone by since the last time.
  draw(now, passed) {
    const queues = new Map(); // how many that wait on a link are before this one
    for (const [number, flight] of this.#flights) {
      const { message: m, element } = flight;
      if (flight.leaves) {
        const share = (performance.now() - flight.leaves) / FAREWELL;
        if (share >= 1 || !this.#placeOf(m.from) || !this.#placeOf(m.to)) {
          element.remove();
          this.#flights.delete(number);
          continue;
        }
        if (!flight.lost) flight.at = flight.from + (1 - flight.from) * share;
        element.style.opacity = flight.lost ? 1 - share : Math.min(1, 2 - 2 * share);
      } else {
        flight.at = this.#progress(flight, now, passed, queues);
      }
      this.#move(flight);
    }
  }

  #progress(flight, now, passed, queues) {
    const m = flight.message;
    if (m.due > m.sent) return Math.max(0, Math.min(1, (now - m.sent) / (m.due - m.sent)));
    const link = linkOf(m), all = this.#queues.get(link) ?? 1;
    const before = queues.get(link) ?? 0; // a script's messages wait in a row
    queues.set(link, before + 1);
    const a = this.#placeOf(m.from), b = this.#placeOf(m.to);
    const room = a && b ? Math.hypot(b.x - a.x, b.y - a.y) - 2 * this.#radius - 20 : 1;
    const apart = Math.min(30 / room, 0.9 / all);
    flight.aside = apart * room < 24 ? (before % 2) * 18 : 0;
    const goal = 0.55 + ((all - 1) / 2 - before) * apart;
    return flight.at + (goal - flight.at) * (1 - Math.exp(-passed / 120));
  }

  #move({ message: m, element, at, aside = 0 }) {
    const a = this.#placeOf(m.from), b = this.#placeOf(m.to);
    set(element, "hidden", !a || !b);
    if (!a || !b) return;
    const { x, y } = along(a, b, this.#radius + 10, at, 9 + aside);
    element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  }

  // roomFor is the place for a box of that size, by a side of the stage, where it covers
  // the least of the servers: {left, top}.
  roomFor(width, height) {
    const { width: w, height: h } = this.#svg.viewBox.baseVal, reach = this.#radius + 8;
    const shared = (lo, hi, from, to) => Math.max(0, Math.min(hi, to) - Math.max(lo, from));
    const lefts = [10, w - width - 10, (w - width) / 2], tops = [10, h - height - 10];
    const covers = ({ left, top }) => [...this.#places.values()].reduce((area, { x, y }) =>
      area + shared(x - reach, x + reach, left, left + width) * shared(y - reach, y + reach, top, top + height), 0);
    return tops.flatMap((top) => lefts.map((left) => ({ left: Math.max(0, left), top }))).reduce((best, each) => (covers(each) < covers(best) ? each : best));
  }

  // element of the server id, or of the message number, if there is one.
  server(id) { return this.#servers.querySelector(`[data-key="${CSS.escape(id)}"]`); }
  messages() { return [...this.#flights.values()].filter((f) => !f.leaves).map((f) => f.element); }

  #place(servers) {
    const { width, height } = this.#svg.getBoundingClientRect();
    const w = Math.max(width, 200), h = Math.max(height, 200);
    set(this.#svg, "viewBox", `0 0 ${w} ${h}`);
    this.#radius = Math.max(30, Math.min(44, Math.min(w, h) * (servers.length > 5 ? 0.08 : 0.1)));
    const angles = servers.map((_, i) => ((i / servers.length) - (servers.length === 2 ? 0.5 : 0.25)) * 2 * Math.PI);
    const ry = h / 2 - this.#radius - LABELS, rx = Math.min(w / 2 - this.#radius - 30, ry * 1.6);
    const xs = fill(angles.map(Math.cos), w / 2, rx), ys = fill(angles.map(Math.sin), h / 2, ry);
    this.#places = new Map(servers.map((s, i) => [s.id, { x: xs[i], y: ys[i], angle: angles[i], left: xs[i], right: w - xs[i] }]));
  }

  #line(line, from, to) {
    const a = this.#places.get(from), b = this.#places.get(to);
    for (const [name, value] of [["x1", a.x], ["y1", a.y], ["x2", b.x], ["y2", b.y]]) set(line, name, value.toFixed(1));
  }

  #updateLink(group, link) {
    const a = this.#places.get(link.from), b = this.#places.get(link.to);
    const start = along(a, b, this.#radius + 10, 0), end = along(a, b, this.#radius + 10, 1);
    const [line, sign] = group.children;
    set(group, "data-cut", link.cut);
    for (const [name, value] of [["x1", start.x], ["y1", start.y], ["x2", end.x], ["y2", end.y]]) set(line, name, value.toFixed(1));
    const short = Math.hypot(end.x - start.x, end.y - start.y) < SHORT;
    const at = along(a, b, this.#radius + 10, short ? 0.5 : 0.38);
    set(sign, "transform", `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`);
    write(sign, link.cut ? "✕" : `+${Math.round(link.slow)}${short ? "" : " ms"}`);
  }
}

function makeLink(link) {
  const words = `from ${link.from} to ${link.to}`;
  return svg("g", { class: "link", "aria-label": words }, svg("line"), svg("text", { dy: "0.35em" }));
}

// fill spreads values over all that lies within reach of the middle.
function fill(values, middle, reach) {
  const lo = Math.min(...values), hi = Math.max(...values);
  return values.map((v) => (hi - lo < 0.01 ? middle : middle + ((2 * v - lo - hi) / (hi - lo)) * reach));
}

function linkOf(message) { return `${message.from}>${message.to}`; }

// along is a point between a and b, at from 0 to 1, to the right of the way, so
// that those who meet do not cover each other.
function along(a, b, margin, at, aside = 9) {
  const dx = b.x - a.x, dy = b.y - a.y, length = Math.hypot(dx, dy) || 1;
  const d = margin + at * (length - 2 * margin);
  return { x: a.x + (dx * d - dy * aside) / length, y: a.y + (dy * d + dx * aside) / length };
}

function pairs(servers) {
  return servers.flatMap((a, i) => servers.slice(i + 1).map((b) => [a, b]));
}
