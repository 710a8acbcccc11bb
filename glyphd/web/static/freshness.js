// Parts marked `data-live` follow the service. A table that somebody reads stays: the page says that there is more.

import { explainMoments } from "./moments.js";
import { poll } from "./polling.js";

function replace(part, newer) {
  if (part.innerHTML === newer.innerHTML) return;
  if (part.contains(document.activeElement)) return;
  part.replaceChildren(...document.importNode(newer, true).childNodes);
  explainMoments(part);
}

export function keepFresh() {
  const live = () => document.querySelectorAll("[data-live]");
  if (!live().length || new URLSearchParams(location.search).has("as_of")) return;
  const isRunning = () => document.querySelector("[data-live] .status.running, [data-live] .status.queued") !== null;
  poll((page) => {
    for (const part of live()) {
      const newer = page.querySelector(`[data-live="${part.dataset.live}"]`);
      if (newer) replace(part, newer);
    }
  }, isRunning);
}
