// Targets by scrape pool: health, last scrape, last error.
import { Accordion, Alert, Anchor, Badge, Button, Code, Group, Loader, SegmentedControl, Stack, Table, Text, TextInput, Tooltip } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { getApi } from "../api/http";
import type { ActiveTarget, Metric, TargetDiagnosis, TargetsData } from "../api/types";
import { formatAge, formatSeconds } from "../format/time";
import { Problem } from "../shell/Problem";

const healthColor = { up: "teal", down: "red", unknown: "gray" } as const;

export function TargetsPage() {
  const [text, setText] = useState("");
  const [only, setOnly] = useState("all");
  const answer = useQuery({
    queryKey: ["targets"],
    refetchInterval: 5_000,
    queryFn: ({ signal }) => getApi<TargetsData>("targets", { state: "active" }, signal),
  });
  if (answer.error) return <Problem error={answer.error} />;
  if (!answer.data) return <Loader />;
  const all = answer.data.data.activeTargets;
  const pools = groupByPool(all.filter((target) => (only === "all" || target.health === only) && matches(target, text)));
  return (
    <Stack>
      <Group>
        <SegmentedControl
          aria-label="Health"
          value={only}
          onChange={setOnly}
          data={["all", "up", "down", "unknown"].map((health) => ({
            value: health,
            label: `${health} ${health === "all" ? all.length : all.filter((t) => t.health === health).length}`,
          }))}
        />
        <TextInput
          flex={1}
          maw={420}
          aria-label="Filter"
          leftSection={<IconSearch size={16} />}
          placeholder="Filter by address or label"
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
        />
      </Group>
      {all.length === 0 && <Text c="dimmed">Nothing is scraped: the configuration names no targets.</Text>}
      <Accordion key={[...pools.keys()].join(" ")} multiple variant="separated" defaultValue={[...pools.keys()]}>
        {[...pools].map(([pool, targets]) => (
          <Accordion.Item key={pool} value={pool}>
            <Accordion.Control>
              <Group gap="sm">
                <Text fw={600}>{pool}</Text>
                <Badge variant="light" color={targets.every((t) => t.health === "up") ? "teal" : "red"}>
                  {targets.filter((t) => t.health === "up").length} / {targets.length} up
                </Badge>
              </Group>
            </Accordion.Control>
            <Accordion.Panel>
              <Table verticalSpacing="xs" layout="fixed" data-testid="targets">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Endpoint</Table.Th>
                    <Table.Th>Labels</Table.Th>
                    <Table.Th w={210}>Last scrape</Table.Th>
                    <Table.Th w={110}>State</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {targets.map((target) => (
                    <TargetRow key={target.scrapeUrl + JSON.stringify(target.labels)} target={target} />
                  ))}
                </Table.Tbody>
              </Table>
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Stack>
  );
}

function TargetRow({ target }: { target: ActiveTarget }) {
  return (
    <>
      <Table.Tr>
        <Table.Td>
          <Anchor href={target.globalUrl} fz="sm" target="_blank" rel="noreferrer">
            {target.scrapeUrl}
          </Anchor>
        </Table.Td>
        <Table.Td>
          <Tooltip label={<LabelList labels={target.discoveredLabels} />} multiline maw={520}>
            <Group gap={4}>
              {Object.entries(target.labels).map(([name, value]) => (
                <Badge key={name} variant="default" tt="none" fw={400}>
                  {name}="{value}"
                </Badge>
              ))}
            </Group>
          </Tooltip>
        </Table.Td>
        <Table.Td fz="sm">
          {formatAge(target.lastScrape, Date.now())}, took {formatSeconds(target.lastScrapeDuration)}
          <Text fz="xs" c="dimmed">
            every {target.scrapeInterval}
          </Text>
        </Table.Td>
        <Table.Td>
          <Badge color={healthColor[target.health]}>{target.health}</Badge>
        </Table.Td>
      </Table.Tr>
      {target.lastError !== "" && (
        <Table.Tr>
          <Table.Td colSpan={4}>
            <Code block color="var(--mantine-color-red-light)" style={{ whiteSpace: "pre-wrap" }}>
              {target.lastError}
            </Code>
            <Diagnosis target={target} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

/** Asks the server to look at this target, and shows what it found. Nothing is asked before the button is pressed. */
function Diagnosis({ target }: { target: ActiveTarget }) {
  const answer = useQuery({
    queryKey: ["diagnose", target.scrapePool, target.scrapeUrl],
    enabled: false,
    retry: false,
    queryFn: ({ signal }) =>
      getApi<TargetDiagnosis>("targets/diagnose", { scrapePool: target.scrapePool, scrapeUrl: target.scrapeUrl }, signal),
  });
  const found = answer.data?.data;
  return (
    <Stack gap="xs" mt="xs" align="flex-start">
      <Button size="xs" variant="light" loading={answer.isFetching} onClick={() => void answer.refetch()}>
        Diagnose
      </Button>
      {answer.error && <Problem error={answer.error} />}
      {found && (
        <Alert data-testid="diagnosis" title={`${found.code}: ${found.message}`}>
          {found.notes.map((note) => (
            <Text key={note} fz="sm">
              {note}
            </Text>
          ))}
          {found.remedy !== "" && (
            <Text fz="sm" fw={600}>
              {found.remedy}
            </Text>
          )}
        </Alert>
      )}
    </Stack>
  );
}

function LabelList({ labels }: { labels: Metric }) {
  return (
    <>
      <Text fz="xs" fw={600}>
        Before relabelling
      </Text>
      {Object.entries(labels).map(([name, value]) => (
        <div key={name} className="fs-series">
          {name}="{value}"
        </div>
      ))}
    </>
  );
}

function matches(target: ActiveTarget, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return [target.scrapeUrl, ...Object.entries(target.labels).map(([n, v]) => `${n}="${v}"`)].some((t) => t.toLowerCase().includes(wanted));
}

function groupByPool(targets: ActiveTarget[]): Map<string, ActiveTarget[]> {
  const pools = new Map<string, ActiveTarget[]>();
  for (const target of targets) {
    pools.set(target.scrapePool, [...(pools.get(target.scrapePool) ?? []), target]);
  }
  return pools;
}
