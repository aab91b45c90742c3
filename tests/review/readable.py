"""Can the page be used without eyes, without a mouse, and with weak eyes? A few checks by the rules of WCAG 2.2, no audit.

What is looked at: names and roles of whatever takes the focus, images, headings and landmarks (by the tree that assistive technology
reads), identifiers, the contrast of text against a plain ground, and whether the focus can be seen and goes on from each control.
What lies on a picture or a gradient is not measured.
"""

import itertools

CONTRAST, CONTRAST_LARGE = 4.5, 3.0
"""WCAG 2.2, 1.4.3; large is 24 px, or 18.66 px and bold. Signs, which are no letters, are as large ones (1.4.11); their edge counts."""
_NAMELESS = frozenset({"RootWebArea", "main", "generic", "none", "paragraph"})
"""May take the focus without a name: by a script, or as something that scrolls."""


def faults(page):
    """What is wrong with what the page shows now; nothing if all is well."""
    nodes = page.told_to_readers()
    return [
        *_names(nodes), *_outline(nodes), *page.evaluate(_DOM), *page.evaluate(f"({_CONTRAST})({CONTRAST}, {CONTRAST_LARGE})"),
    ]  # fmt: skip


def walk(page, steps=60):
    """Go through the page by Tab until the focus leaves it or comes round; where it went, and what is wrong with that."""
    page.evaluate("document.activeElement?.blur()")
    been, found = [], []
    for _ in range(steps):
        page.press("Tab")
        at = page.evaluate(_FOCUSED)
        if at is None or at["number"] in been[:1]:
            return len(been), found
        if at["number"] in been:
            return len(been), [*found, f"Tab does not leave {at['what']}"]
        been.append(at["number"])
        if not at["shown"]:
            found.append(f"the focus cannot be seen on {at['what']}")
    return len(been), found


def _names(nodes):
    for one in nodes:
        told = f"{one['role']} {one['name']!r}"
        if one.get("focusable") and one["role"] not in _NAMELESS and not one["name"].strip():
            yield f"takes the focus and has no name: {told}"
        if one["role"] == "image" and not one["name"].strip():
            yield f"an image without words: {told}"


def _outline(nodes):
    open_dialogs = [one for one in nodes if one["role"] == "dialog" and one.get("modal")]
    if open_dialogs:  # it is all that is read
        yield from ("a dialog without a name" for one in open_dialogs if not one["name"].strip())
        return
    roles = [one["role"] for one in nodes]
    levels = [one.get("level") for one in nodes if one["role"] == "heading"]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of the first level"
    for before, after in itertools.pairwise(levels):
        if after > before + 1:
            yield f"a heading of level {after} behind one of level {before}"
    if roles.count("main") != 1:
        yield f"{roles.count('main')} main parts"
    if not {"banner", "navigation"} & set(roles):
        yield "neither a banner nor a navigation"


_DOM = """(() => {
  const found = [], seen = new Set();
  if (!document.documentElement.lang) found.push("the page does not tell its language");
  if (!document.title.trim()) found.push("the page has no title");
  for (const one of document.querySelectorAll("[id]")) {
    if (seen.has(one.id)) found.push(`the id ${one.id} is there twice`);
    seen.add(one.id);
  }
  for (const one of document.querySelectorAll("[tabindex]")) {
    if (one.tabIndex > 0) found.push(`a tabindex of ${one.tabIndex}: ${one.outerHTML.slice(0, 80)}`);
  }
  for (const one of document.querySelectorAll("[onclick]:not(button, a, input, summary)")) {
    found.push(`clicked, but no control: ${one.outerHTML.slice(0, 80)}`);
  }
  for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls]")) {
    for (const name of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
      for (const id of (one.getAttribute(name) || "").split(/\\s+/).filter(Boolean)) {
        if (!document.getElementById(id)) found.push(`${name} names ${id}, which is not there`);
      }
    }
  }
  return found;
})()"""

_CONTRAST = """(enough, enoughIfLarge) => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  canvas.canvas.width = canvas.canvas.height = 1;
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((one) => one / 255);
  };
  const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3])).concat(1);
  const light = (colour) => {
    const [r, g, b] = colour.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.backgroundImage !== "none" || style.opacity !== "1") return null;
      const colour = rgba(style.backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
      if (style.position === "absolute" || style.position === "fixed") return null;
    }
    if (layers.at(-1)[3] !== 1) layers.push(rgba("Canvas"));
    return layers.reduceRight((under, top) => over(top, under));
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.data.trim();
    if (!words || !element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (element.closest("script, style, option, :disabled, [aria-disabled=true], [inert]")) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const under = ground(element), style = getComputedStyle(element);
    if (!under) continue;
    const against = (colour) => {
      const [a, b] = [light(over(rgba(colour), under)), light(under)].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    };
    const edge = parseFloat(style.webkitTextStrokeWidth) > 0 ? against(style.webkitTextStrokeColor) : 0;
    const ratio = Math.max(against(style.color), edge), size = parseFloat(style.fontSize);
    const isSign = !/[\\p{L}\\p{N}]/u.test(words);
    const isLarge = isSign || size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? enoughIfLarge : enough)) found.add(`a contrast of ${ratio.toFixed(2)}: ${words.slice(0, 40)}`);
  }
  return [...found];
}"""

_FOCUSED = """(() => {
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const style = getComputedStyle(one);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  window.walked ??= new Map();
  if (!window.walked.has(one)) window.walked.set(one, window.walked.size);
  return {number: window.walked.get(one), what: one.outerHTML.slice(0, 100), shown: ring || style.boxShadow !== "none"};
})()"""
