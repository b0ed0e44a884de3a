// What the lists of rules and of alerts show alike: an expression, labels, what is wrong with a rule.
import { Alert, Anchor, Badge, Code, Group, Text } from "@mantine/core";
import { Link } from "react-router";

import type { AlertState, Metric, Rule } from "../api/types";
import { formatDuration } from "../format/duration";
import { emptyPanel, writePanels } from "../query/panelState";

export const stateColor: Record<AlertState, string> = { unknown: "gray", inactive: "teal", pending: "yellow", firing: "red" };

/** An expression, and the way to its result. */
export function Expression({ query }: { query: string }) {
  return (
    <Anchor component={Link} to={`/query?${writePanels([{ ...emptyPanel, expr: query }])}`} underline="never">
      <Code style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{query}</Code>
    </Anchor>
  );
}

export function Labels({ labels }: { labels: Metric }) {
  return (
    <Group gap={4}>
      {Object.entries(labels).map(([name, value]) => (
        <Badge key={name} variant="default" tt="none" fw={400}>
          {name}="{value}"
        </Badge>
      ))}
    </Group>
  );
}

/** "for 5m, keeps firing for 1m"; nothing for a rule without either. */
export function Holds({ rule }: { rule: Rule }) {
  if (rule.type !== "alerting") return null;
  const holds = [
    rule.duration > 0 && `for ${formatDuration(rule.duration * 1000)}`,
    rule.keepFiringFor > 0 && `keeps firing for ${formatDuration(rule.keepFiringFor * 1000)}`,
  ].filter(Boolean);
  return (
    <Text fz="xs" c="dimmed">
      {holds.join(", ")}
    </Text>
  );
}

/** The last error of a rule, and why it can never yield anything. */
export function RuleFaults({ rule }: { rule: Rule }) {
  return (
    <>
      {rule.lastError && (
        <Code block color="var(--mantine-color-red-light)" style={{ whiteSpace: "pre-wrap" }}>
          {rule.lastError}
        </Code>
      )}
      {rule.matchesNothing?.map((one) => (
        <Alert key={one.code + one.message} color="yellow" p="xs" data-testid="matches-nothing" title={`${one.code}: this rule can never yield anything`}>
          <Text fz="sm">{one.message}</Text>
          {one.fix && <Expression query={one.fix} />}
        </Alert>
      ))}
    </>
  );
}
