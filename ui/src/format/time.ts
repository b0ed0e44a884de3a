// Times of day and ages in the reader's own zone.

const two = (n: number) => String(n).padStart(2, "0");

export function formatTime(ms: number): string {
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** "3.2 s ago"; "never" for Go's zero time. */
export function formatAge(iso: string, now: number): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then) || then <= 0) return "never";
  const seconds = Math.max(0, (now - then) / 1000);
  if (seconds < 60) return `${seconds.toFixed(1)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

/** "4.12 ms" from seconds. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 0)} ms`;
  return `${seconds.toFixed(2)} s`;
}

/** Labels of a time axis from ticks in seconds: the clock as fine as the ticks, and the date where a new day begins. */
export function formatTicks(ticks: number[]): string[] {
  const apart = (ticks[1] ?? 0) - (ticks[0] ?? 0);
  let day = "";
  return ticks.map((tick) => {
    const date = new Date(tick * 1000);
    const today = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}${apart < 60 ? `:${two(date.getSeconds())}` : ""}`;
    const label = apart >= 86_400 ? today.slice(5) : clock;
    const text = today === day || apart >= 86_400 ? label : `${label}\n${today}`;
    day = today;
    return text;
  });
}
