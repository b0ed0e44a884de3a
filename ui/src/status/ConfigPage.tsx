// The configuration in force, with its defaults, as the server prints it.
import { Button, Code, CopyButton, Group, Loader, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { getApi } from "../api/http";
import { Problem } from "../shell/Problem";

export function ConfigPage() {
  const answer = useQuery({ queryKey: ["config"], queryFn: ({ signal }) => getApi<{ yaml: string }>("status/config", {}, signal) });
  if (answer.error) return <Problem error={answer.error} />;
  if (!answer.data) return <Loader />;
  const { yaml } = answer.data.data;
  return (
    <Stack>
      <Group justify="flex-end">
        <CopyButton value={yaml}>{({ copied, copy }) => <Button variant="default" onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}</CopyButton>
      </Group>
      <Code block>{yaml}</Code>
    </Stack>
  );
}
