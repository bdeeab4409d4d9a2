// Making elements, in a few lines, so that a page needs no framework.

const SVG = "http://www.w3.org/2000/svg";

// el makes an HTML element: el("p", {class: "note", onclick: f}, "text", child).
// An attribute that is null, undefined or false is left out.
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

// svg makes an SVG element in the same way.
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// set gives element an attribute, or a listener where the name begins with "on".
// It touches the page only if something changes: a page that is drawn 60 times a
// second sets the same values nearly always.
export function set(element, name, value) {
  if (name.startsWith("on")) {
    element.addEventListener(name.slice(2), value);
  } else if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

// write sets an element's text, if it differs.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// keep makes parent's children match items, in order: what has the same key is
// kept and updated, what is new is made, what is gone is removed. Elements keep
// their focus and their transitions that way.
export function keep(parent, items, key, make, update) {
  const old = new Map();
  for (const child of parent.children) old.set(child.dataset.key, child);
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = old.get(name);
    if (child) {
      old.delete(name);
    } else {
      child = make(item);
      child.dataset.key = name;
    }
    if (child === place) {
      place = place.nextElementSibling;
    } else {
      parent.insertBefore(child, place);
    }
    update(child, item);
  }
  for (const child of old.values()) child.remove();
}
