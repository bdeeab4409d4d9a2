// The dashboard. The server at which this page was opened sends a snapshot of the
// cluster (dashboard/snapshot.go) whenever something changes, and every second; the
// parts of the page draw it.
import { drawHealth, drawLost } from "./health.mjs";
import { drawRing } from "./ring.mjs";
import { drawServers } from "./servers.mjs";
import { drawCharts } from "./charts.mjs";
import { drawEvents } from "./events.mjs";

const PATIENCE = 2500; // milliseconds without a word after which the server is taken for lost

let samples = 0; // how many came, for who waits for the page to show something
let last = null; // the latest snapshot
let heard = performance.now(); // when it came

function show(snapshot) {
  last = snapshot;
  heard = performance.now();
  // A server that knows nothing sends null for an empty list.
  for (const list of ["servers", "quorums", "events"]) snapshot[list] ??= [];
  delete document.body.dataset.lost;
  document.body.dataset.level = snapshot.health.level;
  drawHealth(snapshot);
  drawRing(snapshot);
  drawServers(snapshot);
  drawCharts(snapshot);
  drawEvents(snapshot);
  document.body.dataset.samples = ++samples;
}

// lose says that the server of this page does not answer. What it said last stays.
function lose() {
  document.body.dataset.lost = "";
  document.body.dataset.level = "bad";
  drawLost(last, (performance.now() - heard) / 1000);
}

function connect() {
  const stream = new EventSource("events");
  stream.onmessage = (message) => show(JSON.parse(message.data));
  stream.onerror = () => {
    lose();
    // The browser tries again by itself, unless the server refused.
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

setInterval(() => {
  if (performance.now() - heard > PATIENCE) lose();
}, 500);
connect();
