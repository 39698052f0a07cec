// A figure of a study: the value of each trial, and the best one so far.

import { at } from "./ask.js";
import { value } from "./rows.js";

const WIDE = 640;
const HIGH = 180;
const EDGE = 8; // around the points

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, one] of Object.entries(attributes)) made.setAttribute(key, one);
  return made;
}

// trials: as the events have them; study: its row, which says which value is the best.
export function plot(trials, study) {
  const done = trials.filter((one) => one.state === "complete" && Number.isFinite(one.value));
  done.sort((a, b) => a.number - b.number);
  at("history").hidden = done.length < 2;
  if (done.length < 2) return;
  const values = done.map((one) => one.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const grows = Math.abs(study.best - most) <= Math.abs(study.best - least);
  const last = Math.max(1, ...trials.map((one) => one.number));
  const x = (one) => EDGE + (one.number / last) * (WIDE - 2 * EDGE);
  const y = (number) => HIGH - EDGE - ((number - least) / (most - least || 1)) * (HIGH - 2 * EDGE);
  let best = values[0];
  let line = `M${x(done[0])},${y(best)}`;
  for (const one of done) {
    best = grows ? Math.max(best, one.value) : Math.min(best, one.value);
    line += `H${x(one)}V${y(best)}`;
  }
  const points = done.map((one) => shape("circle", { cx: x(one), cy: y(one.value), r: 3 }));
  at("history-figure").replaceChildren(shape("path", { d: `${line}H${WIDE - EDGE}` }), ...points);
  const text = `${study.metric} of ${done.length} complete trials, from ${value(least)} to ${value(most)}; the line is the best so far.`;
  if (at("history-text").textContent !== text) at("history-text").textContent = text;
}
