// Talks with the server. Errors come out as Failure: one line and a hint, as the server gave them.

class Failure extends Error {
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

/** Called where the server says that this browser was not let in. */
export const door = { closed: () => {} };

async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("the page's server does not answer", "is 'spoolctl review' still running?");
  }
  const told = await answer.json().catch(() => null);
  if (answer.ok && told !== null) return told;
  if (answer.status === 401) door.closed();
  const said = told?.error ?? {};
  throw new Failure(said.message ?? `the server answered ${answer.status} to ${path.split("?")[0]}`, said.hint, answer.status);
}

/** GET with a query; what is null or empty is left out. */
export function get(path, query = {}, signal = undefined) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") asked.set(name, value);
  }
  const text = asked.toString();
  return call(text ? `${path}?${text}` : path, { signal });
}

export function post(path, body) {
  return call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** An image's id is JOB:INDEX; a job's name may hold anything, so the last colon divides. */
export function parts(id) {
  const at = id.lastIndexOf(":");
  return { job: id.slice(0, at), index: id.slice(at + 1) };
}

function at(kind, id) {
  const { job, index } = parts(id);
  return `/${kind}/${encodeURIComponent(job)}/${encodeURIComponent(index)}`;
}

export const thumbOf = (id) => at("thumb", id);
export const imageOf = (id) => at("image", id);
export const previewOf = (job, turn) => `/preview/${encodeURIComponent(job)}?turn=${turn}`;
