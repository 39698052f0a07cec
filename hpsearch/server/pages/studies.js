// The slots, and the list of studies with what may be decided of each.

import { ask, at, isMine, routeOf, send, state } from "./ask.js";
import { button, cell, element, fill, value } from "./rows.js";
import { watch } from "./study.js";
import { write } from "./submit.js";

const MOST = 200; // the newest
const OVER = ["done", "cancelled", "failed"];

export function draw() {
  fill("slots", state.queue.slots, "slot", slotRow);
  const chosen = at("filter").value;
  const shown = state.queue.studies.filter((one) => {
    if (chosen === "open") return !OVER.includes(one.state);
    return chosen !== "own" || one.user === state.me.name;
  });
  fill("studies", shown.reverse().slice(0, MOST), "name", studyRow);
  const more = shown.length - MOST;
  at("none").textContent = more > 0 ? `and ${more} older ones` : "No studies here yet.";
  at("none").hidden = shown.length > 0 && more <= 0;
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

function studyRow(one) {
  const row = element("tr");
  const open = button(one.name, () => watch(one.name));
  open.className = "link";
  cell(row, "Study", open);
  const standing = cell(row, "State", element("span", one.state));
  if (one.why) standing.firstChild.append(element("div", one.why, { class: "why" }));
  cell(row, "Best", value(one.best), "number").title = one.metric ?? "";
  const done = element("span", `${one.counted} of ${one.trials} `);
  done.append(element("progress", undefined, { value: one.counted, max: Math.max(1, one.trials), "aria-label": "trials done" }));
  cell(row, "Trials", done, "number");
  cell(row, "User", one.user);
  cell(row, "Priority", one.priority, "number");
  cell(row, "Actions", actions(one));
  return row;
}

function actions(one) {
  const made = element("span");
  const add = (text, act) => made.append(button(text, act, one.name));
  if (isMine(one.user)) {
    if (["queued", "running"].includes(one.state)) add("Pause", () => decide(one, "pause"));
    if (["paused", "failed"].includes(one.state)) add("Resume", () => decide(one, "resume"));
    if (!["done", "cancelled"].includes(one.state)) add("Cancel", () => cancel(one));
  }
  if (state.me.role !== "read") add("Clone", () => clone(one));
  return made;
}

async function decide(one, act) {
  await send(routeOf(one.name, `/${act}`), "POST");
  document.dispatchEvent(new Event("changed"));
}

async function cancel(one) {
  if (confirm(`Cancel ${one.name} for good? What it has found stays.`)) await decide(one, "cancel");
}

async function clone(one) {
  const text = await (await ask(routeOf(one.name, "/file"))).text();
  write(text.replace(/^name = .*$/m, `name = "${one.name}-2"`));
}

at("filter").addEventListener("change", draw);
