// A file dropped on any page goes into its upload form; a page that has none shows one.

import { own } from "./addresses.js";
import { sendFiles } from "./upload.js";

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

async function formHere() {
  const found = document.querySelector("form[data-upload]");
  if (found) return found;
  const answer = await fetch(own("upload"), { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const form = document.importNode(page.querySelector("form[data-upload]"), true);
  const dialog = document.createElement("dialog");
  const close = document.createElement("button");
  dialog.setAttribute("aria-label", "Upload");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.remove());
  const refusals = document.createElement("div");
  refusals.dataset.refusals = "";
  dialog.append(close, refusals, form);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  sendFiles(form);
  return form;
}

async function take(files) {
  const form = await formHere();
  const dropped = new DataTransfer();
  for (const file of files) dropped.items.add(file);
  form.elements.file.files = dropped.files;
  form.querySelector(".ways button").focus();
}

export function takeDrops() {
  const mark = (isOver) => document.body.classList.toggle("dropping", isOver);
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false);
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    take([...event.dataTransfer.files]);
  });
}
