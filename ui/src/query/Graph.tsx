// A graph of a range answer: uPlot draws, dragging zooms, the nearest point tells its series and value.
import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";

import type { MatrixSeries } from "../api/types";
import { formatAxisValue } from "../format/number";
import { formatTicks, formatTime } from "../format/time";
import { seriesColor } from "../theme";
import { alignSeries, stackColumns } from "./graphData";
import { SeriesName, seriesText } from "./SeriesName";

interface Props {
  series: MatrixSeries[];
  /** Seconds since the epoch. */
  start: number;
  end: number;
  step: number;
  stacked: boolean;
  onZoom: (start: number, end: number) => void;
}

interface Hover {
  left: number;
  top: number;
  series: number;
  slot: number;
}

const height = 380;

export function Graph({ series, start, end, step, stacked, onZoom }: Props) {
  const { ref: sizeRef, width } = useElementSize();
  const host = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme("light");
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [hover, setHover] = useState<Hover | null>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;

  const names = useMemo(() => series.map((one) => seriesText(one.metric)), [series]);
  const shown = useMemo(() => names.map((name) => !hidden.has(name)), [names, hidden]);
  const data = useMemo(() => alignSeries(series, start, end, step), [series, start, end, step]);
  const columns = useMemo(() => (stacked ? stackColumns(data.columns, shown) : data.columns), [data, stacked, shown]);

  useEffect(() => {
    if (!host.current || width === 0) return;
    const css = getComputedStyle(document.documentElement);
    const axis = { stroke: css.getPropertyValue("--fs-axis"), grid: { stroke: css.getPropertyValue("--fs-grid"), width: 1 } };
    const plot = new uPlot(
      {
        width,
        height,
        cursor: { drag: { x: true, y: false, setScale: false }, focus: { prox: 30 }, points: { size: 7 } },
        legend: { show: false },
        scales: { x: { time: true, range: () => [start, Math.max(end, start + step)] } },
        axes: [{ ...axis, space: 90, values: (_, ticks) => formatTicks(ticks) }, { ...axis, size: 64, values: (_, ticks) => ticks.map(formatAxisValue) }],
        series: [
          {},
          ...columns.map((_, i) => ({
            label: names[i],
            show: shown[i],
            stroke: seriesColor(i),
            width: 1.5,
            fill: stacked ? `${seriesColor(i)}22` : undefined,
            points: { show: isolated(columns[i] ?? []) },
          })),
        ],
        hooks: {
          setSelect: [
            (u) => {
              if (u.select.width < 8) return;
              zoom.current(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
            },
          ],
          setCursor: [(u) => setHover(nearest(u))],
        },
      },
      [data.times, ...columns],
      host.current,
    );
    return () => plot.destroy();
  }, [data, columns, names, shown, stacked, width, start, end, step, scheme]);

  const toggle = (name: string, alone: boolean) => {
    setHidden((before) => {
      const others = names.filter((other) => other !== name);
      // A click shows one series alone, and a second one all again; with Ctrl it hides or shows just this one.
      if (alone) return before.size === others.length && !before.has(name) ? new Set() : new Set(others);
      const after = new Set(before);
      if (!after.delete(name)) after.add(name);
      return after;
    });
  };

  const hovered = hover ? series[hover.series] : undefined;
  const value = hover ? data.columns[hover.series]?.[hover.slot] : null;
  return (
    <div ref={sizeRef}>
      <div className="fs-graph" onMouseLeave={() => setHover(null)}>
        <div ref={host} role="img" aria-label={`Graph of ${series.length} series`} data-testid="graph" />
        {hover && hovered && value !== null && value !== undefined && (
          <div
            className="fs-tooltip"
            style={{ top: hover.top + 14, ...(hover.left > width / 2 ? { right: width - hover.left + 14 } : { left: hover.left + 14 }) }}
          >
            <div>{formatTime((data.times[hover.slot] ?? 0) * 1000)}</div>
            <div>
              <span style={{ color: seriesColor(hover.series) }}>■</span> <b>{value}</b>
            </div>
            <SeriesName metric={hovered.metric} />
          </div>
        )}
      </div>
      <div className="fs-legend" aria-label="Series">
        {series.map((one, i) => {
          const name = names[i] ?? "";
          return (
            <button key={name} type="button" aria-pressed={shown[i]} onClick={(e) => toggle(name, !(e.ctrlKey || e.metaKey))}>
              <span className="fs-swatch" style={{ background: seriesColor(i) }} />
              <SeriesName metric={one.metric} />
            </button>
          );
        })}
      </div>
    </div>
  );
}

/** Returns whether some point stands without neighbours: no line would show it. */
function isolated(column: (number | null)[]): boolean {
  return column.some((v, i) => v !== null && (column[i - 1] ?? null) === null && (column[i + 1] ?? null) === null);
}

/** Returns the series whose line passes nearest to the cursor. */
function nearest(u: uPlot): Hover | null {
  const { left = -1, top = -1, idx } = u.cursor;
  if (left < 0 || top < 0 || idx === null || idx === undefined) return null;
  let best: Hover | null = null;
  let distance = Infinity;
  for (let i = 1; i < u.series.length; i += 1) {
    const value = u.data[i]?.[idx];
    if (!u.series[i]?.show || value === null || value === undefined) continue;
    const away = Math.abs(u.valToPos(value, "y") - top);
    if (away < distance) {
      distance = away;
      best = { left, top, series: i - 1, slot: idx };
    }
  }
  return best;
}
