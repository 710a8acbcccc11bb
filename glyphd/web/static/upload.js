// Sends the files of an upload form one after another, each with two progress bars: sent, and processed. Without scripts
// the form sends them together, and the page of the import shows its progress.

import { own } from "./addresses.js";

const FINAL = ["succeeded", "failed", "cancelled"];
const SECOND = 1000;

const percent = (share) => Math.floor(100 * share);

function fill(bar, share) {
  bar.querySelector("progress").value = percent(share);
  bar.querySelector("span").textContent = `${percent(share)} %`;
}

function addRow(place, file) {
  const row = place.querySelector("template").content.firstElementChild.cloneNode(true);
  row.querySelector("[data-name]").textContent = file.name;
  for (const bar of row.querySelectorAll("progress")) bar.setAttribute("aria-label", `${bar.ariaLabel}: ${file.name}`);
  place.append(row);
  const [sent, processed] = row.querySelectorAll("[data-bar]");
  const state = row.querySelector("[data-state]");
  return { row, sent, processed, state };
}

// The answer as a document, and its final address: for an accepted file, that of its import.
function post(action, body, progressed, stop) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", action);
    request.setRequestHeader("Accept", "text/html");
    request.responseType = "document";
    request.upload.onprogress = (event) => progressed(event.loaded / Math.max(event.total, 1));
    request.onload = () => {
      const isSignedOut = new URL(request.responseURL).pathname === own("login").pathname;
      if (isSignedOut) reject(new Error("You are signed out. Sign in again in another tab, then send the file again here."));
      else resolve({ isTaken: request.status < 300, page: request.response, url: request.responseURL });
    };
    request.onerror = () => reject(new Error("There was no answer. The page Imports shows whether the file has arrived."));
    request.onabort = () => reject(new Error("Stopped before the whole file was sent."));
    stop.addEventListener("click", () => request.abort());
    request.send(body);
  });
}

// The form stays as it is, with the files that were not accepted. The service's answer about them is put in the same place as in the service's
// own page.
function showRefusal(form, page, shown, isOnlyFile) {
  for (const part of isOnlyFile ? ["refusals", "missing", "kept"] : []) {
    const newer = page?.querySelector(`[data-${part}]`);
    const old = document.querySelector(`[data-${part}]`);
    if (newer && old) old.replaceChildren(...document.importNode(newer, true).childNodes);
  }
  for (const newer of isOnlyFile ? page?.querySelectorAll("[data-reading] [name]") ?? [] : []) {
    const field = form.elements[newer.name];
    if (field.value || !newer.value) continue;
    field.value = newer.value;
    field.closest("details").open = true;
  }
  const reason = page?.querySelector(".wrong p, .problem .detail");
  const choose = reason?.querySelector("[data-choose]");
  if (choose && !isOnlyFile) choose.textContent = "Send the file alone to choose its columns.";
  const words = reason?.textContent ?? "no reason was given";
  const isShownAbove = isOnlyFile && page?.querySelector("[data-refusals] *");
  say(shown, "failed", "refused", isShownAbove ? [] : [`: ${words}`]);
  for (const note of form.querySelectorAll("[data-without-script]")) note.hidden = true;
}

// A word with a colour and a shape, as on the page of an import, and more about it.
function say(shown, kind, word, more) {
  const state = document.createElement("span");
  state.className = `status ${kind}`;
  state.textContent = word;
  shown.state.replaceChildren(state, ...more);
}

async function follow(url, shown, isCheck) {
  const id = url.split("/").at(-1);
  const link = document.createElement("a");
  link.href = url;
  link.textContent = "its page";
  for (;;) {
    const answer = await fetch(own(`api/imports/${id}`), { cache: "no-store" }).catch(() => null);
    const status = answer?.ok ? await answer.json() : null;
    if (status) {
      fill(shown.processed, FINAL.includes(status.status) ? 1 : status.progress);
      const isChecked = isCheck && status.status === "succeeded";
      const word = isChecked ? "checked" : `${status.status}${status.stalled ? ", but without a heartbeat" : ""}`;
      const more = isChecked ? ["; nothing is imported yet: import it on ", link] : [" · ", link];
      if (shown.word !== word) say(shown, isChecked ? "checked" : status.stalled ? "stalled" : status.status, word, more);
      shown.word = word;
      if (FINAL.includes(status.status)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, SECOND));
  }
}

// `fields` are all except the files. They are read before the buttons are disabled, because a disabled button is not
// submitted.
async function send(form, fields, files) {
  const place = form.querySelector("[data-sending]");
  const stop = place.querySelector("[data-stop]");
  for (const old of place.querySelectorAll("[data-file]")) old.remove();
  const isCheck = fields.some(([name, value]) => name === "dry_run" && value === "true");
  const following = [];
  const left = new DataTransfer();
  for (const file of files) {
    const shown = addRow(place, file);
    const body = new FormData();
    for (const [name, value] of fields) body.append(name, value);
    body.append("file", file);
    try {
      const answer = await post(form.action, body, (share) => fill(shown.sent, share), stop);
      fill(shown.sent, 1);
      if (answer.isTaken && files.length === 1) return answer.url;
      if (answer.isTaken) following.push(follow(answer.url, shown, isCheck));
      else {
        left.items.add(file);
        showRefusal(form, answer.page, shown, files.length === 1);
      }
    } catch (failure) {
      left.items.add(file);
      shown.state.textContent = failure.message;
    }
  }
  form.elements.file.files = left.files;
  stop.hidden = true;
  await Promise.all(following);
  return null;
}

export function sendFiles(form) {
  const warn = (event) => event.preventDefault();
  form.addEventListener("submit", async (event) => {
    const files = [...form.elements.file.files];
    if (!files.length) return;
    event.preventDefault();
    const buttons = form.querySelectorAll(".ways button");
    const stop = form.querySelector("[data-stop]");
    const lock = (isLocked) => buttons.forEach((button) => { button.disabled = isLocked; });
    const fields = [...new FormData(form, event.submitter)].filter(([name]) => name !== "file");
    lock(true);
    stop.hidden = false;
    window.addEventListener("beforeunload", warn);
    const url = await send(form, fields, files);
    window.removeEventListener("beforeunload", warn);
    stop.hidden = true;
    if (url) location.assign(url);
    else lock(false);
  });
}
