// Making and renewing elements. All text goes in as text, never as markup.

/** An element with attributes ("on..." are listeners; null and false are left out) and children. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) put(made, name, value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function put(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** A button that does one thing. */
export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** Sets an element's text only where it differs, so that nothing is announced or laid out twice. */
export function say(element, text) {
  const wanted = text ?? "";
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Sets or removes an attribute. */
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

const kept = new WeakMap();

/**
 * Renews a list in place: what is there by the same key stays the same element, so that focus, hover and loaded
 * pictures survive. `create(item)` makes an element, `update(element, item)` renews it.
 */
export function keyed(container, items, keyOf, create, update = () => {}) {
  const before = kept.get(container) ?? new Map();
  const after = new Map();
  let place = container.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (after.has(key)) continue;
    const element = before.get(key) ?? create(item);
    update(element, item);
    after.set(key, element);
    if (element === place) place = place.nextSibling;
    else container.insertBefore(element, place);
  }
  for (const [key, element] of before) if (!after.has(key)) element.remove();
  kept.set(container, after);
}

/** True where keys belong to what is being typed. */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target.matches("input:not([type=checkbox], [type=radio], [type=range], [type=button])");
}

/** True where arrows already mean something: sliders, groups of radio buttons, and where text is typed. */
export function takesArrows(target) {
  return isTyping(target) || (target instanceof HTMLElement && target.matches("input, [role=radio]"));
}

/** Calls once, that many milliseconds after the last call. */
export function settled(wait, call) {
  let timer = 0;
  const later = (...told) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...told), wait);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
