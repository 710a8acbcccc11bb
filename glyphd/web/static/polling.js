// Requests the page again with its ETag: often while something is running, rarely while the page is hidden.

import { own } from "./addresses.js";

const RUNNING = 1000;
const QUIET = 10000;
const HIDDEN = 60000;

export function pause(isRunning) {
  if (document.visibilityState === "hidden") return HIDDEN;
  return isRunning ? RUNNING : QUIET;
}

// Calls `changed(document)` with each new version of this page, and `reached(yes)` with whether an answer came.
// `isRunning()` decides how often to ask.
export function poll(changed, isRunning, reached) {
  let timer;
  let etag;
  async function ask() {
    clearTimeout(timer);
    try {
      const headers = { Accept: "text/html", ...(etag ? { "If-None-Match": etag } : {}) };
      const answer = await fetch(location.href, { headers, cache: "no-store" });
      if (answer.redirected && new URL(answer.url).pathname === own("login").pathname) location.assign(answer.url);
      else if (answer.ok) {
        etag = answer.headers.get("ETag");
        changed(new DOMParser().parseFromString(await answer.text(), "text/html"));
      }
      reached(answer.ok || answer.status === 304);
    } catch {
      reached(false);
    }
    timer = setTimeout(ask, pause(isRunning()));
  }
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") ask();
  });
  timer = setTimeout(ask, pause(isRunning()));
}
