// Answers of query_range as columns for uPlot: one shared time axis, null where a series has no point.
import type { MatrixSeries } from "../api/types";
import { parseValue } from "../format/number";

export interface GraphData {
  /** Seconds since the epoch, ascending, one slot a step. */
  times: number[];
  /** In step with `times`, one column a series. */
  columns: (number | null)[][];
}

/** Puts each point into the slot of its step; infinities and NaN break the line as a gap does. */
export function alignSeries(series: MatrixSeries[], start: number, end: number, step: number): GraphData {
  const slots = Math.floor((end - start) / step + 1e-6) + 1;
  const times = Array.from({ length: slots }, (_, i) => start + i * step);
  const columns = series.map((one) => {
    const column: (number | null)[] = new Array(slots).fill(null);
    for (const [t, text] of one.values ?? []) {
      const slot = Math.round((t - start) / step);
      const value = parseValue(text);
      if (slot >= 0 && slot < slots && Number.isFinite(value)) column[slot] = value;
    }
    return column;
  });
  return { times, columns };
}

/** Sums each column onto those before it; a hidden series (false) adds nothing and is drawn as null. */
export function stackColumns(columns: (number | null)[][], shown: boolean[]): (number | null)[][] {
  const total: number[] = [];
  return columns.map((column, i) =>
    column.map((value, slot) => {
      if (!shown[i] || value === null) return null;
      total[slot] = (total[slot] ?? 0) + value;
      return total[slot];
    }),
  );
}
