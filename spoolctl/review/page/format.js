// Numbers, times and names as people read them.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clocks = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const days = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });
const numbers = new Intl.NumberFormat("en");

export const number = (value) => (typeof value === "number" ? numbers.format(value) : "");

/** "1 image", "12 images". */
export const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Seconds in words; '' if not known. */
export function duration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return "";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min ${String(whole % MINUTE).padStart(2, "0")} s`;
  if (whole < 2 * DAY) return `${Math.floor(whole / HOUR)} h ${String(Math.floor((whole % HOUR) / MINUTE)).padStart(2, "0")} min`;
  return `${Math.floor(whole / DAY)} days`;
}

/** Roughly: for what is only expected. */
export function roughly(seconds) {
  if (typeof seconds !== "number") return "";
  if (seconds < 90) return duration(seconds);
  if (seconds < 1.5 * HOUR) return `${Math.round(seconds / MINUTE)} min`;
  return duration(seconds);
}

/** The server's moments: ISO 8601, UTC where no zone is told. */
function parsed(text) {
  if (!text) return null;
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`;
  const at = new Date(zoned);
  return Number.isNaN(at.getTime()) ? null : at;
}

export function moment(text) {
  const at = parsed(text);
  return at ? moments.format(at) : text ?? "";
}

/** "5 min ago"; a day and more ago: the date. */
export function ago(text) {
  const at = parsed(text);
  if (!at) return text ?? "";
  const seconds = (Date.now() - at.getTime()) / 1000;
  if (seconds < 0 || seconds >= 2 * DAY) return moments.format(at);
  return `${seconds < MINUTE ? "less than a minute" : roughly(seconds)} ago`;
}

/** The clock's time so many seconds from now. */
export function clock(seconds) {
  const at = new Date(Date.now() + seconds * 1000);
  return (seconds < 18 * HOUR ? clocks : days).format(at);
}

/** A path's last part without its ending: what a model is called. */
export const short = (name) => (name ?? "").split(/[\\/]/).pop().replace(/\.(safetensors|ckpt)$/i, "");

/** "832 x 1216", or ''. */
export const size = (image) => (image.width && image.height ? `${image.width} × ${image.height}` : "");
