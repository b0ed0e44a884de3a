// Says on every page that the configuration on disk was refused, why, and what is in force instead.
import { Alert, Text } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";

import { getApi } from "../api/http";
import type { RuntimeInfo } from "../api/types";
import { formatAge } from "../format/time";

export function RejectedConfig() {
  const runtime = useQuery({
    queryKey: ["runtimeinfo", "reload"],
    queryFn: ({ signal }) => getApi<RuntimeInfo>("status/runtimeinfo", {}, signal),
    refetchInterval: 10_000,
  });
  const info = runtime.data?.data;
  if (!info || info.reloadConfigSuccess) return null;
  return (
    <Alert color="red" icon={<IconX />} mb="md" role="alert" data-testid="rejected" title="The configuration on disk was refused (FiresteelConfigRejected)">
      {info.reloadConfigError && (
        <Text ff="monospace" fz="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          {info.reloadConfigError}
        </Text>
      )}
      <Text fz="sm" mt={6}>
        The one that was loaded at {info.lastConfigTime}, {formatAge(info.lastConfigTime, Date.now())}, stays in force.
      </Text>
    </Alert>
  );
}
