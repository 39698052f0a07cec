"use strict";
// The first page: it shows what the routes below /v1 say, and sends them what a user decides.

const EVERY = 2000; // milliseconds between two looks at the queue
const SLOWLY = 10000; // the same while the page is hidden, or the service away
const MOST_TRIALS = 200; // of a study, the newest, that are shown
const MOST_STUDIES = 200; // the newest
const OVER = ["done", "cancelled", "failed"];

const at = (id) => document.getElementById(id);
let me = null; // whose token it is, and its role
let queue = null; // as last seen
let watched = null; // the name of the study that is shown
let source = null; // its events
let trials = new Map();
let timer = 0;
let submission = null; // the text and priority that were sent last, with their idempotency key

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = String(text);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function say(text) {
  if (at("said").textContent !== text) at("said").textContent = text;
}

async function ask(path, options = {}) {
  const answer = await fetch(path, { cache: "no-cache", ...options });
  if (answer.status === 401) {
    outside();
    throw new Error("Enter with a token.");
  }
  if (!answer.ok) {
    let detail = `${answer.status} ${answer.statusText}`;
    try {
      detail = (await answer.json()).detail || detail;
    } catch {
      // no problem document: the status has to do
    }
    throw new Error(detail);
  }
  return answer;
}

function outside() {
  me = null;
  clearTimeout(timer);
  unwatch();
  at("inside").hidden = true;
  at("leave").hidden = true;
  at("enter").hidden = false;
  at("who").textContent = "";
}

async function inside() {
  me = await (await ask("/v1/me")).json();
  at("who").textContent = `${me.name} (${me.role})`;
  at("enter").hidden = true;
  at("inside").hidden = false;
  at("leave").hidden = false;
  at("submit-section").hidden = me.role === "read";
  say("");
  await look();
  const named = new URLSearchParams(location.search).get("study");
  if (named) watch(named);
}

async function look() {
  clearTimeout(timer);
  let wait = document.hidden ? SLOWLY : EVERY;
  try {
    queue = await (await ask("/v1/queue")).json();
    draw();
    if (at("said").dataset.away) {
      delete at("said").dataset.away;
      say("");
    }
  } catch (error) {
    if (me === null) return;
    at("said").dataset.away = "yes";
    say(error instanceof TypeError ? "The service cannot be reached; trying again." : error.message);
    wait = SLOWLY;
  }
  timer = setTimeout(look, wait);
}

function cell(row, label, content, kind = "") {
  const made = element("td", undefined, { "data-label": label });
  if (kind) made.className = kind;
  if (content !== undefined && content !== null) made.append(content instanceof Node ? content : String(content));
  row.append(made);
  return made;
}

// Rows keep their elements while nothing about them changes, so that focus and selection stay.
function fill(table, rows, key, make) {
  const body = at(table).tBodies[0];
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const wanted = rows.map((value) => {
    const name = String(value[key]);
    const text = JSON.stringify(value);
    const there = known.get(name);
    if (there && there.dataset.text === text) return there;
    const row = make(value);
    row.dataset.key = name;
    row.dataset.text = text;
    if (there) {
      const focus = there.contains(document.activeElement) && document.activeElement.dataset.act;
      there.replaceWith(row);
      if (focus) row.querySelector(`[data-act="${focus}"]`)?.focus();
    }
    return row;
  });
  const same = wanted.length === body.rows.length && wanted.every((row, i) => row === body.rows[i]);
  if (!same) body.replaceChildren(...wanted);
}

function draw() {
  fill("slots", queue.slots, "slot", slotRow);
  const chosen = at("filter").value;
  const shown = queue.studies.filter((one) => {
    if (chosen === "open") return !OVER.includes(one.state);
    return chosen !== "own" || one.user === me.name;
  });
  fill("studies", shown.reverse().slice(0, MOST_STUDIES), "name", studyRow);
  const more = shown.length - MOST_STUDIES;
  at("none").textContent = more > 0 ? `and ${more} older ones` : "No studies here yet.";
  at("none").hidden = shown.length > 0 && more <= 0;
  if (watched) facts();
}

function slotRow(slot) {
  const row = element("tr");
  cell(row, "Slot", slot.slot);
  cell(row, "Device", slot.device);
  cell(row, "Study", slot.study ?? "free");
  cell(row, "User", slot.user);
  cell(row, "Next", slot.next);
  return row;
}

function button(text, act, what) {
  const made = element("button", text, { type: "button", "data-act": text });
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await act();
    } catch (error) {
      say(error.message);
    }
    made.disabled = false;
  });
  made.setAttribute("aria-label", `${text} ${what}`);
  return made;
}

function studyRow(one) {
  const row = element("tr");
  const open = button(one.name, () => watch(one.name), "");
  open.className = "link";
  open.removeAttribute("aria-label");
  cell(row, "Study", open);
  const state = cell(row, "State", element("span", one.state));
  if (one.why) state.firstChild.append(element("div", one.why, { class: "why" }));
  cell(row, "Best", value(one.best), "number").title = one.metric ?? "";
  const done = element("span", `${one.counted} of ${one.trials} `);
  done.append(element("progress", undefined, { value: one.counted, max: Math.max(1, one.trials), "aria-label": "trials done" }));
  cell(row, "Trials", done, "number");
  cell(row, "User", one.user);
  cell(row, "Priority", one.priority, "number");
  const actions = element("span");
  if (me.role === "admin" || (me.role === "submit" && one.user === me.name)) {
    if (["queued", "running"].includes(one.state)) actions.append(button("Pause", () => decide(one, "pause"), one.name));
    if (["paused", "failed"].includes(one.state)) actions.append(button("Resume", () => decide(one, "resume"), one.name));
    if (!["done", "cancelled"].includes(one.state)) actions.append(button("Cancel", () => cancel(one), one.name));
  }
  if (me.role !== "read") actions.append(button("Clone", () => clone(one), one.name));
  cell(row, "Actions", actions);
  return row;
}

function value(number) {
  return number === null || number === undefined ? "" : Number(number.toPrecision(5));
}

async function decide(one, act) {
  await ask(`/v1/studies/${encodeURIComponent(one.name)}/${act}`, { method: "POST" });
  await look();
}

async function cancel(one) {
  if (confirm(`Cancel ${one.name} for good? What it has found stays.`)) await decide(one, "cancel");
}

async function clone(one) {
  const answer = await ask(`/v1/studies/${encodeURIComponent(one.name)}/file`);
  at("text").value = (await answer.text()).replace(/^name = .*$/m, `name = "${one.name}-2"`);
  at("file").value = "";
  at("text").focus();
  at("submit-section").scrollIntoView();
}

async function submit(event) {
  event.preventDefault();
  const refused = at("refused");
  const sent = event.target.querySelector("button");
  refused.hidden = true;
  sent.disabled = true;
  const text = at("text").value;
  const priority = at("priority").value || "0";
  // The same request keeps its key, so that sending it again after a lost answer makes no second study.
  if (!submission || submission.text !== text || submission.priority !== priority) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const key = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    submission = { text, priority, key };
  }
  try {
    const answer = await ask(`/v1/studies?priority=${encodeURIComponent(priority)}`, {
      method: "POST",
      headers: { "Content-Type": "application/toml", "Idempotency-Key": submission.key },
      body: text,
    });
    const made = await answer.json();
    submission = null;
    say([`Queued ${made.name}.`, ...made.warnings].join(" "));
    await look();
  } catch (error) {
    refused.textContent = error instanceof TypeError ? "The service cannot be reached; submit again." : error.message;
    refused.hidden = false;
  }
  sent.disabled = false;
}

function watch(name) {
  unwatch();
  watched = name;
  at("study").hidden = false;
  at("study-title").textContent = name;
  facts();
  source = new EventSource(`/v1/studies/${encodeURIComponent(name)}/events`);
  source.addEventListener("trials", (event) => {
    for (const one of JSON.parse(event.data)) trials.set(one.number, one);
    const shown = [...trials.values()].sort((a, b) => b.number - a.number).slice(0, MOST_TRIALS);
    fill("trials", shown, "number", trialRow);
  });
  source.addEventListener("gone", () => unwatch());
  at("study-title").focus();
}

function facts() {
  const one = queue?.studies.find((study) => study.name === watched);
  if (!one) return;
  at("study-dashboard").href = `/dashboard/studies/${one.id}`;
  const best = one.best === null ? "" : `; best ${one.metric} ${value(one.best)}`;
  const text = `${one.state}, ${one.counted} of ${one.trials} trials, ${one.running} running, ${one.pruned} pruned, ${one.failed} failed${best}`;
  if (at("study-facts").textContent !== text) at("study-facts").textContent = text;
}

function unwatch() {
  source?.close();
  source = null;
  watched = null;
  trials = new Map();
  at("trials").tBodies[0].replaceChildren();
  at("logs").hidden = true;
  at("study").hidden = true;
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
  try {
    const answer = await ask(`/v1/studies/${encodeURIComponent(watched)}/logs`);
    at("logs").textContent = await answer.text();
    at("logs").hidden = false;
  } catch (error) {
    say(error.message);
  }
}

async function enter(event) {
  event.preventDefault();
  const token = at("token").value.trim();
  const answer = await fetch("/v1/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) {
    say((await answer.json()).detail);
    return;
  }
  at("token").value = "";
  await inside();
}

at("enter").addEventListener("submit", (event) => enter(event).catch((error) => say(error.message)));
at("submit").addEventListener("submit", submit);
at("filter").addEventListener("change", draw);
at("close").addEventListener("click", unwatch);
at("show-logs").addEventListener("click", logs);
at("leave").addEventListener("click", async () => {
  await fetch("/v1/session", { method: "DELETE" });
  outside();
});
at("file").addEventListener("change", async () => {
  const [file] = at("file").files;
  if (file) at("text").value = await file.text();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && me) look();
});
inside().catch((error) => say(error.message));
