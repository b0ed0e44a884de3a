// Rules by group: state, expression, health, timings, and rules that can never yield anything.
import { Accordion, Badge, Group, Loader, SegmentedControl, Stack, Table, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { getApi } from "../api/http";
import type { Rule, RuleGroup } from "../api/types";
import { formatAge, formatSeconds } from "../format/time";
import { Problem } from "../shell/Problem";
import { Expression, Holds, Labels, RuleFaults, stateColor } from "./RuleParts";

const healthColor = { ok: "teal", err: "red", unknown: "gray" } as const;
const kinds = ["all", "ok", "err", "unknown", "never fires"];

export function RulesPage() {
  const [text, setText] = useState("");
  const [only, setOnly] = useState("all");
  const answer = useQuery({
    queryKey: ["rules"],
    refetchInterval: 5_000,
    queryFn: ({ signal }) => getApi<{ groups: RuleGroup[] }>("rules", { exclude_alerts: "true" }, signal),
  });
  if (answer.error) return <Problem error={answer.error} />;
  if (!answer.data) return <Loader />;
  const all = answer.data.data.groups.flatMap((group) => group.rules);
  const groups = answer.data.data.groups
    .map((group) => ({ ...group, rules: group.rules.filter((rule) => isOf(rule, only) && matches(rule, group, text)) }))
    .filter((group) => group.rules.length > 0);
  return (
    <Stack>
      <Group>
        <SegmentedControl
          aria-label="Health"
          value={only}
          onChange={setOnly}
          data={kinds.map((kind) => ({ value: kind, label: `${kind} ${all.filter((rule) => isOf(rule, kind)).length}` }))}
        />
        <TextInput
          flex={1}
          maw={420}
          aria-label="Filter"
          leftSection={<IconSearch size={16} />}
          placeholder="Filter by name, group or expression"
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
        />
      </Group>
      {all.length === 0 && <Text c="dimmed">There are no rules: the configuration names no rule files.</Text>}
      <Accordion key={groups.map(keyOf).join(" ")} multiple variant="separated" defaultValue={groups.map(keyOf)}>
        {groups.map((group) => (
          <Accordion.Item key={keyOf(group)} value={keyOf(group)}>
            <Accordion.Control>
              <Group gap="sm">
                <Text fw={600}>{group.name}</Text>
                <Text fz="xs" c="dimmed">
                  {group.file}; every {formatSeconds(group.interval)}, {formatAge(group.lastEvaluation, Date.now())}, took{" "}
                  {formatSeconds(group.evaluationTime)}
                </Text>
              </Group>
            </Accordion.Control>
            <Accordion.Panel>
              <Table verticalSpacing="xs" layout="fixed" data-testid="rules">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th w={260}>Rule</Table.Th>
                    <Table.Th>Expression</Table.Th>
                    <Table.Th w={170}>Last evaluation</Table.Th>
                    <Table.Th w={110}>Health</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {group.rules.map((rule, i) => (
                    <RuleRow key={`${i} ${rule.name}`} rule={rule} />
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

function RuleRow({ rule }: { rule: Rule }) {
  return (
    <Table.Tr>
      <Table.Td style={{ verticalAlign: "top" }}>
        <Group gap={6}>
          <Text fz="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
            {rule.name}
          </Text>
          {rule.type === "alerting" && <Badge color={stateColor[rule.state]}>{rule.state}</Badge>}
        </Group>
        <Holds rule={rule} />
        <Labels labels={rule.labels} />
      </Table.Td>
      <Table.Td style={{ verticalAlign: "top" }}>
        <Stack gap={6}>
          <Expression query={rule.query} />
          <RuleFaults rule={rule} />
        </Stack>
      </Table.Td>
      <Table.Td fz="sm" style={{ verticalAlign: "top" }}>
        {formatAge(rule.lastEvaluation, Date.now())}
        <Text fz="xs" c="dimmed">
          took {formatSeconds(rule.evaluationTime)}
        </Text>
      </Table.Td>
      <Table.Td style={{ verticalAlign: "top" }}>
        <Badge color={healthColor[rule.health]}>{rule.health}</Badge>
      </Table.Td>
    </Table.Tr>
  );
}

const keyOf = (group: RuleGroup) => `${group.file};${group.name}`;

function isOf(rule: Rule, kind: string): boolean {
  return kind === "all" || (kind === "never fires" ? (rule.matchesNothing ?? []).length > 0 : rule.health === kind);
}

function matches(rule: Rule, group: RuleGroup, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return [rule.name, rule.query, group.name, group.file].some((t) => t.toLowerCase().includes(wanted));
}
