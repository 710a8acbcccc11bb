// Asks again with the page's ETag: often while something runs, rarely while nobody looks.

const RUNNING = 1000;
const QUIET = 10000;
const HIDDEN = 60000;

export function pause(isRunning) {
  if (document.visibilityState === "hidden") return HIDDEN;
  return isRunning ? RUNNING : QUIET;
}

// Calls `changed(document)` with each new version of this page. `isRunning()` says how often to ask.
export function poll(changed, isRunning) {
  let timer;
  let etag;
  async function ask() {
    try {
      const headers = { Accept: "text/html", ...(etag ? { "If-None-Match": etag } : {}) };
      const answer = await fetch(location.href, { headers, cache: "no-store" });
      if (answer.ok) {
        const isFirst = etag === undefined;
        etag = answer.headers.get("ETag");
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        changed(page, isFirst);
      }
    } catch {
      // The service may be restarting: the next question will tell.
    }
    schedule();
  }
  function schedule() {
    clearTimeout(timer);
    timer = setTimeout(ask, pause(isRunning()));
  }
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") ask();
  });
  schedule();
}
