// What this browser keeps of a person's choices (size of thumbnails, theme); without storage the defaults stand.

const PREFIX = "spool.";

/** A kept choice, or the default. */
export function kept(name, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** Keeps a choice; `null` forgets it. */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch { /* forbidden or full: it holds for this visit */ }
}
