// One study: how it goes, its trials as they run, what it has found, and what is made of it.

import { ask, at, isMine, routeOf, say, send, state } from "./ask.js";
import { plot } from "./history.js";
import { cell, element, fill, pressed, value } from "./rows.js";

const MOST_TRIALS = 200; // the newest, that are listed

let watched = null; // the name of the study that is shown
let source = null; // its events
let trials = new Map();

export function watch(name) {
  unwatch();
  watched = name;
  at("study").hidden = false;
  at("study-title").textContent = name;
  facts();
  follow(name);
  at("study-title").focus();
}

function follow(name) {
  source = new EventSource(routeOf(name, "/events"));
  source.addEventListener("trials", (event) => {
    for (const one of JSON.parse(event.data)) trials.set(one.number, one);
    const shown = [...trials.values()].sort((a, b) => b.number - a.number);
    fill("trials", shown.slice(0, MOST_TRIALS), "number", trialRow);
    facts();
  });
  source.addEventListener("gone", unwatch);
}

export function unwatch() {
  source?.close();
  source = null;
  watched = null;
  trials = new Map();
  at("trials").tBodies[0].replaceChildren();
  at("best").open = false;
  for (const id of ["logs", "study"]) at(id).hidden = true;
}

export function facts() {
  const one = state.queue?.studies.find((study) => study.name === watched);
  if (!one) return;
  // A browser asks for events again by itself after a lost connection, but not after a refusal,
  // as by a proxy that says that the service is away.
  if (source?.readyState === EventSource.CLOSED) follow(watched);
  at("study-dashboard").href = `/dashboard/studies/${one.id}`;
  at("study-report").href = routeOf(one.name, "/report");
  const best = one.best === null ? "" : `; best ${one.metric} ${value(one.best)}`;
  const text = `${one.state}, ${one.counted} of ${one.trials} trials, ${one.running} running, ${one.pruned} pruned, ${one.failed} failed${best}`;
  if (at("study-facts").textContent !== text) at("study-facts").textContent = text;
  const isConfirmation = one.name.endsWith(".confirm"); // of another study, which is exported
  const found = one.complete > 0 && !isConfirmation;
  for (const id of ["study-report", "best", "export"]) at(id).hidden = !found;
  for (const id of ["confirm", "ensemble", "refit"]) at(id).hidden = !found || !isMine(one.user);
  at("trials-form").hidden = isConfirmation || !isMine(one.user) || one.state === "cancelled";
  at("delete").hidden = isConfirmation || !isMine(one.user) || ["queued", "running"].includes(one.state);
  if (document.activeElement !== at("trials-wanted")) at("trials-wanted").value = one.trials;
  plot([...trials.values()], one);
}

function trialRow(one) {
  const row = element("tr");
  cell(row, "Trial", one.number, "number");
  cell(row, "State", one.failure ?? one.state);
  cell(row, "Value", value(one.value), "number");
  cell(row, "Epochs", one.epochs, "number");
  cell(row, "Seconds", one.seconds === null ? "" : one.seconds.toFixed(1), "number");
  cell(row, "Worker", one.worker);
  return row;
}

async function logs() {
  const answer = await ask(routeOf(watched, "/logs"));
  at("logs").textContent = await answer.text();
  at("logs").hidden = false;
}

async function best() {
  const found = await (await ask(routeOf(watched, "/best"))).json();
  at("best-text").textContent = JSON.stringify(found.config ?? found, null, 2);
}

// By fetch, so that a refusal is said here.
async function exported(event) {
  event.preventDefault();
  await pressed(event.submitter, async () => {
    say("The file is being made ...");
    const answer = await ask(routeOf(watched, `/export?format=${at("format").value}${at("exported").value}`));
    const named = /filename="(.+)"/.exec(answer.headers.get("Content-Disposition"));
    const address = URL.createObjectURL(await answer.blob());
    element("a", null, { href: address, download: named ? named[1] : watched }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    say("");
  });
}

async function confirmBest() {
  const made = await (await send(routeOf(watched, "/confirm"), "POST", {})).json();
  say(`Queued ${made.name}: the best configurations with new seeds.`);
  document.dispatchEvent(new Event("changed"));
}

async function chooseEnsemble() {
  say("An ensemble is being chosen; that may take minutes ...");
  const made = await (await send(routeOf(watched, "/ensemble"), "POST", {})).json();
  say(`${made.members.length} networks averaged: ${made.metric} ${value(made.value)}, the best of them alone ${value(made.single_value)}.`);
}

async function refitWinner() {
  const made = await (await send(routeOf(watched, "/refit"), "POST", {})).json();
  say(`Queued ${made.name}: the winner on training and validation examples.`);
  document.dispatchEvent(new Event("changed"));
}

async function budget(event) {
  event.preventDefault();
  await pressed(event.submitter, async () => {
    const trials = Number(at("trials-wanted").value);
    await send(routeOf(watched), "PATCH", { budget: { trials } });
    say(`${watched} has a budget of ${trials} trials.`);
    document.dispatchEvent(new Event("changed"));
  });
}

async function remove() {
  if (!confirm(`Remove ${watched} with its trials and files for good?`)) return;
  await send(routeOf(watched), "DELETE");
  say(`Removed ${watched}.`);
  unwatch();
  document.dispatchEvent(new Event("changed"));
}

const ACTS = { "show-logs": logs, confirm: confirmBest, ensemble: chooseEnsemble, refit: refitWinner, delete: remove };
for (const [id, act] of Object.entries(ACTS)) {
  at(id).addEventListener("click", () => pressed(at(id), act));
}
at("close").addEventListener("click", unwatch);
at("export").addEventListener("submit", exported);
at("trials-form").addEventListener("submit", budget);
at("best").addEventListener("toggle", () => {
  if (at("best").open) best().catch((error) => say(error.message));
});
