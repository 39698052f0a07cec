// Data sets that were sent to the service: one's own, and those that are shared.

import { ask, at, isMine, say, send, told } from "./ask.js";
import { button, cell, element, fill, pressed } from "./rows.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function size(bytes) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${UNITS[power]}`;
}

export async function list() {
  const found = await (await ask("/v1/datasets")).json();
  fill("data", found, "path", row);
  at("data").hidden = found.length === 0;
}

function row(one) {
  const made = element("tr");
  cell(made, "Path", element("code", one.path));
  cell(made, "Format", one.format);
  cell(made, "Size", size(one.bytes), "number");
  cell(made, "Owner", one.owner);
  cell(made, "Seen by", one.shared ? "all" : "owner");
  const actions = element("span");
  if (isMine(one.owner)) actions.append(button("Remove", () => remove(one), one.name));
  cell(made, "Actions", actions);
  return made;
}

async function remove(one) {
  if (!confirm(`Remove the data set ${one.name}?`)) return;
  await send(`/v1/datasets/${encodeURIComponent(one.name)}?owner=${encodeURIComponent(one.owner)}`, "DELETE");
  say(`Removed ${one.name}.`);
  await list();
}

// By XMLHttpRequest, which tells how far it is.
function sent(path, file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) at("upload-progress").value = event.loaded / event.total;
    });
    request.addEventListener("load", () => resolve(new Response(request.response, { status: request.status })));
    request.addEventListener("error", () => reject(new TypeError()));
    request.send(file);
  });
}

async function upload(event) {
  event.preventDefault();
  const [file] = at("upload-file").files;
  const name = at("upload-name").value;
  await pressed(event.submitter, async () => {
    at("upload-progress").hidden = false;
    try {
      const query = `format=${encodeURIComponent(formatOf(file.name))}&shared=${at("upload-shared").checked}`;
      const answer = await sent(`/v1/datasets/${encodeURIComponent(name)}?${query}`, file);
      if (!answer.ok) throw new Error(await told(answer));
      const made = await answer.json();
      say(`Uploaded. A study file names it so: path = "${made.path}", source = "${made.source}".`);
      event.target.reset();
    } finally {
      at("upload-progress").hidden = true;
      at("upload-progress").value = 0;
    }
    await list();
  });
}

function formatOf(file) {
  const ending = /\.((tar|csv|tsv)\.gz|[^.]+)$/i.exec(file);
  return ending ? ending[1].toLowerCase() : "";
}

at("upload").addEventListener("submit", upload);
at("upload-file").addEventListener("change", () => {
  const [file] = at("upload-file").files;
  if (file && !at("upload-name").value) at("upload-name").value = file.name.replace(/[^A-Za-z0-9._-]+/g, "-");
});
