// Parts marked `data-live` are kept up to date. A table that someone is reading stays: its rows change in place, and
// the page says when there are more, or when it has changed.

import { explainMoments } from "./moments.js";
import { poll } from "./polling.js";

const received = new WeakMap();
const live = () => document.querySelectorAll("[data-live]");

// It compares with what the service sent before, not with what the reader changed, so that an opened part stays open.
function replace(part, newer) {
  if (received.get(part) === newer.innerHTML || part.contains(document.activeElement)) return;
  received.set(part, newer.innerHTML);
  part.replaceChildren(...document.importNode(newer, true).childNodes);
  explainMoments(part);
}

const rows = (page) => [...page.querySelectorAll("[data-row]")].map((row) => row.dataset.live);

function announce(page) {
  const place = document.querySelector("[data-announce]");
  if (!place) return;
  const known = new Set(rows(document));
  const count = rows(page).filter((row) => !known.has(row)).length;
  place.hidden = !count;
  if (!count || place.dataset.count === String(count)) return;
  place.dataset.count = String(count);
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = "Show";
  place.replaceChildren(count === 1 ? "There is 1 new import. " : `There are ${count} new imports. `, link);
}

function tellReach() {
  const notice = document.createElement("div");
  notice.className = "banner";
  notice.setAttribute("role", "alert");
  let last = Date.now();
  return (isReached) => {
    if (isReached) {
      last = Date.now();
      notice.remove();
      return;
    }
    const seconds = Math.round((Date.now() - last) / 1000);
    const words = seconds < 120 ? `${seconds} seconds` : `${Math.floor(seconds / 60)} minutes`;
    notice.textContent = `No answer from the service for ${words}: this page shows the data from then.`;
    if (!notice.isConnected) document.querySelector("main").before(notice);
  };
}

const inTables = (page) => [...page.querySelectorAll(".table")].map((table) => table.textContent).join();

export function keepFresh() {
  const old = document.querySelector("[data-changed]");
  const shown = inTables(document);
  if ((!live().length && !old) || new URLSearchParams(location.search).has("as_of")) return;
  for (const part of live()) received.set(part, part.innerHTML);
  const isRunning = () => document.querySelector("[data-live] .status.running, [data-live] .status.queued") !== null;
  const changed = (page) => {
    for (const part of live()) {
      const newer = page.querySelector(`[data-live="${part.dataset.live}"]`);
      if (newer) replace(part, newer);
    }
    announce(page);
    if (old) old.hidden = inTables(page) === shown;
  };
  poll(changed, isRunning, tellReach());
}
