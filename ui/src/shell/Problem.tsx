// How the page shows what went wrong, what the server warns of, and why there is no result.
import { Alert, Anchor, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle, IconX } from "@tabler/icons-react";

import { ApiError } from "../api/http";
import type { EmptyReason } from "../api/types";

/** Puts the query that the server suggests in place of the one that was asked. */
type OnFix = (query: string) => void;

export function Problem({ error, onFix }: { error: unknown; onFix?: OnFix }) {
  if (!error) return null;
  const detail = error instanceof ApiError ? error.detail : undefined;
  return (
    <Alert color="red" icon={<IconX />} role="alert" title={error instanceof ApiError ? error.errorType : "error"}>
      <Text ff="monospace" fz="sm" style={{ whiteSpace: "pre-wrap" }}>
        {error instanceof Error ? error.message : String(error)}
      </Text>
      {detail?.message && <Text mt={6}>{detail.message}</Text>}
      <Fix query={detail?.fix} onFix={onFix} />
    </Alert>
  );
}

export function EmptyResult({ reasons, where, onFix }: { reasons?: EmptyReason[]; where: string; onFix: OnFix }) {
  return (
    <Stack gap={4} data-testid="empty">
      <Text c="dimmed">Empty result: no series matches {where}.</Text>
      {reasons?.map((reason) => (
        <div key={reason.code + reason.message}>
          <Text fz="sm">{reason.message}</Text>
          <Fix query={reason.fix} onFix={onFix} />
        </div>
      ))}
    </Stack>
  );
}

function Fix({ query, onFix }: { query?: string; onFix?: OnFix }) {
  if (!query || !onFix) return null;
  return (
    <Text fz="sm" mt={4}>
      Try{" "}
      <Anchor component="button" type="button" ff="monospace" fz="sm" onClick={() => onFix(query)}>
        {query}
      </Anchor>
    </Text>
  );
}

export function Notes({ warnings, infos }: { warnings: string[]; infos: string[] }) {
  return (
    <Stack gap="xs">
      {warnings.map((text) => (
        <Alert key={text} color="yellow" icon={<IconAlertTriangle />} p="xs">
          {text}
        </Alert>
      ))}
      {infos.map((text) => (
        <Alert key={text} color="blue" icon={<IconInfoCircle />} p="xs">
          {text}
        </Alert>
      ))}
    </Stack>
  );
}
