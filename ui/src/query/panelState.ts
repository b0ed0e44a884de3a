// The panels of the query page, kept in the address: links from the reference's page and from dashboards work here.
import { formatDuration, parseDuration } from "../format/duration";

export type Tab = "table" | "graph";

export interface PanelState {
  expr: string;
  tab: Tab;
  /** Width of the graph in milliseconds. */
  rangeMs: number;
  /** Right edge of the graph, or null for "now". */
  endMs: number | null;
  /** Evaluation time of the table, or null for "now". */
  momentMs: number | null;
  /** Seconds between points, or null to choose by the range. */
  stepSeconds: number | null;
  stacked: boolean;
}

export const emptyPanel: PanelState = {
  expr: "",
  tab: "table",
  rangeMs: 3_600_000,
  endMs: null,
  momentMs: null,
  stepSeconds: null,
  stacked: false,
};

/** Points of a graph when no step is asked for; the reference's "medium" resolution. */
const autoPoints = 250;

export function stepSeconds(panel: PanelState): number {
  return panel.stepSeconds ?? Math.max(1, Math.floor(panel.rangeMs / 1000 / autoPoints));
}

/** Reads `g0.expr=…&g0.tab=graph&g0.range_input=1h…`; what it does not understand keeps its default. */
export function readPanels(search: string): PanelState[] {
  const parameters = new URLSearchParams(search);
  const panels: PanelState[] = [];
  for (let i = 0; parameters.has(`g${i}.expr`); i += 1) {
    const get = (name: string) => parameters.get(`g${i}.${name}`);
    const panel = { ...emptyPanel, expr: get("expr") ?? "" };
    // The old page wrote 0 for graph and 1 for table.
    const tab = get("tab");
    if (tab === "graph" || tab === "0") panel.tab = "graph";
    const range = parseDuration(get("range_input") ?? "");
    if (range) panel.rangeMs = range;
    panel.endMs = readTime(get("end_input"));
    panel.momentMs = readTime(get("moment_input"));
    const step = Number(get("step_input") ?? "");
    if (step > 0) panel.stepSeconds = step;
    panel.stacked = get("display_mode") === "stacked" || get("stacked") === "1";
    panels.push(panel);
  }
  return panels;
}

export function writePanels(panels: PanelState[]): string {
  const parameters = new URLSearchParams();
  panels.forEach((panel, i) => {
    const set = (name: string, value: string) => parameters.set(`g${i}.${name}`, value);
    set("expr", panel.expr);
    set("tab", panel.tab);
    set("range_input", formatDuration(panel.rangeMs));
    if (panel.endMs !== null) set("end_input", writeTime(panel.endMs));
    if (panel.momentMs !== null) set("moment_input", writeTime(panel.momentMs));
    if (panel.stepSeconds !== null) set("step_input", String(panel.stepSeconds));
    set("display_mode", panel.stacked ? "stacked" : "lines");
  });
  return parameters.toString();
}

/** "2026-11-21 08:30:00", always UTC in an address. */
function writeTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

function readTime(text: string | null): number | null {
  if (!text) return null;
  const ms = Date.parse(`${text.replace(" ", "T")}Z`);
  return Number.isNaN(ms) ? null : ms;
}
