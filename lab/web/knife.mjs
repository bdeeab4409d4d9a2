// Drag a line across the stage: the servers on one side of it no longer hear
// those on the other.
import { svg, set } from "./common/dom.mjs";

export function knife(root, places, split) {
  const line = svg("line", { class: "knife", hidden: true });
  root.append(line);
  let from = null;

  root.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest(".server, .message")) return;
    from = inside(root, event);
    root.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = inside(root, event);
    for (const [name, value] of [["x1", from.x], ["y1", from.y], ["x2", to.x], ["y2", to.y]]) set(line, name, value);
    set(line, "hidden", Math.hypot(to.x - from.x, to.y - from.y) < 20);
  });
  root.addEventListener("pointerup", (event) => {
    if (!from) return;
    const groups = sides(places(), from, inside(root, event));
    const drawn = !line.hasAttribute("hidden");
    from = null;
    set(line, "hidden", true);
    if (drawn && groups.every((group) => group.length > 0)) split(groups);
  });
  root.addEventListener("pointercancel", () => { from = null; set(line, "hidden", true); });
}

function inside(root, event) {
  const box = root.getBoundingClientRect(), view = root.viewBox.baseVal;
  return { x: ((event.clientX - box.x) * view.width) / box.width, y: ((event.clientY - box.y) * view.height) / box.height };
}

// sides tells the servers to the left of the line from a to b from the others.
export function sides(places, a, b) {
  const groups = [[], []];
  for (const [id, p] of places) {
    const left = (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x) < 0;
    groups[left ? 0 : 1].push(id);
  }
  return groups;
}
