// Times are written in UTC; the tooltip adds how long ago that was, and the reader's own time.

const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(moment, now = Date.now()) {
  const seconds = (moment - now) / 1000;
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? STEPS.at(-1);
  return relative.format(Math.round(seconds / size), unit);
}

export function explainMoments(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = Date.parse(time.dateTime);
    if (!Number.isNaN(moment)) {
      time.title = `${ago(moment)}; ${new Date(moment).toLocaleString()} here; ${time.dateTime}`;
    }
  }
}
