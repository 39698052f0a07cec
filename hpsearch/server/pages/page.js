// The first page: it shows what the routes below /v1 say, and sends them what a user decides.

import { ask, at, say, state, told, unreached } from "./ask.js";
import { list } from "./data.js";
import { draw } from "./studies.js";
import { facts, unwatch, watch } from "./study.js";
import "./submit.js";

const EVERY = 2000; // milliseconds between two looks at the queue
const SLOWLY = 10000; // the same while the page is hidden, or the service away

let timer = 0;

function outside() {
  state.me = null;
  clearTimeout(timer);
  unwatch();
  for (const id of ["inside", "leave"]) at(id).hidden = true;
  at("enter").hidden = false;
  at("who").textContent = "";
}

async function inside() {
  state.me = await (await ask("/v1/me")).json();
  at("who").textContent = `${state.me.name} (${state.me.role})`;
  at("enter").hidden = true;
  for (const id of ["inside", "leave"]) at(id).hidden = false;
  for (const id of ["submit-section", "upload"]) at(id).hidden = state.me.role === "read";
  say("");
  await look();
  const named = new URLSearchParams(location.search).get("study");
  if (named) watch(named);
  await list();
}

function begin() {
  inside().catch((error) => {
    say(unreached(error));
    if (at("enter").hidden && state.me === null) setTimeout(begin, SLOWLY); // nobody was asked for a token
  });
}

async function look() {
  clearTimeout(timer);
  let wait = document.hidden ? SLOWLY : EVERY;
  try {
    state.queue = await (await ask("/v1/queue")).json();
    draw();
    facts();
    if (at("said").dataset.away) {
      delete at("said").dataset.away;
      say("");
    }
  } catch (error) {
    if (state.me === null) return;
    at("said").dataset.away = "yes";
    say(error instanceof TypeError ? "The service cannot be reached; trying again." : error.message);
    wait = SLOWLY;
  }
  timer = setTimeout(look, wait);
}

async function enter(event) {
  event.preventDefault();
  const token = at("token").value.trim();
  const answer = await fetch("/v1/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) {
    say(await told(answer));
    return;
  }
  at("token").value = "";
  await inside();
}

at("enter").addEventListener("submit", (event) => enter(event).catch((error) => say(error.message)));
at("leave").addEventListener("click", async () => {
  await fetch("/v1/session", { method: "DELETE" });
  outside();
});
document.addEventListener("outside", outside);
document.addEventListener("changed", look);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.me) look();
});
begin();
