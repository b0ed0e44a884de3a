// An instant answer as a table; raw ranges (up[1m]) list their points.
import { Group, Pagination, Table, Text } from "@mantine/core";
import { useState } from "react";

import type { Metric, Point, QueryData } from "../api/types";
import { formatTime } from "../format/time";
import { EmptyResult } from "../shell/Problem";
import { SeriesName, seriesText } from "./SeriesName";

/** Rows on one page: a browser holds ten thousand, a reader does not. */
const pageRows = 200;

interface Row {
  key: string;
  metric: Metric;
  cell: string;
}

export function ResultTable({ data, onFix }: { data: QueryData; onFix: (query: string) => void }) {
  const [page, setPage] = useState(1);
  if (data.resultType === "scalar" || data.resultType === "string") {
    return (
      <Text ff="monospace" data-testid="single">
        {data.resultType}: {data.result[1]}
      </Text>
    );
  }
  const rows = readRows(data);
  if (rows.length === 0) return <EmptyResult reasons={data.explain?.empty} where="at this time" onFix={onFix} />;
  const pages = Math.ceil(rows.length / pageRows);
  const shown = rows.slice((page - 1) * pageRows, page * pageRows);
  return (
    <>
      <Group justify="space-between" mb={4}>
        <Text fz="xs" c="dimmed">
          {rows.length} series
        </Text>
        {pages > 1 && <Pagination size="xs" total={pages} value={page} onChange={setPage} />}
      </Group>
      <Table striped highlightOnHover verticalSpacing={4} data-testid="table">
        <Table.Tbody>
          {shown.map((row) => (
            <Table.Tr key={row.key}>
              <Table.Td>
                <SeriesName metric={row.metric} />
              </Table.Td>
              <Table.Td className="fs-value" style={{ whiteSpace: "pre" }}>
                {row.cell}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}

function readRows(data: Extract<QueryData, { resultType: "vector" | "matrix" }>): Row[] {
  if (data.resultType === "vector") {
    return data.result.map(({ metric, value, histogram }) => ({
      key: seriesText(metric),
      metric,
      cell: value ? value[1] : JSON.stringify(histogram?.[1]),
    }));
  }
  const line = ([t, v]: Point) => `${v} @${formatTime(t * 1000)}`;
  return data.result.map(({ metric, values }) => ({
    key: seriesText(metric),
    metric,
    cell: (values ?? []).map(line).join("\n"),
  }));
}
