import { describe, expect, it } from "vitest";

import { alignSeries, stackColumns } from "./graphData";

describe("aligning", () => {
  it("leaves gaps where a series has no point", () => {
    const data = alignSeries(
      [
        { metric: { a: "1" }, values: [[100, "1"], [130, "3"]] },
        { metric: { a: "2" }, values: [[115, "+Inf"], [130, "-2.5"]] },
      ],
      100,
      130,
      15,
    );
    expect(data.times).toEqual([100, 115, 130]);
    expect(data.columns).toEqual([
      [1, null, 3],
      [null, null, -2.5],
    ]);
  });
  it("holds steps that are no whole seconds", () => {
    const data = alignSeries([{ metric: {}, values: [[10.3, "7"]] }], 10, 10.4, 0.1);
    expect(data.columns[0]).toEqual([null, null, null, 7, null]);
  });
});

describe("stacking", () => {
  it("adds the shown columns up", () => {
    expect(stackColumns([[1, 1], [2, null], [4, 4]], [true, false, true])).toEqual([[1, 1], [null, null], [5, 5]]);
  });
});
