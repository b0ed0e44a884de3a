import { describe, expect, it } from "vitest";

import { emptyPanel, readPanels, stepSeconds, writePanels } from "./panelState";

describe("panels in the address", () => {
  it("come back as they went", () => {
    const panels = [
      {
        ...emptyPanel,
        expr: 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))',
        tab: "graph" as const,
        rangeMs: 900_000,
        endMs: Date.parse("2026-11-21T08:30:00Z"),
        stepSeconds: 5,
        stacked: true,
      },
      { ...emptyPanel, expr: "up", momentMs: Date.parse("2026-11-21T08:00:00Z") },
    ];
    expect(readPanels(writePanels(panels))).toEqual(panels);
  });
  it("understand links of the old page", () => {
    const [panel] = readPanels("g0.expr=up&g0.tab=0&g0.stacked=1&g0.range_input=2h");
    expect(panel).toMatchObject({ expr: "up", tab: "graph", stacked: true, rangeMs: 7_200_000 });
  });
  it("keep defaults for nonsense", () => {
    const [panel] = readPanels("g0.expr=up&g0.range_input=soon&g0.step_input=-1&g0.end_input=x");
    expect(panel).toEqual({ ...emptyPanel, expr: "up" });
  });
});

describe("the step", () => {
  it("gives about 250 points", () => expect(stepSeconds({ ...emptyPanel, rangeMs: 3_600_000 })).toBe(14));
  it("is at least a second", () => expect(stepSeconds({ ...emptyPanel, rangeMs: 60_000 })).toBe(1));
});
