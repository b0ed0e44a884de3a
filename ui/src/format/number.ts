// Values as the server prints them, and as an axis shows them.

/** Parses a sample value; Go's spellings of the infinities included. */
export function parseValue(text: string): number {
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

const steps: [number, string][] = [
  [1e24, "Y"],
  [1e21, "Z"],
  [1e18, "E"],
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Writes a value for an axis: four digits and a factor letter. */
export function formatAxisValue(value: number | null | undefined): string {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  for (const [step, letter] of steps) {
    if (size >= step) return `${trim(value / step)}${letter}`;
  }
  if (size === 0) return "0";
  if (size >= 1e-3) return trim(value);
  return value.toExponential(2);
}

function trim(value: number): string {
  return String(Number(value.toPrecision(4)));
}
