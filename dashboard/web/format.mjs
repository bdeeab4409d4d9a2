// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en");

// count writes an index or a number of entries: 1,234,567.
export function count(n) { return whole.format(n); }

// rate writes how many a second: 0, 0.4, 12, 3,400.
export function rate(n) {
  return n > 0 && n < 10 ? String(Math.round(n * 10) / 10) : count(Math.round(n));
}

// latency writes seconds as µs, ms or s, with two or three digits. 0 is none.
export function latency(seconds) {
  if (!seconds) return "–";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${digits(seconds * 1000)} ms`;
  return `${digits(seconds)} s`;
}

function digits(n) { return n < 10 ? n.toFixed(1) : String(Math.round(n)); }

// span writes for how long something has been so: 12 s, 3 min 5 s, 2 h 10 min, 4 d 3 h.
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  for (const [unit, length, below, part] of [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]]) {
    if (s >= length) {
      const rest = Math.floor((s % length) / part);
      return `${Math.floor(s / length)} ${unit}` + (rest ? ` ${rest} ${below}` : "");
    }
  }
  return `${s} s`;
}

// clock writes the time of day of a Unix time in milliseconds.
export function clock(milli) { return new Date(milli).toLocaleTimeString("en-GB"); }
