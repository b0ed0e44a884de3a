// Alerting rules with their alerts, the most urgent state first.
import { Accordion, Badge, Group, Loader, SegmentedControl, Stack, Table, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { getApi } from "../api/http";
import type { AlertingRule, AlertState, Metric, RuleGroup } from "../api/types";
import { formatAge } from "../format/time";
import { Problem } from "../shell/Problem";
import { Expression, Holds, Labels, RuleFaults, stateColor } from "./RuleParts";

const states: AlertState[] = ["firing", "pending", "inactive", "unknown"];

interface Shown {
  key: string;
  group: RuleGroup;
  rule: AlertingRule;
}

export function AlertsPage() {
  const [text, setText] = useState("");
  const [only, setOnly] = useState("all");
  const answer = useQuery({
    queryKey: ["alerts"],
    refetchInterval: 5_000,
    queryFn: ({ signal }) => getApi<{ groups: RuleGroup[] }>("rules", { type: "alert" }, signal),
  });
  if (answer.error) return <Problem error={answer.error} />;
  if (!answer.data) return <Loader />;
  const all = inOrder(answer.data.data.groups);
  const shown = all.filter((one) => (only === "all" || one.rule.state === only) && matches(one, text));
  return (
    <Stack>
      <Group>
        <SegmentedControl
          aria-label="State"
          value={only}
          onChange={setOnly}
          data={["all", ...states].map((state) => ({
            value: state,
            label: `${state} ${state === "all" ? all.length : all.filter((one) => one.rule.state === state).length}`,
          }))}
        />
        <TextInput
          flex={1}
          maw={420}
          aria-label="Filter"
          leftSection={<IconSearch size={16} />}
          placeholder="Filter by name or label"
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
        />
      </Group>
      {all.length === 0 && <Text c="dimmed">There are no alerting rules: the configuration names no rule files with any.</Text>}
      <Accordion multiple variant="separated">
        {shown.map(({ key, group, rule }) => (
          <Accordion.Item key={key} value={key}>
            <Accordion.Control>
              <Group gap="sm" data-testid="alert-rule">
                <Text fw={600}>{rule.name}</Text>
                <Badge color={stateColor[rule.state]}>
                  {rule.state}
                  {rule.alerts.length > 0 && ` ${rule.alerts.length}`}
                </Badge>
                <Text fz="xs" c="dimmed">
                  {group.name}
                </Text>
              </Group>
            </Accordion.Control>
            <Accordion.Panel>
              <Stack gap="xs">
                <Expression query={rule.query} />
                <Holds rule={rule} />
                <Labels labels={rule.labels} />
                <Annotations annotations={rule.annotations} />
                <RuleFaults rule={rule} />
                {rule.alerts.length > 0 && <Alerts rule={rule} />}
              </Stack>
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Stack>
  );
}

function Alerts({ rule }: { rule: AlertingRule }) {
  return (
    <Table verticalSpacing="xs" data-testid="alerts">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Labels</Table.Th>
          <Table.Th w={110}>State</Table.Th>
          <Table.Th w={150}>Active since</Table.Th>
          <Table.Th w={130}>Value</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rule.alerts.map((alert) => (
          <Table.Tr key={JSON.stringify(alert.labels)}>
            <Table.Td>
              <Labels labels={alert.labels} />
              <Annotations annotations={alert.annotations} />
            </Table.Td>
            <Table.Td>
              <Badge color={stateColor[alert.state]}>{alert.state}</Badge>
            </Table.Td>
            <Table.Td fz="sm">
              {formatAge(alert.activeAt, Date.now())}
              {alert.keepFiringSince && (
                <Text fz="xs" c="dimmed">
                  kept firing since {formatAge(alert.keepFiringSince, Date.now())}
                </Text>
              )}
            </Table.Td>
            <Table.Td className="fs-value">{Number(alert.value).toString()}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Annotations({ annotations }: { annotations: Metric }) {
  return (
    <>
      {Object.entries(annotations).map(([name, value]) => (
        <Text key={name} fz="sm">
          <Text span c="dimmed" fz="sm">
            {name}:{" "}
          </Text>
          {value}
        </Text>
      ))}
    </>
  );
}

function inOrder(groups: RuleGroup[]): Shown[] {
  const all = groups.flatMap((group) =>
    group.rules
      .filter((rule) => rule.type === "alerting")
      .map((rule, i) => ({ key: `${group.file};${group.name};${i}`, group, rule })),
  );
  return all.sort((a, b) => states.indexOf(a.rule.state) - states.indexOf(b.rule.state));
}

function matches({ rule, group }: Shown, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  const labels = [rule.labels, ...rule.alerts.map((alert) => alert.labels)];
  const texts = labels.flatMap((set) => Object.entries(set).map(([n, v]) => `${n}="${v}"`));
  return [rule.name, group.name, ...texts].some((t) => t.toLowerCase().includes(wanted));
}
