// The flags in force, given or by default.
import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { getApi } from "../api/http";
import { Problem } from "../shell/Problem";
import { NameValueTable } from "./NameValueTable";

export function FlagsPage() {
  const answer = useQuery({ queryKey: ["flags"], queryFn: ({ signal }) => getApi<Record<string, string>>("status/flags", {}, signal) });
  if (answer.error) return <Problem error={answer.error} />;
  if (!answer.data) return <Loader />;
  const rows = Object.entries(answer.data.data).map(([name, value]): [string, string] => [`--${name}`, value]);
  return <NameValueTable title="Command-line flags" rows={rows} />;
}
