import { describe, expect, it } from "vitest";

import { formatDuration, parseDuration } from "./duration";
import { formatAxisValue, parseValue } from "./number";
import { formatAge } from "./time";

describe("durations", () => {
  it.each([
    ["1h30m", 5_400_000],
    ["15s", 15_000],
    ["1d", 86_400_000],
    ["500ms", 500],
    ["1w", 604_800_000],
    ["0", 0],
  ])("parses %s", (text, ms) => expect(parseDuration(text)).toBe(ms));
  it.each(["", "5", "1m1h", "1.5h", "h", "-1h"])("refuses %s", (text) => expect(parseDuration(text)).toBeNull());
  it.each([
    [5_400_000, "1h30m"],
    [8 * 86_400_000, "8d"],
    [14 * 86_400_000, "2w"],
    [0, "0s"],
    [1_500, "1s500ms"],
  ])("writes %d", (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe("values", () => {
  it("knows Go's infinities", () => {
    expect(parseValue("+Inf")).toBe(Infinity);
    expect(parseValue("-Inf")).toBe(-Infinity);
    expect(parseValue("NaN")).toBeNaN();
  });
  it.each([
    [1536, "1.536k"],
    [-2_000_000, "-2M"],
    [0.25, "0.25"],
    [0, "0"],
    [0.00001, "1.00e-5"],
  ])("shortens %d", (value, text) => expect(formatAxisValue(value)).toBe(text));
});

describe("ages", () => {
  it("says never for Go's zero time", () => expect(formatAge("0001-01-01T00:00:00Z", 0)).toBe("never"));
  it("counts seconds", () => expect(formatAge("1970-01-01T00:00:10Z", 12_500)).toBe("2.5 s ago"));
});
