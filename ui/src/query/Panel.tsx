// One expression with its table or graph.
import { ActionIcon, Button, Card, Group, Loader, Stack, Tabs, Text, Tooltip } from "@mantine/core";
import { IconChartLine, IconTable, IconTrash } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { getApi } from "../api/http";
import type { QueryData } from "../api/types";
import { formatSeconds } from "../format/time";
import { EmptyResult, Notes, Problem } from "../shell/Problem";
import { ExpressionInput } from "./ExpressionInput";
import { Graph } from "./Graph";
import { GraphControls } from "./GraphControls";
import { emptyPanel, type PanelState, stepSeconds, type Tab } from "./panelState";
import { ResultTable } from "./ResultTable";

interface Props {
  panel: PanelState;
  /** Counts up whenever the page wants all panels evaluated again. */
  tick: number;
  onChange: (change: Partial<PanelState>) => void;
  onRun: () => void;
  onRemove?: () => void;
}

/** Series that a graph draws; more are a wall of lines and stall the browser. */
const graphSeriesMax = 300;

export function Panel({ panel, tick, onChange, onRun, onRemove }: Props) {
  const [draft, setDraft] = useState(panel.expr);
  useEffect(() => setDraft(panel.expr), [panel.expr]);
  const run = () => {
    if (draft !== panel.expr) onChange({ expr: draft });
    onRun();
  };
  return (
    <Card withBorder padding="md">
      <Stack gap="sm">
        <Group align="flex-start" wrap="nowrap">
          <ExpressionInput value={draft} onChange={setDraft} onRun={run} />
          <Button onClick={run}>Execute</Button>
          {onRemove && (
            <Tooltip label="Remove this panel">
              <ActionIcon variant="subtle" color="gray" size="lg" onClick={onRemove} aria-label="Remove this panel">
                <IconTrash size={18} />
              </ActionIcon>
            </Tooltip>
          )}
        </Group>
        <Tabs value={panel.tab} onChange={(tab) => onChange({ tab: tab as Tab })} keepMounted={false}>
          <Tabs.List mb="sm">
            <Tabs.Tab value="table" leftSection={<IconTable size={16} />}>
              Table
            </Tabs.Tab>
            <Tabs.Tab value="graph" leftSection={<IconChartLine size={16} />}>
              Graph
            </Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="table">
            <TableTab panel={panel} tick={tick} onChange={onChange} />
          </Tabs.Panel>
          <Tabs.Panel value="graph">
            <GraphTab panel={panel} tick={tick} onChange={onChange} />
          </Tabs.Panel>
        </Tabs>
      </Stack>
    </Card>
  );
}

function useAnswer<T extends QueryData>(kind: "query" | "query_range", key: unknown[], parameters: () => Record<string, string | number | undefined>, enabled: boolean) {
  return useQuery({
    queryKey: [kind, ...key],
    enabled,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const asked = parameters();
      const began = performance.now();
      const answer = await getApi<T>(kind, asked, signal);
      return { ...answer, asked, seconds: (performance.now() - began) / 1000 };
    },
  });
}

function TableTab({ panel, tick, onChange }: { panel: PanelState; tick: number; onChange: Props["onChange"] }) {
  const onFix = (expr: string) => onChange({ expr });
  const answer = useAnswer<QueryData>(
    "query",
    [panel.expr, panel.momentMs, tick],
    () => ({ query: panel.expr, time: (panel.momentMs ?? Date.now()) / 1000, limit: 10_000, explain: "empty" }),
    panel.expr !== "",
  );
  if (panel.expr === "") return <Text c="dimmed">No expression yet.</Text>;
  if (answer.error) return <Problem error={answer.error} onFix={onFix} />;
  if (!answer.data) return <Loader size="sm" />;
  return (
    <Stack gap="xs">
      <Notes warnings={answer.data.warnings} infos={answer.data.infos} />
      <ResultTable key={panel.expr} data={answer.data.data} onFix={onFix} />
      <Text fz="xs" c="dimmed">
        answered in {formatSeconds(answer.data.seconds)}
      </Text>
    </Stack>
  );
}

function GraphTab({ panel, tick, onChange }: { panel: PanelState; tick: number; onChange: Props["onChange"] }) {
  const step = stepSeconds(panel);
  const onFix = (expr: string) => onChange({ expr });
  const answer = useAnswer<Extract<QueryData, { resultType: "matrix" }>>(
    "query_range",
    [panel.expr, panel.rangeMs, panel.endMs, step, tick],
    () => {
      const end = (panel.endMs ?? Date.now()) / 1000;
      return { query: panel.expr, start: end - panel.rangeMs / 1000, end, step, explain: "empty" };
    },
    panel.expr !== "",
  );
  const zoom = (start: number, end: number) =>
    onChange({ rangeMs: Math.max(1000, Math.round((end - start) * 1000)), endMs: Math.round(end * 1000), stepSeconds: emptyPanel.stepSeconds });
  const series = answer.data?.data.result ?? [];
  const asked = answer.data?.asked;
  return (
    <Stack gap="sm">
      <GraphControls panel={panel} onChange={onChange} />
      {panel.expr === "" && <Text c="dimmed">No expression yet.</Text>}
      <Problem error={answer.error} onFix={onFix} />
      {answer.isLoading && <Loader size="sm" />}
      {answer.data && asked && !answer.error && (
        <>
          <Notes warnings={answer.data.warnings} infos={answer.data.infos} />
          {series.length === 0 ? (
            <EmptyResult reasons={answer.data.data.explain?.empty} where="in this range" onFix={onFix} />
          ) : (
            <Graph
              series={series.slice(0, graphSeriesMax)}
              start={Number(asked.start)}
              end={Number(asked.end)}
              step={Number(asked.step)}
              stacked={panel.stacked}
              onZoom={zoom}
            />
          )}
          <Text fz="xs" c="dimmed">
            {series.length} series{series.length > graphSeriesMax && `, the first ${graphSeriesMax} are drawn`}; step {Number(asked.step)} s; answered in{" "}
            {formatSeconds(answer.data.seconds)}
          </Text>
        </>
      )}
    </Stack>
  );
}
