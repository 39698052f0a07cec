// Elements, and the rows of tables.

import { at, say, unreached } from "./ask.js";

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = String(text);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function cell(row, label, content, kind = "") {
  const made = element("td", undefined, { "data-label": label });
  if (kind) made.className = kind;
  if (content !== undefined && content !== null) made.append(content instanceof Node ? content : String(content));
  row.append(made);
  return made;
}

// Rows keep their elements while nothing about them changes, so that focus and selection stay.
export function fill(table, rows, key, make) {
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

// Does what a button is for, once at a time, and says what went wrong.
export async function pressed(made, act) {
  made.disabled = true;
  try {
    await act();
  } catch (error) {
    say(unreached(error));
  }
  made.disabled = false;
}

export function button(text, act, what) {
  const made = element("button", text, { type: "button", "data-act": text });
  made.addEventListener("click", () => pressed(made, act));
  if (what) made.setAttribute("aria-label", `${text} ${what}`);
  return made;
}

export function value(number) {
  return number === null || number === undefined ? "" : Number(number.toPrecision(5));
}
