// The query page: panels from the address, examples for the first visit, refresh.
import { Button, Group, Select, Stack, Text } from "@mantine/core";
import { useInterval } from "@mantine/hooks";
import { IconPlus, IconRefresh } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useSearchParams } from "react-router";

import { examples } from "./examples";
import { Panel } from "./Panel";
import { emptyPanel, type PanelState, readPanels, writePanels } from "./panelState";

const refreshSeconds = [0, 5, 15, 60];

export function QueryPage() {
  const [search, setSearch] = useSearchParams();
  const panels = useMemo(() => {
    const read = readPanels(search.toString());
    return read.length > 0 ? read : [emptyPanel];
  }, [search]);
  const [tick, setTick] = useState(0);
  const [every, setEvery] = useState(5);
  const again = () => setTick((n) => n + 1);
  const timer = useInterval(again, Math.max(every, 1) * 1000);
  useEffect(() => {
    if (every > 0) timer.start();
    return timer.stop;
  }, [every]);

  // Keys that stay with a panel when one before it is removed.
  const keys = useRef<number[]>([]);
  while (keys.current.length < panels.length) keys.current.push(keys.current.length ? Math.max(...keys.current) + 1 : 0);

  const write = (next: PanelState[]) => setSearch(writePanels(next));
  const change = (i: number, part: Partial<PanelState>) => write(panels.map((panel, n) => (n === i ? { ...panel, ...part } : panel)));
  const remove = (i: number) => {
    keys.current.splice(i, 1);
    write(panels.filter((_, n) => n !== i));
  };
  const first = panels.length === 1 && panels[0]?.expr === "";
  return (
    <Stack>
      <Group justify="flex-end" gap="xs">
        <Select
          w={150}
          aria-label="Refresh"
          leftSection={<IconRefresh size={16} />}
          value={String(every)}
          allowDeselect={false}
          data={refreshSeconds.map((s) => ({ value: String(s), label: s === 0 ? "no refresh" : `every ${s} s` }))}
          onChange={(value) => setEvery(Number(value))}
        />
      </Group>
      {panels.map((panel, i) => (
        <Panel
          key={keys.current[i]}
          panel={panel}
          tick={tick}
          onChange={(part) => change(i, part)}
          onRun={again}
          onRemove={panels.length > 1 ? () => remove(i) : undefined}
        />
      ))}
      {first && (
        <Group gap="xs">
          <Text fz="sm" c="dimmed">
            Try:
          </Text>
          {examples.map(({ name, expr, stacked }) => (
            <Button
              key={name}
              size="compact-sm"
              variant="light"
              onClick={() => write([{ ...emptyPanel, expr, stacked: stacked ?? false, tab: "graph", rangeMs: 300_000 }])}
            >
              {name}
            </Button>
          ))}
        </Group>
      )}
      <Group>
        <Button variant="default" leftSection={<IconPlus size={16} />} onClick={() => write([...panels, emptyPanel])}>
          Add panel
        </Button>
      </Group>
    </Stack>
  );
}
