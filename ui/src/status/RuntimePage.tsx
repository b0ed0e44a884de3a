// What runs, since when, with what.
import { Loader, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { getApi } from "../api/http";
import { Problem } from "../shell/Problem";
import { NameValueTable } from "./NameValueTable";

type Facts = Record<string, string | number | boolean>;

export function RuntimePage() {
  const runtime = useQuery({ queryKey: ["runtimeinfo"], queryFn: ({ signal }) => getApi<Facts>("status/runtimeinfo", {}, signal) });
  const build = useQuery({ queryKey: ["buildinfo"], queryFn: ({ signal }) => getApi<Facts>("status/buildinfo", {}, signal) });
  if (runtime.error || build.error) return <Problem error={runtime.error ?? build.error} />;
  if (!runtime.data || !build.data) return <Loader />;
  return (
    <Stack>
      <NameValueTable title="Build" rows={Object.entries(build.data.data)} />
      <NameValueTable title="Runtime" rows={Object.entries(runtime.data.data)} />
    </Stack>
  );
}
