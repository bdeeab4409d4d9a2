// Everything can be done from the keyboard. KEYS is the list that `?` shows; the
// names are those of KeyboardEvent.key.
export const KEYS = [
  [["space"], "run, pause"],
  [["←", "→"], "one step back, one step"],
  [["shift →"], "ten steps"],
  [["Home", "End"], "to the beginning, to where the run has come"],
  [["−", "+"], "slower, faster"],
  [["1", "…", "9"], "choose a server"],
  [["m", "M"], "choose the next message, the one before"],
  [["/"], "the command line; Tab completes, ↑ ↓ is what was said before"],
  [["↑", "↓"], "in the list of reasons: from function to function; Enter shows one"],
  [["u"], "undo the last command"],
  [["n", "p"], "the next block of a story, the one before"],
  [["o"], "another run or story"],
  [["b"], "break a rule"],
  [["l"], "take it away: link, script, test"],
  [["?"], "this list"],
  [["Esc"], "close, or let go"],
];

// listen calls the deed of a key: {" ": f, "ArrowLeft": f, ...}. Keys that are
// typed into a field, or that a list or a slider wants for itself, are left alone.
export function listen(deeds) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const at = event.target;
    if (at.matches?.("input:not([type=range]), select, textarea")) return;
    if (at.matches?.("button, a, [role=button]") && (event.key === " " || event.key === "Enter")) return;
    const deed = deeds[event.key] ?? (/^[1-9]$/.test(event.key) ? deeds.digit : undefined);
    if (!deed) return;
    event.preventDefault();
    deed(event);
  });
}
