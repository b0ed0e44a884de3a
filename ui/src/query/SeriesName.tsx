// A series as PromQL writes it, with the label names set back.
import type { Metric } from "../api/types";

export function SeriesName({ metric }: { metric: Metric }) {
  const { __name__: name = "", ...labels } = metric;
  const pairs = Object.entries(labels);
  return (
    <span className="fs-series">
      {name}
      {(pairs.length > 0 || name === "") && "{"}
      {pairs.map(([label, value], i) => (
        <span key={label}>
          {i > 0 && ", "}
          <span className="fs-label-name">{label}=</span>
          {JSON.stringify(value)}
        </span>
      ))}
      {(pairs.length > 0 || name === "") && "}"}
    </span>
  );
}

/** The same as plain text: a key for lists, and what is copied. */
export function seriesText(metric: Metric): string {
  const { __name__: name = "", ...labels } = metric;
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.length > 0 || name === "" ? `${name}{${pairs.join(", ")}}` : name;
}
