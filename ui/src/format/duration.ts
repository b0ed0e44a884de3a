// Prometheus durations: "1h30m" to milliseconds and back.

const units: [string, number][] = [
  ["y", 365 * 86_400_000],
  ["w", 7 * 86_400_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

const pattern = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Returns milliseconds, or null for what is no duration; units go from large to small, as the server wants them. */
export function parseDuration(text: string): number | null {
  if (text === "0") return 0;
  const found = text === "" ? null : pattern.exec(text);
  if (!found) return null;
  return units.reduce((sum, [, ms], i) => sum + Number(found[i + 1] ?? 0) * ms, 0);
}

/** Writes milliseconds with the fewest exact units; weeks and years only when they fit wholly, as the server does. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let rest = Math.round(ms);
  let text = "";
  for (const [unit, size] of units) {
    if ((unit === "y" || unit === "w") && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) {
      text += `${count}${unit}`;
      rest -= count * size;
    }
  }
  return text;
}
