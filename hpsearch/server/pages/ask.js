// What the page asks the service, and what it says to who looks at it.

export const state = {
  me: null, // whose token it is, and its role
  queue: null, // slots and studies, as last seen
};

export const at = (id) => document.getElementById(id);

export function say(text) {
  if (at("said").textContent !== text) at("said").textContent = text;
}

export function unreached(error) {
  return error instanceof TypeError ? "The service cannot be reached; try again." : error.message;
}

export async function told(answer) {
  try {
    return (await answer.json()).detail || `${answer.status} ${answer.statusText}`;
  } catch {
    return `${answer.status} ${answer.statusText}`; // no problem document: the status has to do
  }
}

export async function ask(path, options = {}) {
  const answer = await fetch(path, { cache: "no-cache", ...options });
  if (answer.status === 401) {
    document.dispatchEvent(new Event("outside"));
    throw new Error("Enter with a token.");
  }
  if (!answer.ok) throw new Error(await told(answer));
  return answer;
}

export function send(path, method, body) {
  if (body === undefined) return ask(path, { method });
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method, headers, body: JSON.stringify(body) });
}

export function routeOf(study, rest = "") {
  return `/v1/studies/${encodeURIComponent(study)}${rest}`;
}

export function isMine(user) {
  return state.me.role === "admin" || (state.me.role === "submit" && state.me.name === user);
}
