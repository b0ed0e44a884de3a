// What fills the head: the largest metrics and labels.
import { Loader, SimpleGrid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { getApi } from "../api/http";
import type { TsdbStatus } from "../api/types";
import { formatTime } from "../format/time";
import { Problem } from "../shell/Problem";
import { NameValueTable } from "./NameValueTable";

export function TsdbPage() {
  const answer = useQuery({ queryKey: ["tsdb"], refetchInterval: 15_000, queryFn: ({ signal }) => getApi<TsdbStatus>("status/tsdb", {}, signal) });
  if (answer.error) return <Problem error={answer.error} />;
  if (!answer.data) return <Loader />;
  const { headStats: head, ...lists } = answer.data.data;
  const rows = (list: { name: string; value: number }[]): [string, number][] => list.map(({ name, value }) => [name, value]);
  return (
    <Stack>
      <NameValueTable
        title="Head"
        rows={[
          ["Series", head.numSeries],
          ["Chunks", head.chunkCount],
          ["Label pairs", head.numLabelPairs],
          ["Oldest sample", formatTime(head.minTime)],
          ["Newest sample", formatTime(head.maxTime)],
        ]}
      />
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <NameValueTable title="Series by metric name" rows={rows(lists.seriesCountByMetricName)} />
        <NameValueTable title="Series by label pair" rows={rows(lists.seriesCountByLabelValuePair)} />
        <NameValueTable title="Values by label name" rows={rows(lists.labelValueCountByLabelName)} />
        <NameValueTable title="Bytes by label name" rows={rows(lists.memoryInBytesByLabelName)} />
      </SimpleGrid>
    </Stack>
  );
}
