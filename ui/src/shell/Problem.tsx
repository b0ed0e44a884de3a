// How the page shows what went wrong, and what the server warns of.
import { Alert, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle, IconX } from "@tabler/icons-react";

import { ApiError } from "../api/http";

export function Problem({ error }: { error: unknown }) {
  if (!error) return null;
  const hint = error instanceof ApiError ? error.hint : undefined;
  return (
    <Alert color="red" icon={<IconX />} role="alert" title={error instanceof ApiError ? error.errorType : "error"}>
      <Text ff="monospace" fz="sm" style={{ whiteSpace: "pre-wrap" }}>
        {error instanceof Error ? error.message : String(error)}
      </Text>
      {hint && <Text mt={6}>{hint}</Text>}
    </Alert>
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
