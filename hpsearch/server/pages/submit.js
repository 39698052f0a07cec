// Submitting a study file: written, chosen, or cloned from another study's.

import { ask, at, say, unreached } from "./ask.js";
import { pressed } from "./rows.js";

let submission = null; // the text and priority that were sent last, with their idempotency key

export function write(text) {
  at("text").value = text;
  at("file").value = "";
  at("text").focus();
  at("submit-section").scrollIntoView();
}

// The same request keeps its key, so that sending it again after a lost answer makes no second study.
function keyOf(text, priority) {
  if (!submission || submission.text !== text || submission.priority !== priority) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const key = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    submission = { text, priority, key };
  }
  return submission.key;
}

async function sent(path, headers) {
  at("refused").hidden = at("checked").hidden = true;
  try {
    const all = { "Content-Type": "application/toml", ...headers };
    return await (await ask(path, { method: "POST", headers: all, body: at("text").value })).json();
  } catch (error) {
    at("refused").textContent = unreached(error);
    at("refused").hidden = false;
    return null;
  }
}

async function submit(event) {
  event.preventDefault();
  await pressed(event.submitter, async () => {
    const priority = at("priority").value || "0";
    const key = keyOf(at("text").value, priority);
    const path = `/v1/studies?priority=${encodeURIComponent(priority)}`;
    const made = await sent(path, { "Idempotency-Key": key });
    if (made === null) return;
    submission = null;
    say([`Queued ${made.name}.`, ...made.warnings].join(" "));
    document.dispatchEvent(new Event("changed"));
  });
}

async function check() {
  if (!at("text").reportValidity()) return;
  say("Three models are being tried; that takes some seconds ...");
  const found = await sent("/v1/check", {});
  say("");
  if (found === null) return;
  const models = found.models.map((one) => {
    const seconds = one.seconds_per_epoch === null ? "" : `, ${one.seconds_per_epoch.toPrecision(2)} s an epoch`;
    return `${one.model}: ${one.parameters ?? "?"} parameters${seconds}${one.failure ? `; ${one.failure}` : ""}`;
  });
  at("checked").textContent = [...found.messages, ...models].join("\n");
  at("checked").hidden = false;
}

at("submit").addEventListener("submit", submit);
at("check").addEventListener("click", () => pressed(at("check"), check));
at("file").addEventListener("change", async () => {
  const [file] = at("file").files;
  if (file) at("text").value = await file.text();
});
